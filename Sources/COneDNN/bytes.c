#include "bytes.h"
#include "ranges.h"
#include "scratch.h"
#include <stdlib.h>

// Products of 8-bit numbers. A weight is a signed byte times its output's scale; an activation is an unsigned
// byte, less its row's zero point, times its row's scale. Scales and zero points of rows (of whole pictures in
// convolutions) are made from their own numbers when they come, so that a result depends on nothing else.

// What is kept in a part of the second cache: weights, and what is between two maps.
enum { NEAR_BYTES = 1 << 19, PAIR_BYTES = 5 << 18 };

CDNN_CLONES static void range_of(long count, const float *x, range16 *range) {
    *range = (range16){0};
    long whole = count / 16 * 16;
    for (long i = 0; i < whole; i += 16) widen(range, load16(x + i), 1);
    if (whole < count) widen(range, load_some16(x + whole, count - whole), 1);
}

static cdnn_bounds bounds_of_row(long count, const float *x) {
    range16 range;
    range_of(count, x, &range);
    return bounds_of(&range);
}

// The scale with which an output's largest weight becomes 127; not a number when one of them is none or infinite.
static float scale_of(long count, const float *w) {
    cdnn_bounds bounds = bounds_of_row(count, w);
    float largest = bounds.high > -bounds.low ? bounds.high : -bounds.low;
    return largest <= 3e38f ? largest / 127.0f : NAN;
}

// Numbers as signed bytes; gives their sum. What is not a number becomes some byte: the scale tells of it.
CDNN_CLONES static int32_t to_signed_bytes(long count, const float *x, float factor, int8_t *y) {
    int32_t sum = 0;
    for (long i = 0; i < count; i++) {
        float v = x[i] * factor;
        v = v > -127.0f ? v : -127.0f;
        v = v < 127.0f ? v : 127.0f;
        // Rounded to the nearest even by an addition behind which no fraction is left.
        int32_t whole = (int32_t)((v + 12582912.0f) - 12582912.0f);
        y[i] = (int8_t)whole;
        sum += whole;
    }
    return sum;
}

cdnn_status cdnn_bytes_create(
    long outputs, long segments, long length, const float *weights, const float *bias,
    cdnn_activation activation, int adds, cdnn_bytes **result) {
    cdnn_bytes *made = calloc(1, sizeof *made);
    if (!made) return CDNN_OUT_OF_MEMORY;
    long vectors = (outputs + CDNN_LANES - 1) / CDNN_LANES, filled = vectors * CDNN_LANES;
    made->outputs = outputs;
    made->segments = segments;
    made->length = length;
    made->groups = (length + 3) / 4;
    made->activation = activation;
    made->adds = adds;
    size_t column = (size_t)segments * (size_t)made->groups * 4;
    made->weights = cdnn_block(column * (size_t)filled);
    made->scales = calloc((size_t)filled, sizeof(float));
    made->bias = calloc((size_t)filled, sizeof(float));
    made->totals = calloc((size_t)filled, sizeof(int32_t));
    made->scaled_totals = calloc((size_t)filled, sizeof(float));
    int8_t *row = malloc((size_t)(segments * length) + 1);
    if (!made->weights || !made->scales || !made->bias || !made->totals || !made->scaled_totals || !row) {
        free(row);
        cdnn_bytes_destroy(made);
        return CDNN_OUT_OF_MEMORY;
    }
    for (long n = 0; n < outputs; n++) {
        const float *w = weights + n * segments * length;
        float scale = scale_of(segments * length, w), factor = scale > 0 ? 1.0f / scale : 0;
        made->scales[n] = scale;
        long panel = n / CDNN_PANEL, first = panel * CDNN_PANEL;
        long columns = filled - first < CDNN_PANEL ? filled - first : CDNN_PANEL;
        int8_t *target = made->weights + (size_t)first * column + (n - first) * 4;
        made->totals[n] = to_signed_bytes(segments * length, w, factor, row);
        made->scaled_totals[n] = (float)made->totals[n] * scale;
        for (long s = 0; s < segments; s++) {
            const int8_t *from = row + s * length;
            int8_t *to = target + s * made->groups * columns * 4;
            long whole = length / 4;
            for (long g = 0; g < whole; g++) memcpy(to + g * columns * 4, from + g * 4, 4);
            // The last group is filled up with the zeros that are there already.
            if (length % 4) memcpy(to + whole * columns * 4, from + whole * 4, (size_t)(length % 4));
        }
        if (bias) made->bias[n] = bias[n];
    }
    free(row);
    *result = made;
    return CDNN_OK;
}

