// Sums of products of bytes on AVX-512 VNNI, left in registers for what becomes of them.
#ifndef CDNN_VNNI_H
#define CDNN_VNNI_H

#include "bytes.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define CDNN_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

/// With both counts known to the compiler the sums live in registers: 6 x 4 of the 32 there are. They begin with `starts`, of
/// the panel's outputs, or with 0.
CDNN_VNNI CDNN_INLINE void vnni_sums(
    const cdnn_tile *tile, int count, int vectors, const int32_t *starts,
    __m512i sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS]) {
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
            for (; group < end; group++, weights += vectors * 64) {
                __m512i w[CDNN_PANEL_VECTORS];
                for (int v = 0; v < vectors; v++) {
                    w[v] = _mm512_loadu_si512(weights + v * 64);
                    _mm_prefetch((const char *)weights + CDNN_AHEAD + v * 64, _MM_HINT_T0);
                }
                for (int r = 0; r < count; r++) {
                    int32_t four;
                    memcpy(&four, rows[r] + group * 4, 4);
                    __m512i a = _mm512_set1_epi32(four);
                    for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_dpbusd_epi32(sums[r][v], a, w[v]);
                }
            }
        }
    }
}

#endif
#endif
