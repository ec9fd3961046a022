#include "attention.h"
#include "floats.h"
#include "ranges.h"
#include "scratch.h"
#include "vectors.h"

// Numbers behind `count` are written too, as zeros, up to `room` of them.
CDNN_CLONES static void softmax_row(long count, long room, float scale, float *x) {
    static const i16x places = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    long whole = count / 16 * 16, rest = count - whole;
    int fits = rest && count + (16 - rest) <= room;
    i16x kept = places < (int32_t)rest;
    f16x least = -INFINITY - (f16x){0}, most = least, lanes = {0};
    // A lane that has met what is no number may go on from the next: the sum tells of it.
    for (long i = 0; i < whole; i += 16) most = higher16(most, load16(x + i));
    if (fits) most = higher16(most, pick16(kept, load16(x + whole), least));
    float largest = most[0];
    for (int lane = 1; lane < 16; lane++) largest = most[lane] > largest ? most[lane] : largest;
    if (!fits)
        for (long i = whole; i < count; i++) largest = x[i] > largest ? x[i] : largest;
    for (long i = 0; i < whole; i += 16) {
        f16x v = exp16((load16(x + i) - largest) * scale);
        memcpy(x + i, &v, 64);
        lanes += v;
    }
    if (rest) {
        f16x v = exp16(((fits ? load16(x + whole) : load_some16(x + whole, rest)) - largest) * scale);
        v = pick16(kept, v, (f16x){0});
        memcpy(x + whole, &v, fits ? 64 : (size_t)rest * sizeof(float));
        lanes += v;
    }
    float factor = 1.0f / lane_sum(&lanes);
    for (long i = 0; i < whole; i += 16) {
        f16x v = load16(x + i) * factor;
        memcpy(x + i, &v, 64);
    }
    for (long i = whole; i < count; i++) x[i] *= factor;
}

void cdnn_softmax(long rows, long columns, long stride, float scale, int causal, float *x) {
    for (long r = 0; r < rows; r++, x += stride) {
        long kept = causal && r + 1 < columns ? r + 1 : columns;
        softmax_row(kept, r + 1 < rows ? stride : columns, scale, x);
        if (kept < columns) memset(x + kept, 0, (size_t)(columns - kept) * sizeof(float));
    }
}

// One sequence and head at a time with the AVX-512 kernel: keys are turned into a panel of weights for the queries, and
// values are one for the scores.

static void multiply_rows(
    cdnn_float_kernel kernel, long rows, long depth, long columns, const float *x, long ldx,
    const float *panels, float *y, long ldy) {
    cdnn_float_tile tile = {.segments = 1, .length = depth, .ldy = ldy};
    for (long first = 0; first < columns; first += CDNN_PANEL) {
        tile.wanted = columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL;
        tile.vectors = (int)(whole_vectors(tile.wanted) / CDNN_LANES);
        tile.weights = panels + first * depth;
        for (long row = 0; row < rows; row += CDNN_TILE_ROWS) {
            tile.count = rows - row < CDNN_TILE_ROWS ? (int)(rows - row) : CDNN_TILE_ROWS;
            for (int r = 0; r < tile.count; r++) tile.rows[r] = x + (row + r) * ldx;
            tile.y = y + row * ldy + first;
            kernel(&tile);
        }
    }
}

// [depth][columns] panels of 64 columns from the columns' numbers, `stride` apart.
CDNN_CLONES static void pack_turned(long columns, long depth, const float *x, long stride, float *panels) {
    for (long first = 0; first < columns; first += CDNN_PANEL) {
        long here = columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL, width = whole_vectors(here);
        for (long c = 0; c < width; c += CDNN_LANES) {
            const float *from = x + (first + c) * stride;
            long i = 0;
            if (c + CDNN_LANES <= here)
                for (; i + CDNN_LANES <= depth; i += CDNN_LANES) turn16(from + i, stride, panels + i * width + c, width);
            for (; i < depth; i++)
                for (long o = 0; o < CDNN_LANES; o++)
                    panels[i * width + c + o] = c + o < here ? from[o * stride + i] : 0;
        }
        panels += depth * width;
    }
}

// [depth][columns] panels from `depth` rows of `columns` numbers.
CDNN_CLONES static void pack_straight(long columns, long depth, const float *x, long stride, float *panels) {
    for (long first = 0; first < columns; first += CDNN_PANEL) {
        long here = columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL, width = whole_vectors(here);
        for (long i = 0; i < depth; i++, panels += width) {
            if (here == CDNN_PANEL) memcpy(panels, x + i * stride + first, CDNN_PANEL * sizeof(float));
            else memcpy(panels, x + i * stride + first, (size_t)here * sizeof(float));
            for (long o = here; o < width; o++) panels[o] = 0;
        }
    }
}

static cdnn_status attention_avx512(
    cdnn_float_kernel kernel, long tokens, long heads, long size, int causal, const float *qkv, float *out) {
    long width = heads * size, padded = whole_vectors(tokens), columns = whole_vectors(size);
    float *keys = cdnn_scratch((size_t)(padded * size + tokens * columns + tokens * padded) * sizeof(float));
    if (!keys) return CDNN_OUT_OF_MEMORY;
    float *values = keys + padded * size, *scores = values + tokens * columns;
    for (long h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *k = q + width, *v = k + width;
        pack_turned(tokens, size, k, 3 * width, keys);
        multiply_rows(kernel, tokens, size, tokens, q, 3 * width, keys, scores, padded);
        cdnn_softmax(tokens, tokens, padded, 1.0f / sqrtf((float)size), causal, scores);
        pack_straight(size, tokens, v, 3 * width, values);
        multiply_rows(kernel, tokens, tokens, size, scores, padded, values, out + h * size, width);
    }
    return CDNN_OK;
}

cdnn_status cdnn_attention(
    cdnn_product product, long tokens, long heads, long size, int causal, const float *qkv, float *out,
    float *scores) {
    long width = heads * size;
    float scale = 1.0f / sqrtf((float)size);
    if (product == CDNN_AVX512) {
        cdnn_float_kernel kernel = cdnn_float_kernel_avx512();
        return kernel ? attention_avx512(kernel, tokens, heads, size, causal, qkv, out) : CDNN_UNAVAILABLE;
    }
    __typeof__(&cdnn_sgemm) multiply = product == CDNN_LIBRARY ? cdnn_sgemm : cdnn_portable_sgemm;
    for (long h = 0; h < heads; h++) {
        const float *q = qkv + h * size, *k = q + width, *v = k + width;
        cdnn_status status =
            multiply(1, tokens, tokens, size, 1, q, 3 * width, k, 3 * width, 0, scores, tokens);
        if (status != CDNN_OK) return status;
        cdnn_softmax(tokens, tokens, tokens, scale, causal, scores);
        status = multiply(0, tokens, size, tokens, 1, scores, tokens, v, 3 * width, 0, out + h * size, width);
        if (status != CDNN_OK) return status;
    }
    return CDNN_OK;
}
