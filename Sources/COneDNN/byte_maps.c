#include "byte_maps.h"
#include "scratch.h"

// Convolutions from maps of bytes to maps of bytes. What a picture's results reach is known when all of them are
// there, but bytes have to be written before: they are made with a scale that is expected, and once more with the
// picture's own where they do not fit that. So results depend on the picture and the expectation alone.

// Results that use less than a quarter of their bytes are made again too: two bits are lost at most.
static const float LEAST_USED = 0.25f;

// What stands for zero in the results, before fractions are cut off.
CDNN_INLINE float middle_of(const cdnn_map *map) { return (float)map->zero + 0.5f; }

typedef uint8_t b16x __attribute__((vector_size(16)));

CDNN_INLINE f16x load_bytes16(const uint8_t *x, long count) {
    b16x bytes = {0};
    memcpy(&bytes, x, (size_t)(count < CDNN_LANES ? count : CDNN_LANES));
    return __builtin_convertvector(__builtin_convertvector(bytes, i16x), f16x);
}

// `rows` rows of a tile from its row `from`, all of one picture.
CDNN_INLINE void finish_rows(
    const cdnn_map_work *work, const cdnn_tile *tile, long row, long first, long picture, int from, int rows,
    int adds) {
    int vectors = tile->vectors;
    long outputs = work->b->outputs, place = (row + from) * outputs + first;
    float added_factor = adds ? work->added_factors[picture] : 0;
    f16x middles = middle_of(&work->y) - (f16x){0}, tops = 255.5f - (f16x){0};
    range16 range = {middles, middles, {0}};
    for (int v = 0; v < vectors; v++) {
        long at = picture * work->columns + first + v * CDNN_LANES, left = tile->wanted - v * CDNN_LANES;
        if (left > CDNN_LANES) left = CDNN_LANES;
        i16x starts;
        memcpy(&starts, work->starts + at, 64);
        f16x factors = load16(work->factors + at), bases = load16(work->bases + at);
        for (int r = 0; r < rows; r++) {
            long there = place + r * outputs + v * CDNN_LANES;
            i16x sums;
            memcpy(&sums, tile->sums + ((from + r) * vectors + v) * CDNN_LANES, 64);
            f16x value = __builtin_convertvector(starts + sums, f16x) * factors + bases;
            if (adds) value += load_bytes16(work->added->bytes + there, left) * added_factor;
            widen(&range, value, 1);
            value = lower16(tops, higher16((f16x){0}, value));
            b16x bytes = __builtin_convertvector(__builtin_convertvector(value, i16x), b16x);
            memcpy(work->y.bytes + there, &bytes, (size_t)left);
        }
    }
    merge(work->ranges + picture, &range);
}

// The rows of a tile picture by picture.
CDNN_INLINE void finish_tile(const cdnn_map_work *work, const cdnn_tile *tile, long row, long first, int adds) {
    long picture = row / work->positions, rest = (picture + 1) * work->positions - row;
    for (int from = 0; from < tile->count; picture++, rest += work->positions) {
        int end = rest < tile->count ? (int)rest : tile->count;
        finish_rows(work, tile, row, first, picture, from, end - from, adds);
        from = end;
    }
}

CDNN_CLONES static void finish_map(const void *context, const cdnn_tile *tile, long row, long first) {
    const cdnn_map_work *work = context;
    if (work->added) finish_tile(work, tile, row, first, 1);
    else finish_tile(work, tile, row, first, 0);
}

// What a picture's results reach, on either side of what stands for zero.
typedef struct extent {
    float low, high;
    int is_exact;  // where whole tiles were made into bytes, fractions are not known, nor what is far off
} extent;

static extent extent_of(const cdnn_map_work *work, long picture) {
    const range16 *range = work->ranges + picture;
    const cdnn_map_reach *reach = work->reaches + picture;
    float middle = middle_of(&work->y), spoilt = lane_sum(&range->spoilt);
    extent found = {.low = middle, .high = middle, .is_exact = 1};
    for (int i = 0; i < CDNN_LANES; i++) {
        if (range->high[i] > found.high) found.high = range->high[i];
        if (range->low[i] < found.low) found.low = range->low[i];
    }
    if (spoilt != 0) found.high = INFINITY;
    for (int i = 0; i < 32; i++) {
        if (reach->high[i] > INT16_MIN) found.is_exact = 0;
        if (reach->high[i] > found.high) found.high = reach->high[i];
        if (reach->low[i] < found.low) found.low = reach->low[i];
    }
    return found;
}

