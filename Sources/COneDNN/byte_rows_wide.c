#include "bytes.h"
#include "vnni.h"

// Rows of floats as bytes (bytes.c), 64 at a time: the packing itself cuts them off at both ends.

#if defined(__x86_64__)

CDNN_VNNI CDNN_INLINE __m512i steps16(const float *x, __m512 factor, __m512 zero) {
    return _mm512_cvttps_epi32(_mm512_fmadd_ps(_mm512_loadu_ps(x), factor, zero));
}

CDNN_VNNI static long fill_bytes(long count, const float *x, float factor, float zero, uint8_t *y) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512 factors = _mm512_set1_ps(factor), zeros = _mm512_set1_ps(zero);
    long whole = count / CDNN_PANEL * CDNN_PANEL;
    for (long i = 0; i < whole; i += CDNN_PANEL) {
        for (int v = 0; v < CDNN_PANEL_VECTORS; v++) _mm_prefetch(x + i + 1024 + v * CDNN_LANES, _MM_HINT_T0);
        __m512i low = _mm512_packs_epi32(steps16(x + i, factors, zeros), steps16(x + i + 16, factors, zeros));
        __m512i high = _mm512_packs_epi32(steps16(x + i + 32, factors, zeros), steps16(x + i + 48, factors, zeros));
        _mm512_storeu_si512(y + i, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
    }
    return whole;
}

cdnn_fill_bytes cdnn_fill_bytes_vnni(void) { return cdnn_tile_vnni() ? fill_bytes : NULL; }

#else

cdnn_fill_bytes cdnn_fill_bytes_vnni(void) { return NULL; }

#endif
