// What the products of bytes (bytes.c), the maps that are made of them (byte_maps.c) and their kernels (byte_kernels.c) share.
#ifndef CDNN_BYTES_H
#define CDNN_BYTES_H

#include "COneDNN.h"
#include "ranges.h"
#include "tiles.h"

/// A few rows of bytes against one panel of weights.
typedef struct cdnn_tile {
    int count, vectors;                   // rows, and vectors of the panel
    long wanted;                          // outputs of the panel: the last vector may be filled up
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

struct cdnn_bytes {
    long outputs, segments, length, groups;  // `length` numbers in each segment, in `groups` of four
    cdnn_activation activation;
    int adds;
    int8_t *weights;       // panels of 64 outputs (the last one of fewer), each as a tile wants it
    float *scales;         // per output, filled up to whole vectors
    float *bias;
    int32_t *totals;       // sum of an output's weights: what one unit of the zero point adds
    float *scaled_totals;  // the same times the output's scale
};

/// The bytes of rows, where each begins, and what they mean.
typedef struct cdnn_byte_rows {
    uint8_t *bytes;
    long *offsets;
    long segment_stride;
    float *scales;
    int32_t *zeros;
} cdnn_byte_rows;

/// The memory that cdnn_place_rows takes for so many rows and bytes.
size_t cdnn_rows_size(long rows, size_t bytes);
/// Takes it, and moves `memory` past it.
cdnn_byte_rows cdnn_place_rows(char **memory, long rows, size_t bytes);

/// y = x * factor + zero, without its fraction, as bytes, for as many of `count` numbers as it tells.
typedef long (*cdnn_fill_bytes)(long count, const float *x, float factor, float zero, uint8_t *y);

/// The way on AVX-512, or NULL where the processor has none.
cdnn_fill_bytes cdnn_fill_bytes_vnni(void);

/// Row number `row` as bytes. Its bounds are looked for where they are not known.
void cdnn_fill_row(
    const cdnn_bytes *b, long row, const float *x, const cdnn_bounds *known, cdnn_byte_rows *to);
/// All rows as bytes; `normed` holds a row's numbers, where there is a norm.
void cdnn_fill_rows(const cdnn_bytes *b, const cdnn_rows *x, float *normed, cdnn_byte_rows *to);

/// What is called with the sums of a tile, the number of its first row and that of its first output.
typedef void (*cdnn_finish)(const void *work, const cdnn_tile *tile, long row, long first);

/// The sums of a whole tile that wait to be finished beside the next one's.
typedef struct cdnn_kept_tile {
    int is_there;
    long row, first;
    int32_t sums[CDNN_TILE_ROWS * CDNN_PANEL] __attribute__((aligned(64)));
} cdnn_kept_tile;

/// Does all of that, the sums among it, with a tile of CDNN_TILE_ROWS rows and CDNN_PANEL outputs; 0 where it cannot, and
/// nothing is done.
typedef int (*cdnn_fused_tile)(const void *work, const cdnn_tile *tile, long row, long first);

/// All tiles of some rows against all panels, and what becomes of their sums.
typedef struct cdnn_walk {
    long first_row, rows;
    long rows_a_picture;  // tiles end with a picture of so many rows; 0 where they need not
    const char *results;  // [rows][outputs]: fetched while the sums are made; NULL where that is not needed
    long result_size;     // bytes of one
    const char *added;    // bytes that are laid out like them and will be needed then, or NULL
    cdnn_fused_tile fused;  // what does a whole tile at once, or NULL
    cdnn_finish finish;
    void (*end)(const void *work);  // finishes what was kept of the last tile; NULL where nothing is
    const void *work;
} cdnn_walk;

void cdnn_walk_rows(const cdnn_bytes *b, int portable, const cdnn_byte_rows *x, const cdnn_walk *walk);
/// y of all rows in floats; where `ranges` are wanted, as always for pictures of several rows, there is one for each
/// `rows_a_range` rows.
void cdnn_multiply_rows(
    const cdnn_bytes *b, int portable, long rows, const cdnn_byte_rows *x, float *y, range16 *ranges,
    long rows_a_range);

/// Where floats are wanted of sums: what the function below works with.
typedef struct cdnn_float_results {
    const cdnn_bytes *b;
    const cdnn_byte_rows *x;
    float *y;             // [rows][outputs]
    range16 *ranges;      // of each `rows_a_range` rows, or NULL
    long rows_a_range;
    cdnn_kept_tile *kept;  // where a tile may wait for the next one
} cdnn_float_results;

void cdnn_finish_floats(const void *results, const cdnn_tile *tile, long row, long first);
/// Has a walk to such results do the same on AVX-512 VNNI; nothing is changed where the processor has none.
void cdnn_walk_to_floats_vnni(cdnn_walk *walk);

/// Rows or columns of a convolution's result.
long cdnn_conv_extent(const cdnn_conv_shape *shape, long extent);
/// The bytes of pictures with a convolution's margins.
size_t cdnn_padded_size(const cdnn_conv_shape *shape, long count, long height, long width);
/// Pictures of floats as bytes with margins, and a row for each position of the result. Each picture gets a scale and a
/// zero point, of its `known` bounds or, where these are NULL, of its own numbers.
void cdnn_pad_floats(
    const cdnn_conv_shape *shape, long count, long height, long width, const float *x,
    const cdnn_bounds *known, cdnn_byte_rows *to);

#endif
