// GIF through giflib, opened when the first such picture is met. Records are read one by one and reading stops after
// the first frame, so that a long animation costs no more than a still picture.
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <gif_lib.h>

#define FUNCTIONS(X)                                                                                                  \
    X(DGifOpen) X(DGifCloseFile) X(DGifGetRecordType) X(DGifGetImageDesc) X(DGifGetExtension)                         \
    X(DGifGetExtensionNext) X(DGifExtensionToGCB) X(DGifGetLine)

static struct {
    FUNCTIONS(CC_MEMBER)
} library;

static struct {
    pthread_once_t once;
    bool there;
    cc_failure failure;
} gif = {.once = PTHREAD_ONCE_INIT};

static void open_library(void) {
    static const char *const names[] = CC_LIBRARY_NAMES("gif", "7");
    static const cc_symbol symbols[] = {FUNCTIONS(CC_ENTRY)};
    gif.there = cc_library_open(names, symbols, sizeof symbols / sizeof *symbols, &gif.failure);
}

static int read_bytes(GifFileType *file, GifByteType *into, int wanted) {
    return wanted < 0 ? 0 : (int)cc_read(file->UserData, into, (size_t)wanted);
}

typedef struct decoder {
    cc_reader reader;
    GifFileType *file;
    int transparent; // palette index, or -1
    cc_failure *failure;
} decoder;

static cc_status broken(decoder *self, const char *what) {
    if (self->reader.ended) {
        cc_fail(self->failure, "the data ends early");
        return CC_TRUNCATED;
    }
    cc_fail(self->failure, "%s (giflib error %d)", what, self->file ? self->file->Error : 0);
    return CC_CORRUPT;
}

// Opens the file and reads up to the pixels of its first frame.
static cc_status open_frame(
    decoder *self, const uint8_t *data, size_t count, const cc_limits *limits, cc_failure *failure) {
    pthread_once(&gif.once, open_library);
    if (!gif.there) {
        *failure = gif.failure;
        return CC_NO_LIBRARY;
    }
    self->reader = (cc_reader){.data = data, .count = count};
    self->transparent = -1;
    self->failure = failure;
    int error = 0;
    self->file = library.DGifOpen(&self->reader, read_bytes, &error);
    if (self->file == NULL) return broken(self, "the header is invalid");
    for (;;) {
        GifRecordType type;
        if (library.DGifGetRecordType(self->file, &type) == GIF_ERROR) return broken(self, "a record is invalid");
        if (type == IMAGE_DESC_RECORD_TYPE) break;
        if (type == TERMINATE_RECORD_TYPE) {
            cc_fail(failure, "it holds no picture");
            return CC_CORRUPT;
        }
        if (type != EXTENSION_RECORD_TYPE) continue;
        int code = 0;
        GifByteType *block = NULL;
        if (library.DGifGetExtension(self->file, &code, &block) == GIF_ERROR) {
            return broken(self, "an extension is invalid");
        }
        while (block != NULL) {
            GraphicsControlBlock control;
            if (code == GRAPHICS_EXT_FUNC_CODE
                && library.DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
                self->transparent = control.TransparentColor;
            }
            if (library.DGifGetExtensionNext(self->file, &block) == GIF_ERROR) {
                return broken(self, "an extension is invalid");
            }
        }
    }
    if (library.DGifGetImageDesc(self->file) == GIF_ERROR) return broken(self, "the frame's head is invalid");
    const GifImageDesc *frame = &self->file->Image;
    if (frame->Width <= 0 || frame->Height <= 0 || frame->Left < 0 || frame->Top < 0) {
        cc_fail(failure, "a frame of %d x %d pixels", frame->Width, frame->Height);
        return CC_CORRUPT;
    }
    if ((uint64_t)frame->Width * (uint64_t)frame->Height > limits->max_pixels) {
        cc_fail(failure, "a frame of %d x %d pixels", frame->Width, frame->Height);
        return CC_TOO_LARGE;
    }
    return CC_OK;
}

// A file that names no canvas gets one that holds its frame.
static void canvas_size(const GifFileType *file, cc_header *header) {
    const bool named = file->SWidth > 0 && file->SHeight > 0;
    header->width = (uint32_t)(named ? file->SWidth : file->Image.Left + file->Image.Width);
    header->height = (uint32_t)(named ? file->SHeight : file->Image.Top + file->Image.Height);
    header->output_width = header->width;
    header->output_height = header->height;
}

static void close_file(decoder *self) {
    int error = 0;
    if (self->file) library.DGifCloseFile(self->file, &error);
}

cc_status cc_gif_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure) {
    decoder self = {0};
    cc_status status = open_frame(&self, data, count, limits, failure);
    if (status == CC_OK) canvas_size(self.file, header);
    if (status == CC_TOO_LARGE) {
        header->width = (uint32_t)self.file->Image.Width;
        header->height = (uint32_t)self.file->Image.Height;
    }
    close_file(&self);
    return status;
}

static cc_status read_frame(decoder *self, const cc_header *header, uint8_t *rgb, GifPixelType *line) {
    const GifImageDesc frame = self->file->Image;
    const ColorMapObject *colors = frame.ColorMap ? frame.ColorMap : self->file->SColorMap;
    if (colors == NULL) {
        cc_fail(self->failure, "it has no palette");
        return CC_CORRUPT;
    }
    static const struct {
        int first, step;
    } interlaced[] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}}, in_order[] = {{0, 1}};
    int rows_done = 0;
    for (int pass = 0; pass < (frame.Interlace ? 4 : 1); pass++) {
        const int first = frame.Interlace ? interlaced[pass].first : in_order[0].first;
        const int step = frame.Interlace ? interlaced[pass].step : in_order[0].step;
        for (int y = first; y < frame.Height; y += step) {
            if (library.DGifGetLine(self->file, line, frame.Width) == GIF_ERROR) {
                const cc_status status = broken(self, "the pixel data is invalid");
                return status == CC_TRUNCATED && rows_done > 0 ? CC_DAMAGED : status;
            }
            rows_done++;
            const int64_t row = (int64_t)frame.Top + y;
            if (row >= header->height) continue;
            for (int x = 0; x < frame.Width; x++) {
                const int64_t column = (int64_t)frame.Left + x;
                if (column >= header->width) break;
                if (line[x] == self->transparent || line[x] >= colors->ColorCount) continue;
                const GifColorType color = colors->Colors[line[x]];
                uint8_t *pixel = rgb + 3 * ((size_t)row * header->width + (size_t)column);
                pixel[0] = color.Red;
                pixel[1] = color.Green;
                pixel[2] = color.Blue;
            }
        }
    }
    return CC_OK;
}

cc_status cc_gif_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    decoder self = {0};
    cc_header again = {0};
    cc_status status = open_frame(&self, data, count, limits, failure);
    if (status == CC_OK) {
        canvas_size(self.file, &again);
        if (!CC_SAME_SIZE(header, again.width, again.height)) {
            cc_fail(failure, "its size changed while it was read");
            status = CC_CORRUPT;
        }
    }
    if (status == CC_OK) {
        memset(rgb, 255, (size_t)3 * header->width * header->height);
        GifPixelType *line = malloc((size_t)self.file->Image.Width);
        if (line == NULL) {
            cc_fail(failure, "no memory for a row of %d pixels", self.file->Image.Width);
            status = CC_NO_MEMORY;
        } else {
            status = read_frame(&self, header, rgb, line);
        }
        free(line);
    }
    close_file(&self);
    return status;
}
