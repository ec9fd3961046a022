// HEIC and AVIF through libheif (1.13 or newer), opened when the first such picture is met.
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <libheif/heif.h>

#define FUNCTIONS(X)                                                                                                  \
    X(heif_init) X(heif_context_alloc) X(heif_context_free) X(heif_context_read_from_memory_without_copy)             \
    X(heif_context_set_max_decoding_threads) X(heif_context_get_primary_image_handle) X(heif_image_handle_release)    \
    X(heif_image_handle_get_width) X(heif_image_handle_get_height) X(heif_image_handle_has_alpha_channel)             \
    X(heif_image_handle_is_premultiplied_alpha) X(heif_image_handle_get_list_of_metadata_block_IDs)                   \
    X(heif_image_handle_get_metadata_size) X(heif_image_handle_get_metadata) X(heif_decoding_options_alloc)           \
    X(heif_decoding_options_free) X(heif_decode_image) X(heif_image_release) X(heif_image_get_width)                  \
    X(heif_image_get_height) X(heif_image_get_plane_readonly)

static struct {
    FUNCTIONS(CC_MEMBER)
} library;

static struct {
    pthread_once_t once;
    bool there;
    cc_failure failure;
} heif = {.once = PTHREAD_ONCE_INIT};

static void open_library(void) {
    static const char *const names[] = CC_LIBRARY_NAMES("heif", "1");
    static const cc_symbol symbols[] = {FUNCTIONS(CC_ENTRY)};
    heif.there = cc_library_open(names, symbols, sizeof symbols / sizeof *symbols, &heif.failure);
    if (heif.there) library.heif_init(NULL); // loads the decoder plugins of distributions that split them off
}

typedef struct decoder {
    struct heif_context *context;
    struct heif_image_handle *picture;
    cc_failure *failure;
} decoder;

static cc_status broken(decoder *self, struct heif_error error) {
    if (error.subcode == heif_suberror_Unsupported_codec) {
        cc_fail(self->failure, "the installed libheif has no decoder for this codec "
                               "(packages libheif-plugin-libde265 for HEIC, libheif-plugin-dav1d for AVIF)");
        return CC_UNSUPPORTED;
    }
    cc_fail(self->failure, "%s", error.message ? error.message : "libheif gave no reason");
    if (error.subcode == heif_suberror_End_of_data) return CC_TRUNCATED;
    if (error.subcode == heif_suberror_Security_limit_exceeded) return CC_TOO_LARGE;
    switch (error.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature: return CC_UNSUPPORTED;
    case heif_error_Memory_allocation_error: return CC_NO_MEMORY;
    default: return CC_CORRUPT;
    }
}

static cc_status open_picture(
    decoder *self, const uint8_t *data, size_t count, cc_header *sizes, cc_failure *failure) {
    pthread_once(&heif.once, open_library);
    if (!heif.there) {
        *failure = heif.failure;
        return CC_NO_LIBRARY;
    }
    self->failure = failure;
    self->context = library.heif_context_alloc();
    if (self->context == NULL) {
        cc_fail(failure, "libheif could not start");
        return CC_NO_MEMORY;
    }
    library.heif_context_set_max_decoding_threads(self->context, 0); // the caller's threads are enough
    struct heif_error error = library.heif_context_read_from_memory_without_copy(self->context, data, count, NULL);
    if (error.code != heif_error_Ok) return broken(self, error);
    error = library.heif_context_get_primary_image_handle(self->context, &self->picture);
    if (error.code != heif_error_Ok) return broken(self, error);
    const int width = library.heif_image_handle_get_width(self->picture);
    const int height = library.heif_image_handle_get_height(self->picture);
    if (width <= 0 || height <= 0) {
        cc_fail(failure, "a picture of %d x %d pixels", width, height);
        return CC_CORRUPT;
    }
    sizes->width = sizes->output_width = (uint32_t)width;
    sizes->height = sizes->output_height = (uint32_t)height;
    return CC_OK;
}

static void close_picture(decoder *self) {
    if (self->picture) library.heif_image_handle_release(self->picture);
    if (self->context) library.heif_context_free(self->context);
}

