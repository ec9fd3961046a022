// TIFF through libtiff (4.5 or newer), opened when the first such picture is met.
#include "internal.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#define FUNCTIONS(X)                                                                                                  \
    X(TIFFOpenOptionsAlloc) X(TIFFOpenOptionsFree) X(TIFFOpenOptionsSetMaxSingleMemAlloc)                             \
    X(TIFFOpenOptionsSetErrorHandlerExtR) X(TIFFOpenOptionsSetWarningHandlerExtR) X(TIFFClientOpenExt)                \
    X(TIFFClose) X(TIFFGetField) X(TIFFSetField) X(TIFFIsTiled) X(TIFFStripSize64) X(TIFFTileSize64)                  \
    X(TIFFRGBAImageOK) X(TIFFReadRGBAImageOriented)

static struct {
    FUNCTIONS(CC_MEMBER)
} library;

static struct {
    pthread_once_t once;
    bool there;
    cc_failure failure;
} tiff = {.once = PTHREAD_ONCE_INIT};

static void open_library(void) {
    static const char *const names[] = CC_LIBRARY_NAMES("tiff", "6");
    static const cc_symbol symbols[] = {FUNCTIONS(CC_ENTRY)};
    tiff.there = cc_library_open(names, symbols, sizeof symbols / sizeof *symbols, &tiff.failure);
}

typedef struct decoder {
    cc_reader reader;
    TIFF *file;
    cc_failure *failure;
    bool said; // the first error is the telling one
} decoder;

static tmsize_t read_bytes(thandle_t handle, void *into, tmsize_t wanted) {
    decoder *self = handle;
    return wanted <= 0 ? 0 : (tmsize_t)cc_read(&self->reader, into, (size_t)wanted);
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t count) {
    (void)handle, (void)from, (void)count;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    decoder *self = handle;
    cc_reader *reader = &self->reader;
    if (whence == SEEK_CUR) offset += reader->offset;
    if (whence == SEEK_END) offset += reader->count;
    if (offset > reader->count) {
        reader->ended = true;
        offset = reader->count;
    }
    reader->offset = (size_t)offset;
    return offset;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    decoder *self = handle;
    return self->reader.count;
}

static int map_nothing(thandle_t handle, void **base, toff_t *size) {
    (void)handle, (void)base, (void)size;
    return 0;
}

static void unmap_nothing(thandle_t handle, void *base, toff_t size) { (void)handle, (void)base, (void)size; }

static int take_error(TIFF *file, void *user, const char *module, const char *format, va_list arguments) {
    (void)file, (void)module;
    decoder *self = user;
    if (!self->said) {
        char text[sizeof self->failure->text];
        vsnprintf(text, sizeof text, format, arguments);
        cc_fail(self->failure, "%s", text);
        self->said = true;
    }
    return 1;
}

static int drop_warning(TIFF *file, void *user, const char *module, const char *format, va_list arguments) {
    (void)file, (void)user, (void)module, (void)format, (void)arguments;
    return 1;
}

static cc_status broken(decoder *self, const char *what) {
    if (!self->said) cc_fail(self->failure, "%s", what);
    if (strstr(self->failure->text, "Memory allocation of")) return CC_NO_MEMORY; // beyond the limit it was opened with
    return self->reader.ended ? CC_TRUNCATED : CC_CORRUPT;
}