void cdnn_bytes_destroy(cdnn_bytes *bytes) {
    if (!bytes) return;
    cdnn_block_free(bytes->weights);
    free(bytes->scales);
    free(bytes->bias);
    free(bytes->totals);
    free(bytes->scaled_totals);
    free(bytes);
}

// MARK: activations as bytes

// What turns numbers between two bounds, 0 among them, into bytes; 0 becomes a byte exactly.
typedef struct byte_range {
    float factor, scale;
    int32_t zero;
} byte_range;

// What is no number becomes some byte: the scale tells of it. Only a zero point that was rounded up lifts the
// highest number past the last byte.
CDNN_INLINE void byte16(f16x x, float factor, float zero, int is_lifted, uint8_t *y, long count) {
    x = higher16((f16x){0}, x * factor + zero);
    if (is_lifted) x = lower16(255.5f - (f16x){0}, x);
    typedef uint8_t b16x __attribute__((vector_size(16)));
    b16x bytes = __builtin_convertvector(__builtin_convertvector(x, i16x), b16x);
    memcpy(y, &bytes, (size_t)count);
}

CDNN_INLINE void fill_bytes(long count, const float *x, float factor, float zero, int is_lifted, uint8_t *y) {
    long whole = count / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        __builtin_prefetch(x + i + 1024);
        byte16(load16(x + i), factor, zero, is_lifted, y + i, 16);
    }
    if (whole < count)
        byte16(load_some16(x + whole, count - whole), factor, zero, is_lifted, y + whole, count - whole);
}

CDNN_CLONES static void fill_rest(long count, const float *x, const byte_range *range, float zero, uint8_t *y) {
    if (range->zero) fill_bytes(count, x, range->factor, zero, 1, y);
    else fill_bytes(count, x, range->factor, zero, 0, y);
}

static void to_bytes(long count, const float *x, const byte_range *range, uint8_t *y) {
    // Half a step more: what follows cuts fractions off.
    float zero = (float)range->zero + 0.5f;
    cdnn_fill_bytes wide = cdnn_fill_bytes_vnni();
    long done = wide ? wide(count, x, range->factor, zero, y) : 0;
    fill_rest(count - done, x + done, range, zero, y + done);
}

static byte_range range_for(cdnn_bounds bounds) {
    float width = bounds.high - bounds.low;
    // All zeros, or numbers that are not finite: the scale carries that into the results.
    if (!(width > 0) || width > 3e38f) return (byte_range){0, width == 0 ? 1.0f : NAN, 0};
    byte_range range = {.factor = 255.0f / width, .scale = width / 255.0f};
    float zero = -bounds.low * range.factor + 0.5f;
    range.zero = zero < 255.0f ? (int32_t)zero : 255;
    return range;
}

size_t cdnn_rows_size(long rows, size_t bytes) {
    return cdnn_aligned(bytes) + cdnn_aligned((size_t)rows * sizeof(long)) + 2 * cdnn_aligned((size_t)rows * 4);
}