// The scale that a picture's results should have been made with, the one they have when they fit it, or 0 when that takes a
// better look.
static float fitting_scale(const cdnn_map_work *work, long picture) {
    extent found = extent_of(work, picture);
    float scale = work->y.scales[picture], middle = middle_of(&work->y), zero = (float)work->y.zero;
    float most = work->y.zero ? 127.0f : 255.0f;
    if (!(found.high < 1e30f) || !(found.low > -1e30f)) return found.is_exact ? NAN : 0;
    // Whole steps are looked at wherever they tell enough, so that it does not depend on how the bytes were made.
    float up = truncf(found.high) - zero, down = work->y.zero ? zero - truncf(found.low) : 0;
    float top = up > down ? up : down;
    int is_far = found.high >= CDNN_FURTHEST || found.low <= -CDNN_FURTHEST;
    if (top >= 1 && !is_far) {
        if (top <= most && top >= most * LEAST_USED) return scale;
        float own = scale * ((top + (work->y.zero ? 1.5f : 0.5f)) / most);
        return own > 1e-30f ? own : scale;
    }
    if (!found.is_exact) return 0;
    up = found.high - middle;
    down = work->y.zero ? middle - found.low : 0;
    float own = scale * ((up > down ? up : down) / most);
    // Where everything is next to nothing, bytes of zero say so.
    return own > 1e-30f ? own : scale;
}

// What a picture's results are made with.
CDNN_CLONES static void prepare(const cdnn_map_work *work, long picture) {
    const cdnn_bytes *b = work->b;
    float factor = 1.0f / work->y.scales[picture], base = middle_of(&work->y);
    float row_factor = work->x->scales[picture * work->positions] * factor;
    int32_t zero = work->x->zeros[picture * work->positions];
    if (work->added) {
        float added = work->added->scales[picture] * factor;
        base -= added * (float)work->added->zero;
        work->added_factors[picture] = added;
    }
    long columns = work->columns, at = picture * columns;
    for (long c = 0; c < columns; c++) work->factors[at + c] = b->scales[c] * row_factor;
    for (long c = 0; c < columns; c++) work->bases[at + c] = b->bias[c] * factor + base;
    for (long c = 0; c < columns; c++) work->starts[at + c] = -b->totals[c] * zero;
    // 255 * 127 a product, as much again for the zero point, and what is added.
    float sums = 2 * 32385.0f * (float)(b->segments * b->length), most = 0;
    float added = work->added ? 255.0f * work->added_factors[picture] : 0;
    int32_t are_numbers = 1;
    for (long c = 0; c < columns; c++) {
        float reach = sums * work->factors[at + c] + fabsf(work->bases[at + c]) + added;
        most = reach > most ? reach : most;
        are_numbers &= reach == reach;
    }
    work->are_small[picture] = are_numbers && most < 2e9f;
}

// Makes the results of some pictures, whose rows of bytes and scales are there, the fast way where there is one and no exact
// range is asked for.
static void make(const cdnn_map_work *work, int portable, int is_exact, long picture, long count) {
    f16x middles = middle_of(&work->y) - (f16x){0};
    for (long p = picture; p < picture + count; p++) {
        work->ranges[p] = (range16){middles, middles, {0}};
        for (int i = 0; i < 32; i++) {
            work->reaches[p].low[i] = INT16_MAX;
            work->reaches[p].high[i] = INT16_MIN;
        }
        prepare(work, p);
    }
    cdnn_walk walk = {
        .first_row = picture * work->positions, .rows = count * work->positions,
        .results = (const char *)work->y.bytes, .result_size = 1,
        .added = work->added ? (const char *)work->added->bytes : NULL,
        .fused = portable || is_exact ? NULL : cdnn_map_tile_vnni(), .finish = finish_map, .work = work};
    cdnn_walk_rows(work->b, portable, work->x, &walk);
}

