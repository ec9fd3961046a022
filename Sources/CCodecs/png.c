// PNG through libpng, whose errors leave by longjmp.
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include <png.h>

typedef struct decoder {
    png_structp png;
    png_infop info;
    cc_reader reader;
    cc_failure *failure;
    cc_status status;
    uint8_t *rgba;      // one row, or all rows of an interlaced picture with alpha
    uint8_t **rows;     // row pointers of an interlaced picture
    uint32_t rows_done; // complete rows of a picture that is not interlaced
} decoder;

static void leave(png_structp png, png_const_charp message) {
    decoder *self = png_get_error_ptr(png);
    if (self->reader.ended) {
        self->status = CC_TRUNCATED;
    } else if (strstr(message, "unhandled critical chunk")) {
        self->status = CC_UNSUPPORTED;
    } else if (strstr(message, "emory")) {
        self->status = CC_NO_MEMORY;
    } else {
        self->status = CC_CORRUPT;
    }
    cc_fail(self->failure, "%s", self->reader.ended ? "the data ends early" : message);
    png_longjmp(png, 1);
}

static void print_nothing(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void read_bytes(png_structp png, png_bytep into, size_t wanted) {
    decoder *self = png_get_io_ptr(png);
    if (cc_read(&self->reader, into, wanted) != wanted) png_error(png, "end of data");
}

static void finish(decoder *self) {
    png_destroy_read_struct(&self->png, &self->info, NULL);
    free(self->rgba);
    free(self->rows);
}

static cc_status prepare(decoder *self, const uint8_t *data, size_t count, cc_failure *failure) {
    self->failure = failure;
    self->status = CC_CORRUPT;
    self->reader = (cc_reader){.data = data, .count = count};
    self->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, self, leave, print_nothing);
    self->info = self->png ? png_create_info_struct(self->png) : NULL;
    if (self->info) return CC_OK;
    cc_fail(failure, "libpng could not start");
    return CC_NO_MEMORY;
}

// Reads all chunks before the pixels; leaves by longjmp on errors.
static void read_header(decoder *self) {
    // Texts, colour profiles and the like are passed over unread: they change no pixel here.
    static const png_byte unread[] = "iCCP\0iTXt\0tEXt\0zTXt\0sPLT\0hIST\0gAMA\0cHRM\0sRGB\0eXIf\0pHYs\0tIME";
    png_set_keep_unknown_chunks(self->png, PNG_HANDLE_CHUNK_NEVER, unread, (int)(sizeof unread / 5));
    png_set_read_fn(self->png, self, read_bytes);
    png_set_compression_buffer_size(self->png, 1024); // what follows the last whole piece of a cut file is lost
    png_read_info(self->png, self->info);
}

static cc_status sizes(decoder *self, cc_header *header) {
    if (setjmp(png_jmpbuf(self->png))) return self->status;
    read_header(self);
    header->width = header->output_width = png_get_image_width(self->png, self->info);
    header->height = header->output_height = png_get_image_height(self->png, self->info);
    return CC_OK;
}

cc_status cc_png_header(const uint8_t *data, size_t count, cc_header *header, cc_failure *failure) {
    decoder self = {0};
    cc_status status = prepare(&self, data, count, failure);
    if (status == CC_OK) status = sizes(&self, header);
    finish(&self);
    return status;
}

// Decodes after the header; leaves by longjmp on errors.
static void read_rows(decoder *self, const cc_limits *limits, const cc_header *header, uint8_t *rgb) {
    png_structp png = self->png;
    if (png_get_bit_depth(png, self->info) == 16) png_set_scale_16(png);
    png_set_expand(png);
    png_set_gray_to_rgb(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, self->info);

    const uint32_t width = header->width, height = header->height;
    const size_t channels = png_get_channels(png, self->info);
    const size_t row_bytes = png_get_rowbytes(png, self->info);
    if ((channels != 3 && channels != 4) || row_bytes != channels * width) png_error(png, "unexpected row layout");
    const size_t stride = (size_t)3 * width;

    if (channels == 4) {
        const uint64_t bytes = passes > 1 ? (uint64_t)row_bytes * height : row_bytes;
        self->rgba = bytes <= limits->max_working_bytes ? malloc((size_t)bytes) : NULL;
        if (self->rgba == NULL) png_error(png, "out of memory");
    }
    if (passes > 1) {
        self->rows = malloc(sizeof *self->rows * height);
        if (self->rows == NULL) png_error(png, "out of memory");
        for (uint32_t y = 0; y < height; y++) {
            self->rows[y] = self->rgba ? self->rgba + row_bytes * y : rgb + stride * y;
        }
        png_read_image(png, self->rows);
    }
    for (uint32_t y = 0; y < height; y++) {
        uint8_t *row = rgb + stride * y;
        const uint8_t *source = self->rgba;
        if (passes > 1) {
            source = self->rows[y];
        } else {
            png_read_row(png, self->rgba ? self->rgba : row, NULL);
        }
        if (self->rgba) {
            for (uint32_t x = 0; x < width; x++) cc_over_white(row + 3 * (size_t)x, source + 4 * (size_t)x);
        }
        self->rows_done = y + 1;
    }
    // What follows the pixels is not asked for; a missing or damaged end changes nothing in the picture.
}

static cc_status decode(decoder *self, const cc_limits *limits, const cc_header *header, uint8_t *rgb) {
    if (setjmp(png_jmpbuf(self->png))) {
        if (self->status != CC_TRUNCATED || self->rows_done == 0) return self->status;
        const size_t stride = (size_t)3 * header->width;
        memset(rgb + stride * self->rows_done, 255, stride * (header->height - self->rows_done));
        return CC_DAMAGED;
    }
    read_header(self);
    if (!CC_SAME_SIZE(
            header, png_get_image_width(self->png, self->info), png_get_image_height(self->png, self->info))) {
        png_error(self->png, "its size changed while it was read");
    }
    read_rows(self, limits, header, rgb);
    return CC_OK;
}

cc_status cc_png_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    decoder self = {0};
    cc_status status = prepare(&self, data, count, failure);
    if (status == CC_OK) status = decode(&self, limits, header, rgb);
    finish(&self);
    return status;
}
