// Sums of products of bytes on AVX-512 VNNI, left in registers for what becomes of them.
#ifndef CDNN_VNNI_H
#define CDNN_VNNI_H

#include "bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define CDNN_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

/// What is done beside the sums, a step at a time.
typedef struct vnni_aside {
    void (*step)(const void *work, int number);
    const void *work;
    int steps;
} vnni_aside;

/// With both counts known to the compiler the sums live in registers: 6 x 4 of the 32 there are. They begin with `starts`, of
/// the panel's outputs, or with 0. After every CDNN_STRIDE groups of four bytes a step is done of what is `aside`: it then takes
/// the places that multiplications leave, which are all busy otherwise.
CDNN_VNNI CDNN_INLINE void vnni_sums(
    const cdnn_tile *tile, int count, int vectors, const int32_t *starts, vnni_aside aside,
    __m512i sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS]) {
    long blocks = tile->segments * ((tile->groups + CDNN_STRIDE - 1) / CDNN_STRIDE);
    int step = 0, rest = 0;  // steps that were done, and how many of `blocks` of one more are due
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++)
            sums[r][v] = starts ? _mm512_loadu_si512(starts + v * CDNN_LANES) : _mm512_setzero_si512();
    const int8_t *weights = tile->weights;
    const char *next = tile->ahead.next;
    for (long segment = 0; segment < tile->segments; segment++) {
        const uint8_t *rows[CDNN_TILE_ROWS];
        for (int r = 0; r < count; r++) rows[r] = tile->rows[r] + segment * tile->segment_stride;
        for (long group = 0; group < tile->groups;) {
            for (int line = 0; line < tile->ahead.lines; line++, next += 64) _mm_prefetch(next, _MM_HINT_T1);
            long end = tile->groups - group < CDNN_STRIDE ? tile->groups : group + CDNN_STRIDE;
            // What comes next; behind the panel's end its beginning, which the next tile reads.
            const char *near = (const char *)weights + (end - group) * vectors * 64;
            if (end == tile->groups && segment + 1 == tile->segments) near = (const char *)tile->weights;
            for (; group < end; group++, weights += vectors * 64, near += vectors * 64) {
                __m512i w[CDNN_PANEL_VECTORS];
                for (int v = 0; v < vectors; v++) {
                    w[v] = _mm512_loadu_si512(weights + v * 64);
                    _mm_prefetch(near + v * 64, _MM_HINT_T0);
                }
                for (int r = 0; r < count; r++) {
                    int32_t four;
                    memcpy(&four, rows[r] + group * 4, 4);
                    __m512i a = _mm512_set1_epi32(four);
                    for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], a, w[v]);
                }
            }
            rest += aside.steps;
            while (rest >= blocks && step < aside.steps) {
                aside.step(aside.work, step++);
                rest -= blocks;
            }
        }
    }
}

/// Sums of a whole tile, which are kept when those that were have been finished beside them, by so many steps.
CDNN_VNNI CDNN_INLINE void vnni_keep(
    const cdnn_tile *tile, long row, long first, void (*step)(const void *, int), const void *work, int steps,
    cdnn_kept_tile *kept) {
    __m512i sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    vnni_sums(
        tile, CDNN_TILE_ROWS, CDNN_PANEL_VECTORS, NULL, (vnni_aside){step, work, kept->is_there ? steps : 0}, sums);
    kept->is_there = 1;
    kept->row = row;
    kept->first = first;
    for (int r = 0; r < CDNN_TILE_ROWS; r++)
        for (int v = 0; v < CDNN_PANEL_VECTORS; v++)
            _mm512_store_si512(kept->sums + (r * CDNN_PANEL_VECTORS + v) * CDNN_LANES, sums[r][v]);
}

/// What sixteen sums of one row are worth: sum * row scale * output scale + bias - zero * row scale * scaled total.
CDNN_VNNI CDNN_INLINE __m512 vnni_values(
    const cdnn_bytes *b, long output, __m512i sums, __m512 row_scale, __m512 row_shift) {
    __m512 base = _mm512_fnmadd_ps(
        row_shift, _mm512_loadu_ps(b->scaled_totals + output), _mm512_loadu_ps(b->bias + output));
    __m512 factors = _mm512_mul_ps(row_scale, _mm512_loadu_ps(b->scales + output));
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), factors, base);
}

/// The last of these factors for a row: its zero point times its scale.
CDNN_VNNI CDNN_INLINE __m512 vnni_row_shift(const cdnn_byte_rows *x, long row) {
    return _mm512_set1_ps((float)x->zeros[row] * x->scales[row]);
}

#endif
#endif
