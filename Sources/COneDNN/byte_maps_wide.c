#include "byte_maps.h"
#include "vnni.h"

// Whole tiles of maps of bytes: the sums become bytes in the registers they are in. Four vectors become bytes together, cut
// off at both ends by the packing itself, and from sixteen bits on the way the picture's reach is seen.

#if defined(__x86_64__)

// Every loop over rows is written out, or the sums would not be in registers. Output by output comes first what takes its
// factors, so that these are loaded once; row by row the packing.
CDNN_VNNI CDNN_INLINE void make_tile(
    const cdnn_map_work *work, const cdnn_tile *tile, long row, long first, long picture, int adds,
    int can_be_negative) {
    __m512i sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    long outputs = work->b->outputs, place = row * outputs + first, at = picture * work->columns + first;
    vnni_sums(tile, CDNN_TILE_ROWS, CDNN_PANEL_VECTORS, work->starts + at, (vnni_aside){0}, sums);
    const uint8_t *added = adds ? work->added->bytes + place : NULL;
    __m512 added_factor = _mm512_set1_ps(adds ? work->added_factors[picture] : 0);
#pragma clang loop unroll(full)
    for (int v = 0; v < CDNN_PANEL_VECTORS; v++) {
        __m512 factors = _mm512_loadu_ps(work->factors + at + v * CDNN_LANES);
        __m512 bases = _mm512_loadu_ps(work->bases + at + v * CDNN_LANES);
#pragma clang loop unroll(full)
        for (int r = 0; r < CDNN_TILE_ROWS; r++) {
            __m512 value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][v]), factors, bases);
            if (adds) {
                __m128i bytes = _mm_loadu_si128((const __m128i *)(added + r * outputs + v * CDNN_LANES));
                value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes)), added_factor, value);
            }
            sums[r][v] = _mm512_cvttps_epi32(value);
        }
    }
    uint8_t *y = work->y.bytes + place;
    cdnn_map_reach *reach = work->reaches + picture;
    __m512i low = _mm512_load_si512(reach->low), high = _mm512_load_si512(reach->high);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
#pragma clang loop unroll(full)
    for (int r = 0; r < CDNN_TILE_ROWS; r++) {
        __m512i first_two = _mm512_packs_epi32(sums[r][0], sums[r][1]);
        __m512i last_two = _mm512_packs_epi32(sums[r][2], sums[r][3]);
        if (can_be_negative) low = _mm512_min_epi16(low, _mm512_min_epi16(first_two, last_two));
        high = _mm512_max_epi16(high, _mm512_max_epi16(first_two, last_two));
        _mm512_storeu_si512(
            y + r * outputs, _mm512_permutexvar_epi32(order, _mm512_packus_epi16(first_two, last_two)));
    }
    if (can_be_negative) _mm512_store_si512(reach->low, low);
    _mm512_store_si512(reach->high, high);
}

CDNN_VNNI static int map_tile(const void *context, const cdnn_tile *tile, long row, long first) {
    const cdnn_map_work *work = context;
    long picture = (uint32_t)row / (uint32_t)work->positions;
    if (row + CDNN_TILE_ROWS > (picture + 1) * work->positions || !work->are_small[picture]) return 0;
    if (work->y.zero && work->added) make_tile(work, tile, row, first, picture, 1, 1);
    else if (work->y.zero) make_tile(work, tile, row, first, picture, 0, 1);
    else if (work->added) make_tile(work, tile, row, first, picture, 1, 0);
    else make_tile(work, tile, row, first, picture, 0, 0);
    return 1;
}

cdnn_fused_tile cdnn_map_tile_vnni(void) { return cdnn_tile_vnni() ? map_tile : NULL; }

#else

cdnn_fused_tile cdnn_map_tile_vnni(void) { return NULL; }

#endif
