// WebP through libwebp, opened when the first such picture is met.
#include "internal.h"

#include <pthread.h>
#include <stdlib.h>

#include <webp/decode.h>
#include <webp/demux.h>

#define STILL(X) X(WebPGetFeaturesInternal) X(WebPInitDecoderConfigInternal) X(WebPDecode)
#define ANIMATED(X)                                                                                                   \
    X(WebPAnimDecoderOptionsInitInternal) X(WebPAnimDecoderNewInternal) X(WebPAnimDecoderGetInfo)                     \
    X(WebPAnimDecoderGetNext) X(WebPAnimDecoderDelete)

static struct {
    STILL(CC_MEMBER)
    ANIMATED(CC_MEMBER)
} library;

static struct {
    pthread_once_t once;
    bool there;
    cc_failure failure;
} still = {.once = PTHREAD_ONCE_INIT}, animated = {.once = PTHREAD_ONCE_INIT};

static void open_still(void) {
    static const char *const names[] = CC_LIBRARY_NAMES("webp", "7");
    static const cc_symbol symbols[] = {STILL(CC_ENTRY)};
    still.there = cc_library_open(names, symbols, sizeof symbols / sizeof *symbols, &still.failure);
}

static void open_animated(void) {
    static const char *const names[] = CC_LIBRARY_NAMES("webpdemux", "2");
    static const cc_symbol symbols[] = {ANIMATED(CC_ENTRY)};
    animated.there = cc_library_open(names, symbols, sizeof symbols / sizeof *symbols, &animated.failure);
}

static cc_status status_of(VP8StatusCode code, cc_failure *failure) {
    switch (code) {
    case VP8_STATUS_OK: return CC_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED: cc_fail(failure, "the data ends early"); return CC_TRUNCATED;
    case VP8_STATUS_OUT_OF_MEMORY: cc_fail(failure, "out of memory"); return CC_NO_MEMORY;
    case VP8_STATUS_UNSUPPORTED_FEATURE: cc_fail(failure, "an unsupported feature"); return CC_UNSUPPORTED;
    default: cc_fail(failure, "the bit stream is invalid (libwebp status %d)", (int)code); return CC_CORRUPT;
    }
}

static cc_status read_features(
    const uint8_t *data, size_t count, WebPBitstreamFeatures *features, cc_failure *failure) {
    pthread_once(&still.once, open_still);
    if (!still.there) {
        *failure = still.failure;
        return CC_NO_LIBRARY;
    }
    return status_of(library.WebPGetFeaturesInternal(data, count, features, WEBP_DECODER_ABI_VERSION), failure);
}

cc_status cc_webp_header(const uint8_t *data, size_t count, cc_header *header, cc_failure *failure) {
    WebPBitstreamFeatures features;
    cc_status status = read_features(data, count, &features, failure);
    if (status != CC_OK) return status;
    header->width = header->output_width = (uint32_t)features.width;
    header->height = header->output_height = (uint32_t)features.height;
    return CC_OK;
}

static void over_white(uint8_t *rgb, const uint8_t *rgba, const cc_header *header) {
    const size_t pixels = (size_t)header->width * header->height;
    for (size_t i = 0; i < pixels; i++) cc_over_white(rgb + 3 * i, rgba + 4 * i);
}

static cc_status decode_still(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, bool has_alpha,
    uint8_t *rgb, cc_failure *failure) {
    const size_t pixels = (size_t)header->width * header->height;
    uint8_t *rgba = NULL;
    if (has_alpha) {
        rgba = pixels <= limits->max_working_bytes / 4 ? malloc(pixels * 4) : NULL;
        if (rgba == NULL) {
            cc_fail(failure, "no memory for %u x %u pixels with alpha", header->width, header->height);
            return CC_NO_MEMORY;
        }
    }
    WebPDecoderConfig config;
    if (!library.WebPInitDecoderConfigInternal(&config, WEBP_DECODER_ABI_VERSION)) {
        free(rgba);
        cc_fail(failure, "the installed libwebp does not fit this program");
        return CC_NO_LIBRARY;
    }
    const size_t channels = has_alpha ? 4 : 3;
    config.output.colorspace = has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = has_alpha ? rgba : rgb;
    config.output.u.RGBA.stride = (int)(channels * header->width);
    config.output.u.RGBA.size = channels * pixels;
    cc_status status = status_of(library.WebPDecode(data, count, &config), failure);
    if (status == CC_OK && has_alpha) over_white(rgb, rgba, header);
    free(rgba);
    return status;
}

static cc_status decode_first_frame(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    pthread_once(&animated.once, open_animated);
    if (!animated.there) {
        *failure = animated.failure;
        return CC_NO_LIBRARY;
    }
    // The animation decoder keeps two canvases of four bytes a pixel.
    if ((uint64_t)header->width * header->height > limits->max_working_bytes / 8) {
        cc_fail(failure, "no memory for two canvases of %u x %u pixels", header->width, header->height);
        return CC_NO_MEMORY;
    }
    WebPAnimDecoderOptions options;
    if (!library.WebPAnimDecoderOptionsInitInternal(&options, WEBP_DEMUX_ABI_VERSION)) {
        cc_fail(failure, "the installed libwebpdemux does not fit this program");
        return CC_NO_LIBRARY;
    }
    const WebPData bytes = {.bytes = data, .size = count};
    WebPAnimDecoder *decoder = library.WebPAnimDecoderNewInternal(&bytes, &options, WEBP_DEMUX_ABI_VERSION);
    if (decoder == NULL) {
        cc_fail(failure, "the animation is incomplete or invalid");
        return CC_CORRUPT;
    }
    WebPAnimInfo info;
    uint8_t *canvas = NULL;
    int milliseconds = 0;
    cc_status status = CC_OK;
    if (!library.WebPAnimDecoderGetInfo(decoder, &info)
        || !CC_SAME_SIZE(header, info.canvas_width, info.canvas_height)
        || !library.WebPAnimDecoderGetNext(decoder, &canvas, &milliseconds) || canvas == NULL) {
        cc_fail(failure, "the first frame is invalid");
        status = CC_CORRUPT;
    } else {
        over_white(rgb, canvas, header);
    }
    library.WebPAnimDecoderDelete(decoder);
    return status;
}

cc_status cc_webp_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure) {
    WebPBitstreamFeatures features;
    cc_status status = read_features(data, count, &features, failure);
    if (status != CC_OK) return status;
    if (!CC_SAME_SIZE(header, (uint32_t)features.width, (uint32_t)features.height)) {
        cc_fail(failure, "its size changed while it was read");
        return CC_CORRUPT;
    }
    if (features.has_animation) return decode_first_frame(data, count, limits, header, rgb, failure);
    return decode_still(data, count, limits, header, features.has_alpha, rgb, failure);
}
