// Picture codecs behind one small interface: bytes in memory to rows of 8-bit RGB.
//
// Every format has the same two steps. `cc_<format>_header` reads sizes only, so that the caller can refuse a
// picture before any of its memory is allocated; `cc_<format>_decode` reads the same bytes again, checks that the
// sizes are still those of the header, and fills the caller's buffer of 3 * output_width * output_height bytes.
// Transparency is composited over white. Nothing is written to stderr (but for what
// libheif's AV1 decoder says of broken streams, which it offers no way to silence); a reason comes back in
// `cc_failure`.
//
// All functions may be called from any number of threads at once. `data` must stay unchanged during a call for a
// sensible picture, but a change never leads outside the buffers.
#ifndef CCODECS_H
#define CCODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef enum cc_status {
    CC_OK = 0,
    CC_DAMAGED = 1, // decoded, but the decoder had to make up missing parts
    CC_TRUNCATED = 2,
    CC_CORRUPT = 3,
    CC_UNSUPPORTED = 4,
    CC_TOO_LARGE = 5,
    CC_NO_MEMORY = 6,
    CC_NO_LIBRARY = 7,
} cc_status;

// Why a call failed: one line of printable ASCII.
typedef struct cc_failure {
    char text[240];
} cc_failure;

const char *cc_failure_text(const cc_failure *failure);

typedef struct cc_limits {
    uint64_t max_pixels;        // of any raster that has to be decoded, also of a part larger than its canvas
    uint64_t max_working_bytes; // working memory of one decoder, besides the caller's buffer
    uint32_t max_scans;         // progressive JPEG
} cc_limits;

typedef struct cc_header {
    uint32_t width, height;               // as stored, before any orientation
    uint32_t output_width, output_height; // what decode delivers
    uint32_t mean_step;                   // JPEG: eighths of a level between the means its blocks can have, else 0
    uint32_t orientation;                 // EXIF value 1...8 where the codec itself tells, else 0
    uint8_t *_Nullable exif;              // a TIFF-structured EXIF block (HEIF only); free with cc_header_release
    size_t exif_count;
} cc_header;

void cc_header_release(cc_header *header);

// JPEG through libjpeg-turbo. `scale` is 8, 4, 2 or 1: eighths of the full size, applied in the DCT domain.
cc_status cc_jpeg_header(const uint8_t *data, size_t count, uint32_t scale, cc_header *header, cc_failure *failure);
cc_status cc_jpeg_decode(
    const uint8_t *data, size_t count, uint32_t scale, const cc_limits *limits, const cc_header *header,
    uint8_t *rgb, cc_failure *failure);

// Encodes `width * height` RGB pixels (both sides 1...65500) as a baseline JPEG with Huffman tables of its own and
// chroma at half the size; `quality` is libjpeg's 1...100. The bytes are the caller's to release.
cc_status cc_jpeg_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, uint32_t quality, uint8_t *_Nullable *_Nonnull jpeg,
    size_t *count, cc_failure *failure);
void cc_bytes_release(uint8_t *_Nullable bytes);

// PNG through libpng.
cc_status cc_png_header(const uint8_t *data, size_t count, cc_header *header, cc_failure *failure);
cc_status cc_png_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure);

// The codecs below are opened with dlopen when the first such picture is met, so that a program that meets none
// pays nothing for them and runs where they are not installed (CC_NO_LIBRARY then).

// WebP through libwebp; the first frame of an animation through libwebpdemux.
cc_status cc_webp_header(const uint8_t *data, size_t count, cc_header *header, cc_failure *failure);
cc_status cc_webp_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure);

// The first frame of a GIF on its canvas, through giflib.
cc_status cc_gif_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure);
cc_status cc_gif_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure);

// The first directory of a TIFF through libtiff, in stored orientation.
cc_status cc_tiff_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure);
cc_status cc_tiff_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure);

// The primary picture of a HEIC or AVIF file through libheif, which applies the file's own rotation and mirroring.
cc_status cc_heif_header(
    const uint8_t *data, size_t count, const cc_limits *limits, cc_header *header, cc_failure *failure);
cc_status cc_heif_decode(
    const uint8_t *data, size_t count, const cc_limits *limits, const cc_header *header, uint8_t *rgb,
    cc_failure *failure);

// Writes a pixel with straight alpha over white, rounding to nearest.
static inline void cc_over_white(uint8_t *rgb, const uint8_t *rgba) {
    const uint32_t alpha = rgba[3];
    for (int channel = 0; channel < 3; channel++) {
        rgb[channel] = (uint8_t)((rgba[channel] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
}

// One function to be found in a library.
typedef struct cc_symbol {
    const char *name;
    void *_Nullable *_Nonnull address;
} cc_symbol;

// Opens the first of `names` (null-terminated list) that exists and resolves every symbol; false, with the reason,
// when no name opens or a symbol is missing. Not locked: call it once per library.
bool cc_library_open(
    const char *_Nullable const *_Nonnull names, const cc_symbol *symbols, size_t symbol_count, cc_failure *failure);

#pragma clang assume_nonnull end
#endif