// Makes all results as they are expected to be, and again what did not fit that. What is far off the expectation shows only
// roughly what would fit, and is made a third time.
static void make_all(const cdnn_map_work *work, int portable, long count, float expected) {
    for (long p = 0; p < count; p++) work->y.scales[p] = expected;
    make(work, portable, 0, 0, count);
    for (long p = 0; p < count; p++)
        for (int again = 0; again < 3; again++) {
            float scale = fitting_scale(work, p);
            if (scale == 0) {
                make(work, portable, 1, p, 1);
                scale = fitting_scale(work, p);
            }
            if (scale == work->y.scales[p]) break;
            work->y.scales[p] = scale;
            // What is no number cannot be made again.
            if (!(scale > 0)) break;
            make(work, portable, 0, p, 1);
        }
}

// What is needed of `count` pictures beside their rows.
static size_t parts_size(const cdnn_bytes *b, long count) {
    size_t columns = (size_t)((b->outputs + CDNN_LANES - 1) / CDNN_LANES * CDNN_LANES);
    return (size_t)count * (sizeof(range16) + sizeof(cdnn_map_reach) + 12 * columns) + ((size_t)count * 8 + 63) / 64 * 64;
}

// Takes that, and moves `memory` past it.
static cdnn_map_work place_work(char **memory, const cdnn_bytes *b, long count, long positions, cdnn_map *y) {
    y->zero = b->activation == CDNN_RELU ? 0 : 128;
    long columns = (b->outputs + CDNN_LANES - 1) / CDNN_LANES * CDNN_LANES;
    cdnn_map_work work = {.b = b, .y = *y, .positions = positions, .columns = columns};
    char *at = *memory;
    work.ranges = (range16 *)at;
    work.reaches = (cdnn_map_reach *)(work.ranges + count);
    work.factors = (float *)(work.reaches + count);
    work.bases = work.factors + count * columns;
    work.starts = (int32_t *)(work.bases + count * columns);
    work.added_factors = (float *)(work.starts + count * columns);
    work.are_small = (int32_t *)(work.added_factors + count);
    *memory += parts_size(b, count);
    return work;
}

cdnn_status cdnn_map_of_floats(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float expected, cdnn_map *y) {
    long positions = cdnn_conv_extent(shape, height) * cdnn_conv_extent(shape, width), rows = count * positions;
    size_t bytes = cdnn_padded_size(shape, count, height, width);
    char *memory = cdnn_scratch(parts_size(b, count) + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    cdnn_map_work work = place_work(&memory, b, count, positions, y);
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    cdnn_pad_floats(shape, count, height, width, x, NULL, &from);
    work.x = &from;
    make_all(&work, portable, count, expected);
    return CDNN_OK;
}

// One picture of bytes with margins, each pixel of which is `margin`.
static void pad_bytes(
    const cdnn_conv_shape *shape, long height, long width, const uint8_t *x, const uint8_t *margin, uint8_t *to) {
    long channels = shape->inputs, padding = shape->padding, inner = width * channels, side = padding * channels;
    long line = inner + 2 * side;
    uint8_t *first = to;
    for (long i = 0; padding && i < line; i += channels) memcpy(first + i, margin, (size_t)channels);
    for (long i = 1; i < padding; i++) memcpy(first + i * line, first, (size_t)line);
    to += padding * line;
    for (long i = 0; i < height; i++, x += inner, to += line) {
        memcpy(to, first, (size_t)side);
        memcpy(to + side, x, (size_t)inner);
        memcpy(to + side + inner, first, (size_t)side);
    }
    for (long i = 0; i < padding; i++, to += line) memcpy(to, first, (size_t)line);
}

// Where the rows of pictures begin that have their margins around them.
static void place_positions(
    const cdnn_conv_shape *shape, long count, long height, long width, const float *scales, int32_t zero,
    cdnn_byte_rows *to) {
    long out_height = cdnn_conv_extent(shape, height), out_width = cdnn_conv_extent(shape, width), padding = shape->padding;
    long line = (width + 2 * padding) * shape->inputs, picture = (height + 2 * padding) * line, row = 0;
    to->segment_stride = line;
    for (long p = 0; p < count; p++)
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++, row++) {
                to->offsets[row] = p * picture + (oy * line + ox * shape->inputs) * shape->stride;
                to->scales[row] = scales[p];
                to->zeros[row] = zero;
            }
}