cdnn_byte_rows cdnn_place_rows(char **memory, long rows, size_t bytes) {
    cdnn_byte_rows placed = {.bytes = (uint8_t *)*memory};
    *memory += cdnn_aligned(bytes);
    placed.offsets = (long *)*memory;
    *memory += cdnn_aligned((size_t)rows * sizeof(long));
    placed.scales = (float *)*memory;
    *memory += cdnn_aligned((size_t)rows * 4);
    placed.zeros = (int32_t *)*memory;
    *memory += cdnn_aligned((size_t)rows * 4);
    return placed;
}

void cdnn_fill_row(const cdnn_bytes *b, long row, const float *x, const cdnn_bounds *known, cdnn_byte_rows *to) {
    long width = b->groups * 4;
    byte_range range = range_for(known ? *known : bounds_of_row(b->length, x));
    to->offsets[row] = row * width;
    to->scales[row] = range.scale;
    to->zeros[row] = range.zero;
    to_bytes(b->length, x, &range, to->bytes + row * width);
    // The weights behind a row's end are zeros.
    memset(to->bytes + row * width + b->length, 0, (size_t)(width - b->length));
}

void cdnn_fill_rows(const cdnn_bytes *b, const cdnn_rows *x, float *normed, cdnn_byte_rows *to) {
    const float *row = x->x;
    for (long r = 0; r < x->count; r++, row += b->length) {
        if (!x->norm) {
            cdnn_fill_row(b, r, row, x->bounds ? x->bounds + r : NULL, to);
            continue;
        }
        cdnn_bounds bounds;
        cdnn_layer_norm(1, b->length, row, x->norm, normed, &bounds);
        cdnn_fill_row(b, r, normed, &bounds, to);
    }
}

// MARK: products

void cdnn_walk_rows(const cdnn_bytes *b, int portable, const cdnn_byte_rows *x, const cdnn_walk *walk) {
    int32_t sums[CDNN_TILE_ROWS * CDNN_PANEL] __attribute__((aligned(64)));
    cdnn_tile_kernel vnni = portable ? NULL : cdnn_tile_vnni();
    cdnn_tile_kernel kernel = vnni ? vnni : cdnn_tile_portable;
    long rows = walk->rows, from = walk->first_row;
    size_t column = (size_t)b->segments * (size_t)b->groups * 4, size = (size_t)walk->result_size;
    cdnn_tile tile = {
        .segments = b->segments, .segment_stride = x->segment_stride, .groups = b->groups, .sums = sums};
    // Where all weights fit into the second cache, results are written a few rows at a time; else a panel of weights
    // is read from memory once, and stays near for all rows.
    long band = column * (size_t)b->outputs <= NEAR_BYTES ? 8 * CDNN_TILE_ROWS : rows;
    for (long begin = from; begin < from + rows; begin += band) {
        long end = from + rows - begin < band ? from + rows : begin + band;
        for (long first = 0; first < b->outputs; first += CDNN_PANEL) {
            tile.wanted = b->outputs - first < CDNN_PANEL ? b->outputs - first : CDNN_PANEL;
            tile.vectors = (int)((tile.wanted + CDNN_LANES - 1) / CDNN_LANES);
            tile.weights = b->weights + (size_t)first * column;
            const int8_t *next = band == rows && first + CDNN_PANEL < b->outputs
                ? tile.weights + CDNN_PANEL * column
                : NULL;
            long steps = b->segments * b->groups, length = tile.wanted * (long)size, line = b->outputs * (long)size;
            cdnn_ahead ahead =
                cdnn_part_ahead(next, tile.vectors, steps, (rows + CDNN_TILE_ROWS - 1) / CDNN_TILE_ROWS, 0);
            long part = (steps / CDNN_STRIDE + 1) * ahead.lines * 64;
            for (long row = begin; row < end; row += tile.count) {
                tile.ahead = ahead;
                if (ahead.lines) tile.ahead.next += (row - from) / CDNN_TILE_ROWS * part;
                tile.count = end - row < CDNN_TILE_ROWS ? (int)(end - row) : CDNN_TILE_ROWS;
                if (walk->rows_a_picture) {
                    // A tile that would reach into the next picture ends where that begins.
                    long last = (row / walk->rows_a_picture + 1) * walk->rows_a_picture;
                    if (row + tile.count > last) tile.count = (int)(last - row);
                }
                // By the time the sums are there, so is the memory they go to.
                long place = (row + CDNN_TILE_ROWS) * line + first * (long)size;
                for (int r = 0; r < tile.count; r++, place += line) {
                    tile.rows[r] = x->bytes + x->offsets[row + r];
                    for (long at = 0; walk->results && at < length; at += 64)
                        __builtin_prefetch(walk->results + place + at, 1);
                    if (walk->added) __builtin_prefetch(walk->added + place, 0);
                }
                int is_whole = tile.count == CDNN_TILE_ROWS && tile.wanted == CDNN_PANEL;
                if (is_whole && walk->fused && walk->fused(walk->work, &tile, row, first)) continue;
                kernel(&tile);
                walk->finish(walk->work, &tile, row, first);
            }
        }
    }
    if (walk->end) walk->end(walk->work);
}

