// Convolutions that make maps of bytes (byte_maps.c), and the fast way for whole tiles (byte_maps_wide.c).
#ifndef CDNN_BYTE_MAPS_H
#define CDNN_BYTE_MAPS_H

#include "bytes.h"

/// What reaches further than 16 bits show is not known from a map_reach.
enum { CDNN_FURTHEST = 32767 };

/// The lowest and highest of a picture's results in steps of its bytes, cut off as bytes are, from the packing of whole tiles.
typedef struct cdnn_map_reach {
    int16_t low[32], high[32];
} __attribute__((aligned(64))) cdnn_map_reach;

/// Where bytes are wanted of sums: y = (start + sum) * factor + base [+ added byte * added], in steps of the result's bytes.
typedef struct cdnn_map_work {
    const cdnn_bytes *b;
    const cdnn_byte_rows *x;
    const cdnn_map *added;    // or NULL
    cdnn_map y;
    long positions;           // rows of a picture
    long columns;             // outputs, filled up to whole vectors
    // Of pictures:
    range16 *ranges;          // in steps of their bytes
    cdnn_map_reach *reaches;  // the same of what is made the fast way
    float *added_factors;
    int32_t *are_small;       // whether no result can be beyond 32 bits, whatever the sums
    // Of pictures and columns:
    float *factors, *bases;
    int32_t *starts;
} cdnn_map_work;

/// Makes whole tiles whose rows are of one picture on AVX-512 VNNI; NULL where the processor has none.
cdnn_fused_tile cdnn_map_tile_vnni(void);

#endif
