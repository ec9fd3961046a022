#include "ck_luma.h"

#include "versions.h"

CK_BODY void luma_of(const uint8_t *rgb, size_t count, uint8_t *luma) {
    for (size_t i = 0; i < count; i++)
        luma[i] = (uint8_t)((rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 0x8000) >> 16);
}

#if defined(__x86_64__)
CK_AVX2 static void luma_avx2(const uint8_t *rgb, size_t count, uint8_t *luma) { luma_of(rgb, count, luma); }

CK_AVX512 static void luma_avx512(const uint8_t *rgb, size_t count, uint8_t *luma) { luma_of(rgb, count, luma); }
#endif

void ck_luma(const uint8_t *rgb, size_t count, uint8_t *luma) {
#if defined(__x86_64__)
    if (ck_has_avx512()) return luma_avx512(rgb, count, luma);
    if (ck_has_avx2()) return luma_avx2(rgb, count, luma);
#endif
    luma_of(rgb, count, luma);
}
