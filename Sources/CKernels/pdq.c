#include "ck_pdq.h"

#include <string.h>

#include "turn.h"
#include "versions.h"

// Sums are taken in the reference's order, without fused multiplications, so that every version gives the same floats.
#pragma clang fp contract(off)

// Rows whose running sums are taken side by side: each waits for the one before it, and rows do not wait for each other.
enum { SIDE_BY_SIDE = 16 };

CK_BODY void luma_of(const uint8_t *rgb, size_t count, float *luma) {
    for (size_t i = 0; i < count; i++)
        luma[i] = 0.299f * (float)rgb[3 * i] + 0.587f * (float)rgb[3 * i + 1] + 0.114f * (float)rgb[3 * i + 2];
}

// The box whose two passes make a tent as wide as one of 64 blocks.
CK_BODY size_t window_of(size_t side) { return (side + 127) / 128; }

// Running sums of `lanes` numbers beside each other, and where they are along the side they run.
typedef struct running {
    const float *input;
    float *output, *sums;
    size_t lanes, left, right, written;
    float size;
} running;

CK_BODY void add(running *run) {
    const float *input = run->input + run->right++ * run->lanes;
    for (size_t i = 0; i < run->lanes; i++) run->sums[i] += input[i];
}

CK_BODY void subtract(running *run) {
    const float *input = run->input + run->left++ * run->lanes;
    for (size_t i = 0; i < run->lanes; i++) run->sums[i] -= input[i];
}

CK_BODY void write_means(running *run) {
    float *output = run->output + run->written++ * run->lanes;
    for (size_t i = 0; i < run->lanes; i++) output[i] = run->sums[i] / run->size;
}

// The four stretches of a running mean over [length][lanes] numbers: fill, grow, slide, shrink. Half a window of outputs lags
// behind the inputs.
CK_BODY void blur(const float *input, size_t length, size_t lanes, float *sums, float *output) {
    size_t window = window_of(length), half = (window + 2) / 2;
    running run = {.input = input, .output = output, .sums = sums, .lanes = lanes};
    memset(sums, 0, lanes * sizeof(float));
    for (size_t i = 0; i < half - 1; i++, run.size += 1) add(&run);
    for (size_t i = 0; i < window - half + 1; i++) {
        add(&run);
        run.size += 1;
        write_means(&run);
    }
    for (size_t i = 0; i < length - window; i++) {
        add(&run);
        subtract(&run);
        write_means(&run);
    }
    for (size_t i = 0; i < half - 1; i++) {
        subtract(&run);
        run.size -= 1;
        write_means(&run);
    }
}

typedef float floats __attribute__((vector_size(4 * SIDE_BY_SIDE)));

CK_TURN(turn, floats)

// Rows of `width` numbers, sixteen at most, into columns of sixteen.
CK_BODY void turn_rows(const float *input, size_t width, size_t rows, float *columns) {
    size_t x = 0;
    for (; rows == SIDE_BY_SIDE && x + SIDE_BY_SIDE <= width; x += SIDE_BY_SIDE) {
        floats tile[SIDE_BY_SIDE];
        for (size_t row = 0; row < SIDE_BY_SIDE; row++) memcpy(tile + row, input + row * width + x, sizeof *tile);
        turn(tile);
        memcpy(columns + x * SIDE_BY_SIDE, tile, sizeof tile);
    }
    // Rows behind the last are what the group before left there, or zeros, and go nowhere.
    for (size_t row = 0; row < rows; row++)
        for (size_t i = x; i < width; i++) columns[i * SIDE_BY_SIDE + row] = input[row * width + i];
}

CK_BODY void turn_columns(const float *columns, size_t width, size_t rows, float *output) {
    size_t x = 0;
    for (; rows == SIDE_BY_SIDE && x + SIDE_BY_SIDE <= width; x += SIDE_BY_SIDE) {
        floats tile[SIDE_BY_SIDE];
        memcpy(tile, columns + x * SIDE_BY_SIDE, sizeof tile);
        turn(tile);
        for (size_t row = 0; row < SIDE_BY_SIDE; row++) memcpy(output + row * width + x, tile + row, sizeof *tile);
    }
    for (size_t row = 0; row < rows; row++)
        for (size_t i = x; i < width; i++) output[row * width + i] = columns[i * SIDE_BY_SIDE + row];
}

// Along rows: some of them turned into columns, blurred, and turned back.
CK_BODY void blur_rows(const float *input, size_t width, size_t height, float *turned, float *output) {
    float sums[SIDE_BY_SIDE], *blurred = turned + SIDE_BY_SIDE * width;
    for (size_t first = 0; first < height; first += SIDE_BY_SIDE) {
        const size_t count = height - first < SIDE_BY_SIDE ? height - first : SIDE_BY_SIDE;
        turn_rows(input + first * width, width, count, turned);
        blur(turned, width, SIDE_BY_SIDE, sums, blurred);
        turn_columns(blurred, width, count, output + first * width);
    }
}

CK_BODY void blurred_luma(
    const uint8_t *rgb, size_t width, size_t height, int passes, float *workspace, float *luma) {
    float *other = workspace, *turned = other + width * height, *sums = turned + 2 * SIDE_BY_SIDE * width;
    luma_of(rgb, width * height, luma);
    memset(turned, 0, SIDE_BY_SIDE * width * sizeof(float));
    for (int pass = 0; pass < passes; pass++) {
        blur_rows(luma, width, height, turned, other);
        blur(other, height, width, sums, luma);
    }
}

size_t ck_pdq_workspace(size_t width, size_t height) {
    return width * height + (2 * SIDE_BY_SIDE + 1) * width;
}

#if defined(__x86_64__)
CK_AVX2 static void blurred_luma_avx2(
    const uint8_t *rgb, size_t width, size_t height, int passes, float *workspace, float *luma) {
    blurred_luma(rgb, width, height, passes, workspace, luma);
}

CK_AVX512 static void blurred_luma_avx512(
    const uint8_t *rgb, size_t width, size_t height, int passes, float *workspace, float *luma) {
    blurred_luma(rgb, width, height, passes, workspace, luma);
}
#endif

void ck_pdq_luma(const uint8_t *rgb, size_t width, size_t height, int passes, float *workspace, float *luma) {
#if defined(__x86_64__)
    if (ck_has_avx512()) return blurred_luma_avx512(rgb, width, height, passes, workspace, luma);
    if (ck_has_avx2()) return blurred_luma_avx2(rgb, width, height, passes, workspace, luma);
#endif
    blurred_luma(rgb, width, height, passes, workspace, luma);
}