void cdnn_multiply_rows(
    const cdnn_bytes *b, int portable, long rows, const cdnn_byte_rows *x, float *y, range16 *ranges,
    long rows_a_range) {
    if (ranges) memset(ranges, 0, (size_t)((rows + rows_a_range - 1) / rows_a_range) * sizeof *ranges);
    cdnn_kept_tile kept = {.is_there = 0};
    cdnn_float_results results = {
        .b = b, .x = x, .y = y, .ranges = ranges, .rows_a_range = rows_a_range, .kept = &kept};
    cdnn_walk walk = {
        .rows = rows, .rows_a_picture = ranges && rows_a_range > 1 ? rows_a_range : 0, .results = (char *)y,
        .result_size = sizeof(float), .finish = cdnn_finish_floats, .work = &results};
    if (!portable) cdnn_walk_to_floats_vnni(&walk);
    cdnn_walk_rows(b, portable, x, &walk);
}

cdnn_status cdnn_bytes_linear(const cdnn_bytes *b, int portable, const cdnn_rows *x, float *y) {
    size_t bytes = (size_t)(x->count * b->groups * 4), normed_size = cdnn_aligned((size_t)b->length * sizeof(float));
    char *memory = cdnn_scratch(normed_size + cdnn_rows_size(x->count, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    float *normed = (float *)memory;
    memory += normed_size;
    cdnn_byte_rows from = cdnn_place_rows(&memory, x->count, bytes);
    cdnn_fill_rows(b, x, normed, &from);
    cdnn_multiply_rows(b, portable, x->count, &from, y, NULL, 1);
    return CDNN_OK;
}

cdnn_status cdnn_bytes_pair(
    const cdnn_bytes *first, const cdnn_bytes *second, int portable, const cdnn_rows *x, float *y) {
    // So many rows at a time that what is between the two stays in the second cache.
    long rows = x->count, band = PAIR_BYTES / (long)sizeof(float) / first->outputs / CDNN_TILE_ROWS * CDNN_TILE_ROWS;
    if (band < 8 * CDNN_TILE_ROWS) band = 8 * CDNN_TILE_ROWS;
    if (band > rows) band = rows;
    size_t first_bytes = (size_t)(band * first->groups * 4), second_bytes = (size_t)(band * second->groups * 4);
    size_t inner = cdnn_aligned((size_t)(band * first->outputs) * sizeof(float));
    size_t normed_size = cdnn_aligned((size_t)first->length * sizeof(float)), ranges_size = (size_t)band * sizeof(range16);
    char *memory = cdnn_scratch(
        inner + normed_size + ranges_size + cdnn_rows_size(band, first_bytes) + cdnn_rows_size(band, second_bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    float *between = (float *)memory, *normed = (float *)(memory + inner);
    range16 *ranges = (range16 *)(memory + inner + normed_size);
    memory += inner + normed_size + ranges_size;
    cdnn_byte_rows outer = cdnn_place_rows(&memory, band, first_bytes), middle = cdnn_place_rows(&memory, band, second_bytes);
    for (long row = 0; row < rows; row += band) {
        cdnn_rows here = {
            .count = rows - row < band ? rows - row : band, .x = x->x + row * first->length, .norm = x->norm,
            .bounds = x->bounds ? x->bounds + row : NULL};
        cdnn_fill_rows(first, &here, normed, &outer);
        cdnn_multiply_rows(first, portable, here.count, &outer, between, ranges, 1);
        for (long r = 0; r < here.count; r++) {
            cdnn_bounds bounds = bounds_of(ranges + r);
            cdnn_fill_row(second, r, between + r * second->length, &bounds, &middle);
        }
        cdnn_multiply_rows(second, portable, here.count, &middle, y + row * second->outputs, NULL, 1);
    }
    return CDNN_OK;
}

// MARK: convolutions

long cdnn_conv_extent(const cdnn_conv_shape *shape, long extent) {
    return (extent + 2 * shape->padding - shape->kernel) / shape->stride + 1;
}

size_t cdnn_padded_size(const cdnn_conv_shape *shape, long count, long height, long width) {
    long padding = 2 * shape->padding;
    // The last group of a segment may read up to three bytes more than it needs.
    return (size_t)(count * (height + padding) * (width + padding) * shape->inputs) + 4;
}

void cdnn_pad_floats(
    const cdnn_conv_shape *shape, long count, long height, long width, const float *x,
    const cdnn_bounds *known, cdnn_byte_rows *to) {
    long channels = shape->inputs, padding = shape->padding, stride = shape->stride;
    long out_height = cdnn_conv_extent(shape, height), out_width = cdnn_conv_extent(shape, width);
    long line = (width + 2 * padding) * channels, picture = (height + 2 * padding) * line, row = 0;
    to->segment_stride = line;
    memset(to->bytes + count * picture, 0, 4);
    for (long p = 0; p < count; p++) {
        const float *values = x + p * height * width * channels;
        uint8_t *bytes = to->bytes + p * picture;
        byte_range range = range_for(known ? known[p] : bounds_of_row(height * width * channels, values));
        size_t margin = (size_t)(padding * channels);
        memset(bytes, range.zero, (size_t)(padding * line));
        memset(bytes + (padding + height) * line, range.zero, (size_t)(padding * line));
        for (long i = 0; i < height; i++) {
            uint8_t *inner = bytes + (padding + i) * line;
            memset(inner, range.zero, margin);
            to_bytes(width * channels, values + i * width * channels, &range, inner + margin);
            memset(inner + line - margin, range.zero, margin);
        }
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++, row++) {
                to->offsets[row] = p * picture + oy * stride * line + ox * stride * channels;
                to->scales[row] = range.scale;
                to->zeros[row] = range.zero;
            }
    }
}

cdnn_status cdnn_bytes_conv(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, const cdnn_bounds *known, float *y, cdnn_bounds *told) {
    long positions = cdnn_conv_extent(shape, height) * cdnn_conv_extent(shape, width), rows = count * positions;
    size_t bytes = cdnn_padded_size(shape, count, height, width);
    size_t ranges_size = (size_t)count * sizeof(range16);
    char *memory = cdnn_scratch(ranges_size + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    range16 *ranges = (range16 *)memory;
    memory += ranges_size;
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    cdnn_pad_floats(shape, count, height, width, x, known, &from);
    cdnn_multiply_rows(b, portable, rows, &from, y, ranges, positions);
    for (long p = 0; p < count; p++) told[p] = bounds_of(ranges + p);
    return CDNN_OK;
}

int cdnn_bytes_are_fast(void) { return cdnn_tile_vnni() != NULL; }
