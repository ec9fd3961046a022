#include "bytes.h"
#include "vnni.h"
#include "wide.h"

// What becomes of sums of products of bytes where floats are wanted (byte_floats.c), on AVX-512 VNNI. A whole tile is
// finished beside the sums of the next one; the others at once and the same way, so that a row's results are the same bits
// whatever rows are computed beside it.

#if defined(__x86_64__)

// Sixteen results of a row; not all of them may be wanted.
CDNN_VNNI CDNN_INLINE void finish_vector(
    const cdnn_float_results *to, long row, long output, __m512i sums, __mmask16 wanted, cdnn_activation activation,
    int adds) {
    float *y = to->y + row * to->b->outputs + output;
    __m512 value = vnni_values(to->b, output, sums, _mm512_set1_ps(to->x->scales[row]), vnni_row_shift(to->x, row));
    if (adds) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(wanted, y));
    value = wide_activated(value, activation);
    _mm512_mask_storeu_ps(y, wanted, value);
    if (!to->ranges) return;
    range16 *range = to->ranges + (to->rows_a_range == 1 ? row : row / to->rows_a_range);
    __m512 shown = _mm512_maskz_mov_ps(wanted, value), spoilt = _mm512_loadu_ps(&range->spoilt);
    // What is no number leaves them as they are: of two, the second is taken then.
    if (activation != CDNN_RELU)
        _mm512_storeu_ps(&range->low, _mm512_min_ps(shown, _mm512_loadu_ps(&range->low)));
    _mm512_storeu_ps(&range->high, _mm512_max_ps(shown, _mm512_loadu_ps(&range->high)));
    // Nothing, or no number: by steps that leave the multipliers alone.
    _mm512_storeu_ps(&range->spoilt, _mm512_or_ps(spoilt, _mm512_sub_ps(shown, shown)));
}

enum { STEPS = CDNN_TILE_ROWS * CDNN_PANEL_VECTORS };

// A tile's sums, and beside them the results of the one that was kept, one vector a step; then this one is kept.
#define KEEPING(name, activation, adds) \
    CDNN_VNNI CDNN_INLINE void step_of_##name(const void *work, int step) { \
        const cdnn_float_results *to = work; \
        const cdnn_kept_tile *kept = to->kept; \
        finish_vector( \
            to, kept->row + step / CDNN_PANEL_VECTORS, kept->first + step % CDNN_PANEL_VECTORS * CDNN_LANES, \
            _mm512_load_si512(kept->sums + step * CDNN_LANES), 0xffff, activation, adds); \
    } \
    CDNN_VNNI static int tile_of_##name(const void *work, const cdnn_tile *tile, long row, long first) { \
        const cdnn_float_results *to = work; \
        vnni_keep(tile, row, first, step_of_##name, work, STEPS, to->kept); \
        return 1; \
    }
KEEPING(identity, CDNN_IDENTITY, 0)
KEEPING(identity_sum, CDNN_IDENTITY, 1)
KEEPING(relu, CDNN_RELU, 0)
KEEPING(relu_sum, CDNN_RELU, 1)
KEEPING(gelu, CDNN_GELU, 0)
KEEPING(quick_gelu, CDNN_QUICK_GELU, 0)
KEEPING(gelu_tanh, CDNN_GELU_TANH, 0)

static cdnn_fused_tile tile_for(const cdnn_bytes *b) {
    switch (b->activation) {
    case CDNN_IDENTITY: return b->adds ? tile_of_identity_sum : tile_of_identity;
    case CDNN_RELU: return b->adds ? tile_of_relu_sum : tile_of_relu;
    case CDNN_GELU: return tile_of_gelu;
    case CDNN_QUICK_GELU: return tile_of_quick_gelu;
    case CDNN_GELU_TANH: return tile_of_gelu_tanh;
    }
    return NULL;
}

CDNN_VNNI static void finish(const void *work, const cdnn_tile *tile, long row, long first) {
    const cdnn_float_results *to = work;
    __mmask16 last = (__mmask16)((1u << (tile->wanted - (tile->vectors - 1) * CDNN_LANES)) - 1);
    for (int r = 0; r < tile->count; r++)
        for (int v = 0; v < tile->vectors; v++)
            finish_vector(
                to, row + r, first + v * CDNN_LANES,
                _mm512_loadu_si512(tile->sums + (r * tile->vectors + v) * CDNN_LANES),
                v == tile->vectors - 1 ? last : 0xffff, to->b->activation, to->b->adds);
}

static void finish_kept(const void *work) {
    const cdnn_float_results *to = work;
    const cdnn_kept_tile *kept = to->kept;
    cdnn_tile tile = {
        .count = CDNN_TILE_ROWS, .vectors = CDNN_PANEL_VECTORS, .wanted = CDNN_PANEL, .sums = to->kept->sums};
    if (kept->is_there) finish(to, &tile, kept->row, kept->first);
}

void cdnn_walk_to_floats_vnni(cdnn_walk *walk) {
    if (!cdnn_tile_vnni()) return;
    const cdnn_float_results *to = walk->work;
    walk->fused = tile_for(to->b);
    walk->finish = finish;
    walk->end = finish_kept;
    // One vector at a time can wait for its memory, unless it is read.
    if (!to->b->adds) walk->results = NULL;
}

#else

void cdnn_walk_to_floats_vnni(cdnn_walk *walk) {}

#endif
