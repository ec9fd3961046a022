#include "bytes.h"

// What becomes of sums of products of bytes where floats are wanted:
// y = act((sum - zero * total) * row scale * output scale + bias [+ y]).

// A tile's part of it.
typedef struct finishing {
    const float *scales, *bias;  // of the panel's outputs
    const int32_t *totals;
    const float *row_scales;     // of the tile's rows
    const int32_t *row_zeros;
    float *y;                    // row stride ldy
    long ldy, wanted;
    range16 *ranges;             // of the results: one for each row, or NULL; one for a picture
    int is_picture;              // whether all rows are of one picture, with one scale and one range
} finishing;

CDNN_INLINE i16x load_whole16(const int32_t *x) {
    i16x v;
    memcpy(&v, x, 64);
    return v;
}

// A panel that is not filled: vector by vector, the last of fewer than sixteen.
CDNN_INLINE void finish_part(const finishing *f, const cdnn_tile *tile, cdnn_activation activation, int adds) {
    const int32_t *sums = tile->sums;
    for (int r = 0; r < tile->count; r++)
        for (int v = 0; v < tile->vectors; v++, sums += CDNN_LANES) {
            long at = v * CDNN_LANES, left = f->wanted - at < CDNN_LANES ? f->wanted - at : CDNN_LANES;
            float *y = f->y + r * f->ldy + at;
            i16x sum = load_whole16(sums) - f->row_zeros[r] * load_whole16(f->totals + at);
            f16x factors = load16(f->scales + at) * f->row_scales[r];
            f16x value = __builtin_convertvector(sum, f16x) * factors + load16(f->bias + at);
            if (adds) value += load_some16(y, left);
            value = activated16(value, activation);
            memcpy(y, &value, (size_t)left * sizeof(float));
            if (!f->ranges) continue;
            range16 range = {0};
            // Zeros where there are no outputs.
            widen(&range, load_some16(y, left), activation != CDNN_RELU);
            merge(f->ranges + (f->is_picture ? 0 : r), &range);
        }
}

// A whole panel: four vectors of a row beside each other, so that none waits for another, and nothing is read twice.
CDNN_INLINE void finish_panel(
    const finishing *f, const cdnn_tile *tile, cdnn_activation activation, int adds, int is_picture) {
    enum { VECTORS = CDNN_PANEL_VECTORS };
    const int32_t *sums = tile->sums;
    float *y = f->y;
    f16x factors[VECTORS], bias[VECTORS];
    i16x offsets[VECTORS];
    for (int v = 0; v < VECTORS; v++) {
        bias[v] = load16(f->bias + v * CDNN_LANES);
        factors[v] = load16(f->scales + v * CDNN_LANES);
        offsets[v] = load_whole16(f->totals + v * CDNN_LANES);
        if (!is_picture) continue;
        factors[v] *= f->row_scales[0];
        offsets[v] *= f->row_zeros[0];
    }
    int count = tile->count, can_be_negative = activation != CDNN_RELU;
    for (int r = 0; r < count; r++, sums += CDNN_PANEL, y += f->ldy) {
        f16x value[VECTORS];
        float row_scale = f->row_scales[r];
        int32_t row_zero = f->row_zeros[r];
        for (int v = 0; v < VECTORS; v++) {
            i16x sum = load_whole16(sums + v * CDNN_LANES) - (is_picture ? offsets[v] : row_zero * offsets[v]);
            value[v] = __builtin_convertvector(sum, f16x) * (is_picture ? factors[v] : factors[v] * row_scale) + bias[v];
            if (adds) value[v] += load16(y + v * CDNN_LANES);
        }
        for (int v = 0; v < VECTORS; v++) value[v] = activated16(value[v], activation);
        for (int v = 0; v < VECTORS; v++) memcpy(y + v * CDNN_LANES, &value[v], 64);
        if (!f->ranges) continue;
        range16 *range = f->ranges + (is_picture ? 0 : r), here = *range;
        for (int v = 0; v < VECTORS; v++) widen(&here, value[v], can_be_negative);
        *range = here;
    }
}

CDNN_INLINE void finish_tile(const finishing *f, const cdnn_tile *tile, cdnn_activation activation, int adds) {
    if (f->wanted != CDNN_PANEL) finish_part(f, tile, activation, adds);
    else if (f->is_picture) finish_panel(f, tile, activation, adds, 1);
    else finish_panel(f, tile, activation, adds, 0);
}

// With what the map does at its end known to the compiler.
CDNN_CLONES static void finish(const finishing *f, const cdnn_tile *tile, cdnn_activation activation, int adds) {
    switch (activation) {
    case CDNN_IDENTITY:
        if (adds) finish_tile(f, tile, CDNN_IDENTITY, 1);
        else finish_tile(f, tile, CDNN_IDENTITY, 0);
        break;
    case CDNN_RELU:
        if (adds) finish_tile(f, tile, CDNN_RELU, 1);
        else finish_tile(f, tile, CDNN_RELU, 0);
        break;
    case CDNN_GELU: finish_tile(f, tile, CDNN_GELU, 0); break;
    case CDNN_QUICK_GELU: finish_tile(f, tile, CDNN_QUICK_GELU, 0); break;
    case CDNN_GELU_TANH: finish_tile(f, tile, CDNN_GELU_TANH, 0); break;
    }
}

void cdnn_finish_floats(const void *context, const cdnn_tile *tile, long row, long first) {
    const cdnn_float_results *results = context;
    const cdnn_bytes *b = results->b;
    finishing f = {
        .scales = b->scales + first, .bias = b->bias + first, .totals = b->totals + first,
        .row_scales = results->x->scales + row, .row_zeros = results->x->zeros + row,
        .y = results->y + row * b->outputs + first, .ldy = b->outputs, .wanted = tile->wanted,
        .ranges = results->ranges ? results->ranges + row / results->rows_a_range : NULL,
        .is_picture = results->rows_a_range > 1};
    finish(&f, tile, b->activation, b->adds);
}
