#include "vnni.h"

// Sums of products of unsigned bytes (rows) and signed bytes (weights). All of them are exact 32-bit sums, so
// every kernel gives the same numbers.

CDNN_CLONES void cdnn_tile_portable(const cdnn_tile *tile) {
    int columns = tile->vectors * CDNN_LANES;
    memset(tile->sums, 0, (size_t)tile->count * (size_t)columns * sizeof(int32_t));
    const int8_t *weights = tile->weights;
    for (long segment = 0; segment < tile->segments; segment++)
        for (long group = 0; group < tile->groups; group++, weights += columns * 4)
            for (int r = 0; r < tile->count; r++) {
                const uint8_t *a = tile->rows[r] + segment * tile->segment_stride + group * 4;
                int32_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], *sums = tile->sums + r * columns;
                for (int c = 0; c < columns; c++) {
                    const int8_t *w = weights + c * 4;
                    sums[c] += a0 * w[0] + a1 * w[1] + a2 * w[2] + a3 * w[3];
                }
            }
}

#if defined(__x86_64__)

CDNN_VNNI CDNN_INLINE void vnni_tile(const cdnn_tile *tile, int count, int vectors) {
    __m512i sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    vnni_sums(tile, count, vectors, NULL, (vnni_aside){0}, sums);
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++)
            _mm512_store_si512(tile->sums + (r * vectors + v) * CDNN_LANES, sums[r][v]);
}

#define ROWS(vectors) \
    CDNN_VNNI static void vnni_##vectors(const cdnn_tile *tile) { \
        switch (tile->count) { \
        case 1: vnni_tile(tile, 1, vectors); break; \
        case 2: vnni_tile(tile, 2, vectors); break; \
        case 3: vnni_tile(tile, 3, vectors); break; \
        case 4: vnni_tile(tile, 4, vectors); break; \
        case 5: vnni_tile(tile, 5, vectors); break; \
        case 6: vnni_tile(tile, 6, vectors); break; \
        } \
    }
ROWS(1)
ROWS(2)
ROWS(3)
ROWS(4)

static void tile_vnni(const cdnn_tile *tile) {
    switch (tile->vectors) {
    case 1: vnni_1(tile); break;
    case 2: vnni_2(tile); break;
    case 3: vnni_3(tile); break;
    case 4: vnni_4(tile); break;
    }
}

cdnn_tile_kernel cdnn_tile_vnni(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512vl")
        ? tile_vnni
        : NULL;
}

#else

cdnn_tile_kernel cdnn_tile_vnni(void) { return NULL; }

#endif
