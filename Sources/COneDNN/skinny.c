#include "COneDNN.h"
#include "vectors.h"

// A product with few rows is bound by reading the weights once. They are taken as they stand in the model
// file (one output's weights are contiguous), converted in the cache when they are half floats, and never
// packed: a single text query touches each weight once and loads no library.

// `count` (1 to 4) rows of x against two outputs' weights; every result is summed in the same order whatever
// the number of rows, so a text's vector does not depend on what it is computed beside.
CDNN_INLINE void pair_block(
    int count, long inputs, const float *x, const float *w0, const float *w1, float *y, long ldy, int both) {
    f16x sums[4][2] = {0};
    long whole = inputs / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        f16x a, b;
        memcpy(&a, w0 + i, 64);
        memcpy(&b, w1 + i, 64);
        for (int r = 0; r < count; r++) {
            f16x v;
            memcpy(&v, x + r * inputs + i, 64);
            sums[r][0] += v * a;
            sums[r][1] += v * b;
        }
    }
    for (int r = 0; r < count; r++) {
        float first = lane_sum(&sums[r][0]), second = lane_sum(&sums[r][1]);
        for (long i = whole; i < inputs; i++) {
            first += x[r * inputs + i] * w0[i];
            second += x[r * inputs + i] * w1[i];
        }
        y[r * ldy] = first;
        if (both) y[r * ldy + 1] = second;
    }
}

CDNN_CLONES static void pair_rows(
    long rows, long inputs, const float *x, const float *w0, const float *w1, float *y, long ldy, int both) {
    long r = 0;
    for (; r + 4 <= rows; r += 4) pair_block(4, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both);
    switch (rows - r) {
    case 3: pair_block(3, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    case 2: pair_block(2, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    case 1: pair_block(1, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    }
}

void cdnn_skinny(
    long rows, long inputs, long outputs, const float *x, const void *weights, cdnn_element element, float *y,
    long ldy, float *scratch) {
    size_t size = element == CDNN_F32 ? 4 : 2;
    for (long n = 0; n < outputs; n += 2) {
        int both = n + 1 < outputs;
        const char *at = (const char *)weights + (size_t)n * (size_t)inputs * size;
        const float *w0, *w1;
        // Mapped files align a tensor to its own element at best; anything less is copied.
        if (element == CDNN_F32 && (uintptr_t)at % 4 == 0) {
            w0 = (const float *)at;
            w1 = both ? w0 + inputs : w0;
        } else {
            cdnn_to_float(at, element, inputs * (both ? 2 : 1), scratch);
            w0 = scratch;
            w1 = both ? scratch + inputs : scratch;
        }
        pair_rows(rows, inputs, x, w0, w1, y + n, ldy, both);
    }
}
