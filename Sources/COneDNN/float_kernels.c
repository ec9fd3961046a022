#include "floats.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))
#define INLINE static inline __attribute__((always_inline))

// With both counts known to the compiler the sums live in registers: 6 x 4 of the 32 there are. Two multiplications
// a cycle need eight independent sums; a step loads 4 vectors and 6 single floats for 24 of them.
AVX512 INLINE void tile_of(const cdnn_float_tile *tile, int count, int vectors) {
    __m512 sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    long rest = tile->wanted - (vectors - 1) * CDNN_LANES;
    __mmask16 last = (__mmask16)((1u << rest) - 1);
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? last : 0xffff;
            sums[r][v] = tile->adds
                ? _mm512_maskz_loadu_ps(mask, tile->y + r * tile->ldy + v * CDNN_LANES)
                : _mm512_setzero_ps();
        }
    const float *weights = tile->weights;
    const char *next = tile->ahead.next;
    for (long segment = 0; segment < tile->segments; segment++) {
        const float *rows[CDNN_TILE_ROWS];
        for (int r = 0; r < count; r++) rows[r] = tile->rows[r] + segment * tile->segment_stride;
        for (long i = 0; i < tile->length;) {
            for (int line = 0; line < tile->ahead.lines; line++, next += 64) _mm_prefetch(next, _MM_HINT_T1);
            long end = tile->length - i < CDNN_STRIDE ? tile->length : i + CDNN_STRIDE;
            for (; i < end; i++, weights += vectors * CDNN_LANES) {
                __m512 w[CDNN_PANEL_VECTORS];
                for (int v = 0; v < vectors; v++) {
                    w[v] = _mm512_loadu_ps(weights + v * CDNN_LANES);
                    _mm_prefetch((const char *)weights + CDNN_AHEAD + v * 64, _MM_HINT_T0);
                }
                for (int r = 0; r < count; r++) {
                    __m512 a = _mm512_set1_ps(rows[r][i]);
                    for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_fmadd_ps(a, w[v], sums[r][v]);
                }
            }
        }
    }
    // Through memory that is near, so that the loop over all of them need not be written out.
    __m512 all[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++) all[r][v] = sums[r][v];
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++) {
            __m512 sum = all[r][v];
            if (tile->bias) sum = _mm512_add_ps(sum, _mm512_loadu_ps(tile->bias + v * CDNN_LANES));
            // The larger of 0 and what is no number is the latter.
            if (tile->relu) sum = _mm512_max_ps(_mm512_setzero_ps(), sum);
            __mmask16 mask = v == vectors - 1 ? last : 0xffff;
            _mm512_mask_storeu_ps(tile->y + r * tile->ldy + v * CDNN_LANES, mask, sum);
        }
}

#define ROWS(vectors) \
    AVX512 static void tiles_##vectors(const cdnn_float_tile *tile) { \
        switch (tile->count) { \
        case 1: tile_of(tile, 1, vectors); break; \
        case 2: tile_of(tile, 2, vectors); break; \
        case 3: tile_of(tile, 3, vectors); break; \
        case 4: tile_of(tile, 4, vectors); break; \
        case 5: tile_of(tile, 5, vectors); break; \
        case 6: tile_of(tile, 6, vectors); break; \
        } \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

static void tile_avx512(const cdnn_float_tile *tile) {
    switch (tile->vectors) {
    case 1: tiles_1(tile); break;
    case 2: tiles_2(tile); break;
    case 3: tiles_3(tile); break;
    case 4: tiles_4(tile); break;
    }
}

cdnn_float_kernel cdnn_float_kernel_avx512(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl")
        ? tile_avx512
        : NULL;
}

#else

cdnn_float_kernel cdnn_float_kernel_avx512(void) { return NULL; }

#endif