// Copies the EXIF block, if there is one of sensible size, without the offset field HEIF puts before it.
static void copy_exif(decoder *self, cc_header *header) {
    enum { offset_bytes = 4, most_bytes = 4 << 20 };
    heif_item_id id;
    if (library.heif_image_handle_get_list_of_metadata_block_IDs(self->picture, "Exif", &id, 1) != 1) return;
    const size_t count = library.heif_image_handle_get_metadata_size(self->picture, id);
    if (count <= offset_bytes || count > most_bytes) return;
    uint8_t *block = malloc(count);
    if (block == NULL) return;
    if (library.heif_image_handle_get_metadata(self->picture, id, block).code != heif_error_Ok) {
        free(block);
        return;
    }
    const uint32_t skip = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
    if (skip >= count - offset_bytes) {
        free(block);
        return;
    }
    header->exif_count = count - offset_bytes - skip;
    memmove(block, block + offset_bytes + skip, header->exif_count);
    header->exif = block;
}

cc_status cc_heif_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure) {
    (void)limits;
    decoder self = {0};
    cc_status status = open_picture(&self, data, count, header, failure);
    if (status == CC_OK) copy_exif(&self, header);
    close_picture(&self);
    return status;
}

static cc_status copy_rows(
    decoder *self, const struct heif_image *image, const cc_header *header, bool has_alpha, uint8_t *rgb) {
    const enum heif_channel channel = heif_channel_interleaved;
    const int width = library.heif_image_get_width(image, channel);
    const int height = library.heif_image_get_height(image, channel);
    int stride = 0;
    const uint8_t *plane = library.heif_image_get_plane_readonly(image, channel, &stride);
    const size_t channels = has_alpha ? 4 : 3;
    if (width < 0 || height < 0 || !CC_SAME_SIZE(header, (uint32_t)width, (uint32_t)height) || plane == NULL
        || stride < 0 || (size_t)stride < channels * header->width) {
        cc_fail(self->failure, "the picture is %d x %d pixels, its header says %u x %u", width, height,
            header->width, header->height);
        return CC_CORRUPT;
    }
    const bool premultiplied = library.heif_image_handle_is_premultiplied_alpha(self->picture);
    for (size_t y = 0; y < header->height; y++) {
        const uint8_t *source = plane + (size_t)stride * y;
        uint8_t *row = rgb + 3 * y * header->width;
        if (!has_alpha) {
            memcpy(row, source, (size_t)3 * header->width);
            continue;
        }
        for (size_t x = 0; x < header->width; x++) {
            const uint8_t *rgba = source + 4 * x;
            if (!premultiplied) {
                cc_over_white(row + 3 * x, rgba);
                continue;
            }
            for (int c = 0; c < 3; c++) {
                const uint32_t sum = rgba[c] + 255u - rgba[3];
                row[3 * x + c] = (uint8_t)(sum < 255 ? sum : 255);
            }
        }
    }
    return CC_OK;
}

static cc_status decode(decoder *self, const cc_limits *limits, const cc_header *header, uint8_t *rgb) {
    // libheif holds the coded planes and the interleaved picture, some eight bytes a pixel at most.
    if ((uint64_t)header->width * header->height > limits->max_working_bytes / 8) {
        cc_fail(self->failure, "no memory to decode %u x %u pixels", header->width, header->height);
        return CC_NO_MEMORY;
    }
    struct heif_decoding_options *options = library.heif_decoding_options_alloc();
    if (options == NULL) {
        cc_fail(self->failure, "libheif could not start");
        return CC_NO_MEMORY;
    }
    if (options->version >= 2) options->convert_hdr_to_8bit = 1;
    const bool has_alpha = library.heif_image_handle_has_alpha_channel(self->picture);
    struct heif_image *image = NULL;
    struct heif_error error = library.heif_decode_image(
        self->picture, &image, heif_colorspace_RGB,
        has_alpha ? heif_chroma_interleaved_RGBA : heif_chroma_interleaved_RGB, options);
    library.heif_decoding_options_free(options);
    if (error.code != heif_error_Ok || image == NULL) return broken(self, error);
    cc_status status = copy_rows(self, image, header, has_alpha, rgb);
    library.heif_image_release(image);
    return status;
}

cc_status cc_heif_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    decoder self = {0};
    cc_header again = {0};
    cc_status status = open_picture(&self, data, count, &again, failure);
    if (status == CC_OK && !CC_SAME_SIZE(header, again.width, again.height)) {
        cc_fail(failure, "its size changed while it was read");
        status = CC_CORRUPT;
    }
    if (status == CC_OK) status = decode(&self, limits, header, rgb);
    close_picture(&self);
    return status;
}
