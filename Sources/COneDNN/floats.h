// What the packed products of floats (floats.c) and their kernel (float_kernels.c) share.
#ifndef CDNN_FLOATS_H
#define CDNN_FLOATS_H

#include "COneDNN.h"
#include "tiles.h"

/// A few rows against one panel of weights.
typedef struct cdnn_float_tile {
    int count, vectors;                // rows, and vectors of the panel
    const float *rows[CDNN_TILE_ROWS];  // where each begins
    long segments, segment_stride;     // pieces of a row, and floats from one to the next
    long length;                       // floats in a piece
    const float *weights;              // [segments][length][vectors * 16]
    cdnn_ahead ahead;
    float *y;                          // results [count][wanted], row stride ldy
    long ldy, wanted;
    int adds;                          // sums begin with what y holds, else with 0
    const float *bias;                 // [vectors * 16], added at the end, or NULL
    int relu;                          // then y = max(0, y)
} cdnn_float_tile;

typedef void (*cdnn_float_kernel)(const cdnn_float_tile *tile);

/// The kernel on AVX-512, or NULL where the processor has none.
cdnn_float_kernel cdnn_float_kernel_avx512(void);

#endif
