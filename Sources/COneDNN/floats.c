#include "floats.h"
#include "scratch.h"
#include <stdlib.h>
#include <string.h>

// Products of floats with weights packed for the AVX-512 kernel. Every result is one chain of sums over its own
// row's numbers, in their order: it does not depend on the rows computed beside it.

struct cdnn_floats {
    long outputs, segments, length;
    long depth;          // a segment is taken in stretches of so many numbers, with sums waiting in y
    cdnn_activation activation;
    int adds;
    float *weights;      // [stretches][panels of 64 outputs, the last of fewer][segments][numbers][outputs]
    float *bias;         // filled up to whole vectors
};

// A panel of so many rows of weights stays near while the rows pass by.
enum { DEPTH = 1024, ROWS_BYTES = 5 << 18, NEAR_BYTES = 1 << 19 };

static long filled(const cdnn_floats *f) { return (f->outputs + CDNN_LANES - 1) / CDNN_LANES * CDNN_LANES; }

static long panel_width(const cdnn_floats *f, long first) {
    long left = filled(f) - first;
    return left < CDNN_PANEL ? left : CDNN_PANEL;
}

// One panel's stretch, from 16 outputs at a time: their numbers are read along their rows.
static void pack_panel(
    const cdnn_floats *f, const float *weights, long first, long start, long count, float *target) {
    long columns = panel_width(f, first), inputs = f->segments * f->length;
    for (long s = 0; s < f->segments; s++, target += count * columns)
        for (long c = 0; c < columns; c += CDNN_LANES) {
            long outputs = f->outputs - first - c < CDNN_LANES ? f->outputs - first - c : CDNN_LANES;
            const float *from = weights + (first + c) * inputs + s * f->length + start;
            for (long i = 0; i < count; i++) {
                float *to = target + i * columns + c;
                for (long o = 0; o < outputs; o++) to[o] = from[o * inputs + i];
                for (long o = outputs; o < CDNN_LANES; o++) to[o] = 0;
            }
        }
}

cdnn_status cdnn_floats_create(
    long outputs, long segments, long length, const float *weights, const float *bias,
    cdnn_activation activation, int adds, cdnn_floats **result) {
    cdnn_floats *made = calloc(1, sizeof *made);
    if (!made) return CDNN_OUT_OF_MEMORY;
    made->outputs = outputs;
    made->segments = segments;
    made->length = length;
    made->activation = activation;
    made->adds = adds;
    long stretches = segments > 1 ? 1 : (length + DEPTH - 1) / DEPTH;
    made->depth = (length + stretches - 1) / stretches;
    size_t columns = (size_t)filled(made);
    made->weights = cdnn_block(columns * (size_t)(segments * length) * sizeof(float));
    made->bias = aligned_alloc(64, columns * sizeof(float));
    if (!made->weights || !made->bias) {
        cdnn_floats_destroy(made);
        return CDNN_OUT_OF_MEMORY;
    }
    for (long n = 0; n < (long)columns; n++) made->bias[n] = bias && n < outputs ? bias[n] : 0;
    for (long start = 0; start < length; start += made->depth) {
        long count = length - start < made->depth ? length - start : made->depth;
        for (long first = 0; first < outputs; first += CDNN_PANEL)
            pack_panel(
                made, weights, first, start, count,
                made->weights + segments * ((long)columns * start + first * count));
    }
    *result = made;
    return CDNN_OK;
}

void cdnn_floats_destroy(cdnn_floats *floats) {
    if (!floats) return;
    cdnn_block_free(floats->weights);
    free(floats->bias);
    free(floats);
}

// Where the rows begin in x: behind each other, or as listed.
typedef struct row_places {
    const float *x;
    long step;
    const long *offsets;
    long segment_stride;
} row_places;