cdnn_status cdnn_map_of_pixels(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long height, long width, const uint8_t *pixels,
    const uint8_t *margin, int32_t zero, float expected, cdnn_map *y) {
    long rows = cdnn_conv_extent(shape, height) * cdnn_conv_extent(shape, width);
    size_t bytes = cdnn_padded_size(shape, 1, height, width);
    char *memory = cdnn_scratch(parts_size(b, 1) + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    cdnn_map_work work = place_work(&memory, b, 1, rows, y);
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    pad_bytes(shape, height, width, pixels, margin, from.bytes);
    memset(from.bytes + bytes - 4, 0, 4);
    const float scale = 1;
    place_positions(shape, 1, height, width, &scale, zero, &from);
    work.x = &from;
    make_all(&work, portable, 1, expected);
    return CDNN_OK;
}

cdnn_status cdnn_map_conv(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const cdnn_map *x, const cdnn_map *added, float expected, cdnn_map *y) {
    long positions = cdnn_conv_extent(shape, height) * cdnn_conv_extent(shape, width), padding = shape->padding;
    long rows = count * positions, size = height * width * shape->inputs;
    // Without margins the bytes are read where they are.
    size_t bytes = padding ? cdnn_padded_size(shape, count, height, width) : 0;
    size_t pixel = cdnn_aligned((size_t)shape->inputs);
    char *memory = cdnn_scratch(parts_size(b, count) + pixel + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    cdnn_map_work work = place_work(&memory, b, count, positions, y);
    work.added = added;
    uint8_t *margin = memset(memory, x->zero, pixel);
    memory += pixel;
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    if (padding) {
        size_t picture = (bytes - 4) / (size_t)count;
        for (long p = 0; p < count; p++)
            pad_bytes(shape, height, width, x->bytes + p * size, margin, from.bytes + (size_t)p * picture);
        memset(from.bytes + bytes - 4, 0, 4);
    } else {
        from.bytes = x->bytes;
    }
    place_positions(shape, count, height, width, x->scales, x->zero, &from);
    work.x = &from;
    make_all(&work, portable, count, expected);
    return CDNN_OK;
}

// MARK: pooling

typedef uint8_t b64x __attribute__((vector_size(64)));

// The highest bytes of `rows` x `columns` positions, a line of the map apart, for up to 64 channels.
CDNN_INLINE void highest(
    const uint8_t *x, long rows, long line, long columns, long channels, size_t count, uint8_t *y) {
    b64x best = {0};
    for (long row = 0; row < rows; row++)
        for (long column = 0; column < columns; column++) {
            b64x here = {0};
            memcpy(&here, x + row * line + column * channels, count);
            b64x is_higher = (b64x)(here > best);
            best = (here & is_higher) | (best & ~is_higher);
        }
    memcpy(y, &best, count);
}

CDNN_CLONES void cdnn_map_max_pool(
    long height, long width, long channels, long kernel, long stride, long padding, const uint8_t *x,
    uint8_t *y) {
    long out_height = (height + 2 * padding - kernel) / stride + 1;
    long out_width = (width + 2 * padding - kernel) / stride + 1, line = width * channels;
    for (long oy = 0; oy < out_height; oy++) {
        long top = oy * stride - padding, bottom = top + kernel < height ? top + kernel : height;
        if (top < 0) top = 0;
        for (long ox = 0; ox < out_width; ox++) {
            long left = ox * stride - padding, right = left + kernel < width ? left + kernel : width;
            if (left < 0) left = 0;
            const uint8_t *from = x + top * line + left * channels;
            for (long c = 0; c < channels; c += 64, y += 64) {
                if (channels - c >= 64) highest(from + c, bottom - top, line, right - left, channels, 64, y);
                else {
                    size_t count = (size_t)(channels - c);
                    highest(from + c, bottom - top, line, right - left, channels, count, y);
                    y += count - 64;
                }
            }
        }
    }
}

CDNN_CLONES void cdnn_map_mean_pool(
    long positions, long channels, const uint8_t *restrict x, int zero, float scale, float *restrict y) {
    enum { BLOCK = 256 };
    float factor = scale / (float)positions;
    for (long first = 0; first < channels; first += BLOCK) {
        long count = channels - first < BLOCK ? channels - first : BLOCK;
        int32_t sums[BLOCK] = {0};
        for (long p = 0; p < positions; p++)
            for (long c = 0; c < count; c++) sums[c] += x[p * channels + first + c];
        for (long c = 0; c < count; c++) y[first + c] = (float)(sums[c] - zero * (int32_t)positions) * factor;
    }
}
