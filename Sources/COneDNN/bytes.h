// What the products of bytes (bytes.c) and their kernels (byte_kernels.c) share.
#ifndef CDNN_BYTES_H
#define CDNN_BYTES_H

#include "COneDNN.h"
#include "tiles.h"

/// A few rows of bytes against one panel of weights.
typedef struct cdnn_tile {
    int count, vectors;                   // rows, and vectors of the panel
    const uint8_t *rows[CDNN_TILE_ROWS];  // where each begins
    long segments, segment_stride;        // pieces of a row, and bytes from one to the next
    long groups;                          // groups of four bytes in a piece
    const int8_t *weights;                // [segments][groups][vectors * 16 outputs][4]
    cdnn_ahead ahead;
    int32_t *sums;                        // [count][vectors * 16], exact; aligned to 64 bytes
} cdnn_tile;

typedef void (*cdnn_tile_kernel)(const cdnn_tile *tile);

/// Plain C.
void cdnn_tile_portable(const cdnn_tile *tile);
/// The same on AVX-512 VNNI, or NULL where the processor has none.
cdnn_tile_kernel cdnn_tile_vnni(void);

#endif