static cdnn_status multiply(const cdnn_floats *f, long rows, const row_places *places, float *y) {
    cdnn_float_kernel kernel = cdnn_float_kernel_avx512();
    if (!kernel) return CDNN_UNAVAILABLE;
    long band = ROWS_BYTES / (long)sizeof(float) / (f->segments * f->depth) / CDNN_TILE_ROWS * CDNN_TILE_ROWS;
    // Where all weights fit into the second cache, results are written a few rows at a time.
    int near = f->segments * f->length * filled(f) * (long)sizeof(float) <= NEAR_BYTES;
    if (near || band < 8 * CDNN_TILE_ROWS) band = 8 * CDNN_TILE_ROWS;
    cdnn_float_tile tile = {
        .segments = f->segments, .segment_stride = places->segment_stride, .ldy = f->outputs};
    for (long begin = 0; begin < rows; begin += band) {
        long end = rows - begin < band ? rows : begin + band;
        for (long start = 0; start < f->length; start += f->depth) {
            tile.length = f->length - start < f->depth ? f->length - start : f->depth;
            int ends = start + tile.length == f->length;
            tile.adds = f->adds || start > 0;
            tile.relu = ends && f->activation == CDNN_RELU;
            for (long first = 0; first < f->outputs; first += CDNN_PANEL) {
                tile.vectors = (int)(panel_width(f, first) / CDNN_LANES);
                tile.wanted = f->outputs - first < CDNN_PANEL ? f->outputs - first : CDNN_PANEL;
                tile.weights = f->weights + f->segments * (filled(f) * start + first * tile.length);
                tile.bias = ends ? f->bias + first : NULL;
                // Behind the last panel of this stretch comes the next stretch.
                const float *next = tile.weights + f->segments * tile.length * (tile.vectors * CDNN_LANES);
                if (near || (ends && first + CDNN_PANEL >= f->outputs)) next = NULL;
                for (long row = begin; row < end; row += CDNN_TILE_ROWS) {
                    tile.ahead = cdnn_part_ahead(
                        next, tile.vectors, f->segments * tile.length,
                        (end - begin + CDNN_TILE_ROWS - 1) / CDNN_TILE_ROWS, (row - begin) / CDNN_TILE_ROWS);
                    tile.count = end - row < CDNN_TILE_ROWS ? (int)(end - row) : CDNN_TILE_ROWS;
                    for (int r = 0; r < tile.count; r++)
                        tile.rows[r] = places->x + start
                            + (places->offsets ? places->offsets[row + r] : (row + r) * places->step);
                    tile.y = y + row * f->outputs + first;
                    // By the time the next tile's sums are there, so is the memory they go to.
                    for (int r = 0; r < CDNN_TILE_ROWS; r++)
                        for (int v = 0; v < tile.vectors; v++)
                            __builtin_prefetch(tile.y + (CDNN_TILE_ROWS + r) * tile.ldy + v * CDNN_LANES, 1);
                    kernel(&tile);
                    if (ends && f->activation > CDNN_RELU)
                        for (int r = 0; r < tile.count; r++)
                            cdnn_bias_activation(1, tile.wanted, NULL, f->activation, tile.y + r * tile.ldy);
                }
            }
        }
    }
    return CDNN_OK;
}

cdnn_status cdnn_floats_linear(const cdnn_floats *floats, long rows, const float *x, float *y) {
    row_places places = {.x = x, .step = floats->length};
    return multiply(floats, rows, &places, y);
}

cdnn_status cdnn_floats_conv(
    const cdnn_floats *floats, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float *y) {
    long channels = shape->inputs, padding = shape->padding, stride = shape->stride;
    long out_height = (height + 2 * padding - shape->kernel) / stride + 1;
    long out_width = (width + 2 * padding - shape->kernel) / stride + 1;
    if (shape->kernel == 1 && padding == 0 && stride == 1)
        return cdnn_floats_linear(floats, count * height * width, x, y);
    long line = (width + 2 * padding) * channels, picture = (height + 2 * padding) * line;
    size_t floats_size = padding ? ((size_t)(count * picture) * sizeof(float) + 63) / 64 * 64 : 0;
    size_t offsets_size = (size_t)(count * out_height * out_width) * sizeof(long);
    char *memory = cdnn_scratch(floats_size + offsets_size);
    if (!memory) return CDNN_OUT_OF_MEMORY;
    long *offsets = (long *)(memory + floats_size), row = 0;
    for (long p = 0; p < count; p++)
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++)
                offsets[row++] = p * picture + oy * stride * line + ox * stride * channels;
    row_places places = {.x = x, .offsets = offsets, .segment_stride = line};
    if (padding) {
        places.x = (float *)memory;
        cdnn_pad_pictures(count, height, width, channels, padding, x, (float *)memory);
    }
    return multiply(floats, row, &places, y);
}

int cdnn_floats_are_fast(void) { return cdnn_float_kernel_avx512() != NULL; }
