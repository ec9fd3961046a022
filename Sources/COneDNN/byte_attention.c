#include "attention.h"
#include "bytes.h"
#include "scratch.h"
#include "vnni.h"

// Attention between two maps in bytes. Queries, keys and values come out of the first as pairs of bfloat16, and each
// sequence's results become bytes while they are near.

#if defined(__x86_64__)

#define PAIRS __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))

// Where pairs are wanted of sums.
typedef struct pair_results {
    const cdnn_bytes *b;
    const cdnn_byte_rows *x;
    cdnn_pair *y;  // [rows][outputs / 2]
    cdnn_kept_tile *kept;
} pair_results;

// In so many steps, so many of them a row, a tile is finished.
enum { A_ROW = CDNN_PANEL_VECTORS / 2, STEPS = CDNN_TILE_ROWS * A_ROW };

// Thirty-two results of a row.
PAIRS CDNN_INLINE void finish_pairs(const pair_results *to, long row, long output, const int32_t *sums) {
    __m512 row_scale = _mm512_set1_ps(to->x->scales[row]), row_shift = vnni_row_shift(to->x, row);
    __m512 low = vnni_values(to->b, output, _mm512_loadu_si512(sums), row_scale, row_shift);
    __m512 high = vnni_values(
        to->b, output + CDNN_LANES, _mm512_loadu_si512(sums + CDNN_LANES), row_scale, row_shift);
    _mm512_storeu_si512(
        to->y + (row * to->b->outputs + output) / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

PAIRS CDNN_INLINE void step_of_pairs(const void *work, int step) {
    const pair_results *to = work;
    const cdnn_kept_tile *kept = to->kept;
    finish_pairs(
        to, kept->row + step / A_ROW, kept->first + step % A_ROW * 2 * CDNN_LANES, kept->sums + step * 2 * CDNN_LANES);
}

PAIRS static int make_tile(const void *work, const cdnn_tile *tile, long row, long first) {
    const pair_results *to = work;
    vnni_keep(tile, row, first, step_of_pairs, work, STEPS, to->kept);
    return 1;
}

PAIRS static void finish(const void *work, const cdnn_tile *tile, long row, long first) {
    for (int r = 0; r < tile->count; r++)
        for (int v = 0; v < tile->vectors; v += 2)
            finish_pairs(work, row + r, first + v * CDNN_LANES, tile->sums + (r * tile->vectors + v) * CDNN_LANES);
}

PAIRS static void finish_kept(const void *work) {
    const pair_results *to = work;
    for (int step = 0; to->kept->is_there && step < STEPS; step++)
        step_of_pairs(to, step);
}

cdnn_status cdnn_bytes_attention(
    const cdnn_bytes *inputs, const cdnn_bytes *output, long heads, int causal, long sequences,
    const long *lengths, const cdnn_rows *x, float *y) {
    long width = output->length, size = width / heads, rows = x->count, longest = 0;
    if (size % CDNN_PAIRED_HEAD || !cdnn_tile_vnni() || !cdnn_pairs_are_fast()) return CDNN_UNAVAILABLE;
    for (long s = 0; s < sequences; s++) longest = lengths[s] > longest ? lengths[s] : longest;
    long groups = inputs->groups > output->groups ? inputs->groups : output->groups;
    size_t bytes = (size_t)(rows * groups * 4), normed_size = cdnn_aligned((size_t)inputs->length * sizeof(float));
    size_t pairs_size = cdnn_aligned((size_t)((rows + CDNN_LANES - 1) * inputs->outputs / 2) * sizeof(cdnn_pair));
    size_t mixed_size = cdnn_aligned((size_t)(longest * width) * sizeof(float));
    char *memory = cdnn_scratch(
        normed_size + pairs_size + mixed_size + cdnn_rows_size(rows, bytes) + cdnn_attend_size(longest, size));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    float *normed = (float *)memory, *mixed = (float *)(memory + normed_size);
    cdnn_pair *pairs = (cdnn_pair *)(memory + normed_size + mixed_size);
    memory += normed_size + mixed_size + pairs_size;
    // The first map's rows have been read when the second's are written to the same place.
    cdnn_byte_rows near = cdnn_place_rows(&memory, rows, bytes);
    cdnn_fill_rows(inputs, x, normed, &near);
    cdnn_kept_tile kept = {.is_there = 0};
    pair_results results = {.b = inputs, .x = &near, .y = pairs, .kept = &kept};
    cdnn_walk walk = {
        .rows = rows, .result_size = sizeof(cdnn_pair) / 2, .fused = make_tile, .finish = finish, .end = finish_kept,
        .work = &results};
    cdnn_walk_rows(inputs, 0, &near, &walk);
    for (long s = 0, row = 0; s < sequences; row += lengths[s++]) {
        cdnn_attend(lengths[s], heads, size, causal, pairs + row * inputs->outputs / 2, mixed, memory);
        for (long r = 0; r < lengths[s]; r++) cdnn_fill_row(output, row + r, mixed + r * width, NULL, &near);
    }
    cdnn_multiply_rows(output, 0, rows, &near, y, NULL, 1);
    return CDNN_OK;
}

#else

cdnn_status cdnn_bytes_attention(
    const cdnn_bytes *inputs, const cdnn_bytes *output, long heads, int causal, long sequences,
    const long *lengths, const cdnn_rows *x, float *y) {
    return CDNN_UNAVAILABLE;
}

#endif
