#include "COneDNN.h"
#include "lanes.h"
#include "vectors.h"

// Attention of single queries, whose keys and values are never made. A query's score at a row x is q (Wk x) = (q Wk) x, and
// the mixed values are the sum of a Wv x = Wv (the sum of a x): two products with as many rows as there are queries
// instead of two with all rows. A key's bias adds the same to every score, which softmax does not see; a value's stands
// as it is, as the shares add up to one.

// y + [rows, outputs] = x [rows, 4] times four rows of weights.
CDNN_CLONES static void add_four(long rows, long outputs, const float *x, long ldx, const float *w, float *y) {
    const float *w1 = w + outputs, *w2 = w1 + outputs, *w3 = w2 + outputs;
    long whole = outputs / 16 * 16;
    for (long r = 0; r < rows; r++, x += ldx, y += outputs) {
        for (long o = 0; o < whole; o += 16) {
            f16x sums = load16(y + o) + x[0] * load16(w + o);
            sums += x[1] * load16(w1 + o);
            sums += x[2] * load16(w2 + o);
            sums += x[3] * load16(w3 + o);
            memcpy(y + o, &sums, 64);
        }
        for (long o = whole; o < outputs; o++) y[o] += x[0] * w[o] + x[1] * w1[o] + x[2] * w2[o] + x[3] * w3[o];
    }
}

CDNN_CLONES static void add_one(long rows, long outputs, const float *x, long ldx, const float *w, float *y) {
    for (long r = 0; r < rows; r++, x += ldx, y += outputs)
        for (long o = 0; o < outputs; o++) y[o] += x[0] * w[o];
}

void cdnn_turned_skinny(
    long rows, long inputs, long outputs, const float *x, long ldx, const void *weights, cdnn_element element, float *y,
    float *scratch) {
    const size_t size = element == CDNN_F32 ? 4 : 2;
    memset(y, 0, (size_t)(rows * outputs) * sizeof(float));
    for (long i = 0, step; i < inputs; i += step) {
        step = i + 4 <= inputs ? 4 : 1;
        const char *at = (const char *)weights + (size_t)i * (size_t)outputs * size;
        const float *w = scratch;
        // Mapped files align a tensor to its own element at best; anything less is copied.
        if (element == CDNN_F32 && (uintptr_t)at % 4 == 0) w = (const float *)at;
        else cdnn_to_float(at, element, outputs * step, scratch);
        (step == 4 ? add_four : add_one)(rows, outputs, x + i, ldx, w, y);
    }
}

// Scores of up to four queries at two rows, or at one.
CDNN_INLINE void score_block(
    int queries, int rows, long width, const float *asked, long stride, const float *x, float *scores, long lds) {
    f16x sums[4][2] = {0};
    long whole = width / 16 * 16;
    for (long i = 0; i < whole; i += 16)
        for (int q = 0; q < queries; q++)
            for (int r = 0; r < rows; r++) sums[q][r] += load16(asked + q * stride + i) * load16(x + r * width + i);
    for (int q = 0; q < queries; q++)
        for (int r = 0; r < rows; r++) {
            float sum = lane_sum(&sums[q][r]);
            for (long i = whole; i < width; i++) sum += asked[q * stride + i] * x[r * width + i];
            scores[q * lds + r] = sum;
        }
}

// What up to four queries mix of `vectors` sixteens of the rows' columns.
CDNN_INLINE void mix_block(
    int queries, int vectors, long rows, const float *shares, long lds, const float *x, long width, float *mixed,
    long stride) {
    f16x sums[4][2] = {0};
    for (long r = 0; r < rows; r++)
        for (int q = 0; q < queries; q++)
            for (int v = 0; v < vectors; v++) sums[q][v] += shares[q * lds + r] * load16(x + r * width + v * 16);
    for (int q = 0; q < queries; q++)
        for (int v = 0; v < vectors; v++) memcpy(mixed + q * stride + v * 16, &sums[q][v], 64);
}

CDNN_INLINE void score_queries(
    int queries, long rows, long width, const float *asked, long stride, const float *x, float *scores) {
    long r = 0;
    for (; r + 2 <= rows; r += 2)
        score_block(queries, 2, width, asked, stride, x + r * width, scores + r, rows);
    if (r < rows) score_block(queries, 1, width, asked, stride, x + r * width, scores + r, rows);
}

CDNN_INLINE void mix_queries(
    int queries, long rows, long width, const float *shares, const float *x, float *mixed, long stride) {
    long c = 0;
    for (; c + 32 <= width; c += 32) mix_block(queries, 2, rows, shares, rows, x + c, width, mixed + c, stride);
    for (; c + 16 <= width; c += 16) mix_block(queries, 1, rows, shares, rows, x + c, width, mixed + c, stride);
    for (; c < width; c++)
        for (int q = 0; q < queries; q++) {
            float sum = 0;
            for (long r = 0; r < rows; r++) sum += shares[q * rows + r] * x[r * width + c];
            mixed[q * stride + c] = sum;
        }
}

CDNN_CLONES static void score_all(
    long rows, long queries, long width, const float *asked, long stride, const float *x, float *scores) {
    long q = 0;
    for (; q + 4 <= queries; q += 4)
        score_queries(4, rows, width, asked + q * stride, stride, x, scores + q * rows);
    for (; q < queries; q++) score_queries(1, rows, width, asked + q * stride, stride, x, scores + q * rows);
}

CDNN_CLONES static void mix_all(
    long rows, long queries, long width, const float *shares, const float *x, float *mixed, long stride) {
    long q = 0;
    for (; q + 4 <= queries; q += 4) mix_queries(4, rows, width, shares + q * rows, x, mixed + q * stride, stride);
    for (; q < queries; q++) mix_queries(1, rows, width, shares + q * rows, x, mixed + q * stride, stride);
}

void cdnn_query_attention(
    long rows, long queries, long width, float scale, const float *asked, long asked_stride, const float *x, float *mixed,
    long mixed_stride, float *scores) {
    score_all(rows, queries, width, asked, asked_stride, x, scores);
    cdnn_softmax(queries, rows, rows, scale, 0, scores);
    mix_all(rows, queries, width, scores, x, mixed, mixed_stride);
}