static cc_status open_file(
    decoder *self, const uint8_t *data, size_t count, const cc_limits *limits, cc_header *sizes,
    cc_failure *failure) {
    pthread_once(&tiff.once, open_library);
    if (!tiff.there) {
        *failure = tiff.failure;
        return CC_NO_LIBRARY;
    }
    self->reader = (cc_reader){.data = data, .count = count};
    self->failure = failure;
    TIFFOpenOptions *options = library.TIFFOpenOptionsAlloc();
    if (options == NULL) {
        cc_fail(failure, "libtiff could not start");
        return CC_NO_MEMORY;
    }
    const uint64_t ceiling = limits->max_working_bytes;
    library.TIFFOpenOptionsSetMaxSingleMemAlloc(options, ceiling < LONG_MAX ? (tmsize_t)ceiling : LONG_MAX);
    library.TIFFOpenOptionsSetErrorHandlerExtR(options, take_error, self);
    library.TIFFOpenOptionsSetWarningHandlerExtR(options, drop_warning, self);
    self->file = library.TIFFClientOpenExt(
        "picture", "rm", self, read_bytes, write_nothing, seek, close_nothing, size_of, map_nothing, unmap_nothing,
        options);
    library.TIFFOpenOptionsFree(options);
    if (self->file == NULL) return broken(self, "the header is invalid");
    uint32_t width = 0, height = 0;
    if (!library.TIFFGetField(self->file, TIFFTAG_IMAGEWIDTH, &width)
        || !library.TIFFGetField(self->file, TIFFTAG_IMAGELENGTH, &height) || width == 0 || height == 0) {
        return broken(self, "it names no size");
    }
    sizes->width = sizes->output_width = width;
    sizes->height = sizes->output_height = height;
    uint16_t orientation = 0;
    if (library.TIFFGetField(self->file, TIFFTAG_ORIENTATION, &orientation)) sizes->orientation = orientation;
    return CC_OK;
}

static void close_file(decoder *self) {
    if (self->file) library.TIFFClose(self->file);
}

cc_status cc_tiff_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure) {
    decoder self = {0};
    cc_status status = open_file(&self, data, count, limits, header, failure);
    close_file(&self);
    return status;
}

static cc_status read_pixels(decoder *self, const cc_limits *limits, const cc_header *header, uint8_t *rgb) {
    char reason[1024] = "";
    if (!library.TIFFRGBAImageOK(self->file, reason)) {
        cc_fail(self->failure, "%s", reason);
        return CC_UNSUPPORTED;
    }
    const uint64_t part = library.TIFFIsTiled(self->file) ? library.TIFFTileSize64(self->file)
                                                           : library.TIFFStripSize64(self->file);
    const uint64_t pixels = (uint64_t)header->width * header->height;
    if (part > limits->max_working_bytes || pixels > limits->max_working_bytes / 4) {
        cc_fail(self->failure, "no memory for a raster of %u x %u pixels with tiles or strips of %llu bytes",
            header->width, header->height, (unsigned long long)part);
        return CC_NO_MEMORY;
    }
    uint32_t *raster = malloc((size_t)pixels * 4);
    if (raster == NULL) {
        cc_fail(self->failure, "no memory for a raster of %u x %u pixels", header->width, header->height);
        return CC_NO_MEMORY;
    }
    // Read as stored: libtiff would flip, but not turn; the caller applies the whole orientation.
    library.TIFFSetField(self->file, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    if (!library.TIFFReadRGBAImageOriented(
            self->file, header->width, header->height, raster, ORIENTATION_TOPLEFT, 1)) {
        free(raster);
        return broken(self, "the pixel data is invalid");
    }
    for (size_t i = 0; i < pixels; i++) { // libtiff's colours are multiplied by alpha already
        const uint32_t pixel = raster[i], paper = 255 - TIFFGetA(pixel);
        const uint32_t channels[3] = {TIFFGetR(pixel) + paper, TIFFGetG(pixel) + paper, TIFFGetB(pixel) + paper};
        for (int channel = 0; channel < 3; channel++) {
            rgb[3 * i + channel] = (uint8_t)(channels[channel] < 255 ? channels[channel] : 255);
        }
    }
    free(raster);
    return CC_OK;
}

cc_status cc_tiff_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    decoder self = {0};
    cc_header again = {0};
    cc_status status = open_file(&self, data, count, limits, &again, failure);
    if (status == CC_OK && !CC_SAME_SIZE(header, again.width, again.height)) {
        cc_fail(failure, "its size changed while it was read");
        status = CC_CORRUPT;
    }
    if (status == CC_OK) status = read_pixels(&self, limits, header, rgb);
    close_file(&self);
    return status;
}
