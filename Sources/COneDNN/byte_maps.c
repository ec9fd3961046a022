#include "bytes.h"
#include "ranges.h"
#include "scratch.h"

// Convolutions from maps of bytes to maps of bytes. What a picture's results reach is known when all of them are
// there, but bytes have to be written before: they are made with a scale that is expected, and once more with the
// picture's own where they do not fit that. So results depend on the picture and the expectation alone.

// Results that use less than a quarter of their bytes are made again too: two bits are lost at most.
static const float LEAST_USED = 0.25f;

// What the rows of a picture have in common: y = (sum - zero * total) * row factor * output scale + bias * factor + base
// [+ added byte * added], in steps of the result's bytes.
typedef struct part {
    float factor, base, added, row_factor;
    int32_t row_zero;
} part;

typedef struct map_work {
    const cdnn_bytes *b;
    const cdnn_byte_rows *x;
    const cdnn_map *added;  // or NULL
    cdnn_map y;
    range16 *ranges;        // of pictures, in steps of their bytes
    part *parts;            // of pictures
    long positions;         // rows of a picture
} map_work;

// What stands for zero in the results, before fractions are cut off.
CDNN_INLINE float middle_of(const cdnn_map *map) { return (float)map->zero + 0.5f; }

typedef uint8_t b16x __attribute__((vector_size(16)));

CDNN_INLINE f16x load_bytes16(const uint8_t *x, long count) {
    b16x bytes = {0};
    memcpy(&bytes, x, (size_t)(count < CDNN_LANES ? count : CDNN_LANES));
    return __builtin_convertvector(__builtin_convertvector(bytes, i16x), f16x);
}

// `rows` rows of a tile from its row `from`, all of one picture; with all that is asked here known to the compiler they
// run beside each other.
CDNN_INLINE void finish_rows(
    const map_work *work, const cdnn_tile *tile, long row, long first, long picture, int from, int rows, int adds,
    int can_be_negative) {
    const cdnn_bytes *b = work->b;
    part part = work->parts[picture];
    int vectors = tile->vectors;
    long outputs = b->outputs, place = (row + from) * outputs + first;
    f16x middles = middle_of(&work->y) - (f16x){0}, tops = 255.5f - (f16x){0};
    range16 range = {middles, middles, {0}};
    for (int v = 0; v < vectors; v++) {
        long at = first + v * CDNN_LANES, left = tile->wanted - v * CDNN_LANES;
        if (left > CDNN_LANES) left = CDNN_LANES;
        i16x offsets;
        memcpy(&offsets, b->totals + at, 64);
        offsets *= part.row_zero;
        f16x factors = load16(b->scales + at) * part.row_factor;
        f16x bias = load16(b->bias + at) * part.factor + part.base;
        for (int r = 0; r < rows; r++) {
            long there = place + r * outputs + v * CDNN_LANES;
            i16x sums;
            memcpy(&sums, tile->sums + ((from + r) * vectors + v) * CDNN_LANES, 64);
            f16x value = __builtin_convertvector(sums - offsets, f16x) * factors + bias;
            if (adds) value += load_bytes16(work->added->bytes + there, left) * part.added;
            reach(&range, value, can_be_negative);
            // A scale that is no number spoils every row, and what is infinite is the highest.
            if (r == 0) range.spoilt += value * 0.0f;
            value = lower16(tops, higher16((f16x){0}, value));
            b16x bytes = __builtin_convertvector(__builtin_convertvector(value, i16x), b16x);
            memcpy(work->y.bytes + there, &bytes, (size_t)left);
        }
    }
    merge(work->ranges + picture, &range);
}

// The rows of a tile picture by picture, by a function of this form.
#define FINISH_TILE(finish, adds, can_be_negative) \
    do { \
        long picture = (uint32_t)row / (uint32_t)work->positions, rest = (picture + 1) * work->positions - row; \
        for (int from = 0; from < tile->count; picture++, rest += work->positions) { \
            int end = rest < tile->count ? (int)rest : tile->count; \
            if (end - from == CDNN_TILE_ROWS) \
                finish(work, tile, row, first, picture, 0, CDNN_TILE_ROWS, adds, can_be_negative); \
            else finish(work, tile, row, first, picture, from, end - from, adds, can_be_negative); \
            from = end; \
        } \
    } while (0)

CDNN_CLONES static void finish_map(const void *context, const cdnn_tile *tile, long row, long first) {
    const map_work *work = context;
    if (work->b->activation != CDNN_RELU) FINISH_TILE(finish_rows, 0, 1);
    else if (work->added) FINISH_TILE(finish_rows, 1, 0);
    else FINISH_TILE(finish_rows, 0, 0);
}

#if defined(__x86_64__)
#include <immintrin.h>

// The same of whole panels: four vectors become bytes together, cut off at both ends by the packing itself.
#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
WIDE CDNN_INLINE void finish_panel_rows(
    const map_work *work, const cdnn_tile *tile, long row, long first, long picture, int from, int rows, int adds,
    int can_be_negative) {
    const cdnn_bytes *b = work->b;
    part part = work->parts[picture];
    long outputs = b->outputs, place = (row + from) * outputs + first;
    const int32_t *sums = tile->sums + from * CDNN_PANEL;
    const uint8_t *added = adds ? work->added->bytes + place : NULL;
    uint8_t *y = work->y.bytes + place;
    __m512 bias[4], factors[4], low[4], high[4], spoilt = _mm512_setzero_ps();
    __m512i offsets[4];
    for (int v = 0; v < 4; v++) {
        long at = first + v * CDNN_LANES;
        factors[v] = _mm512_mul_ps(_mm512_loadu_ps(b->scales + at), _mm512_set1_ps(part.row_factor));
        bias[v] = _mm512_fmadd_ps(
            _mm512_loadu_ps(b->bias + at), _mm512_set1_ps(part.factor), _mm512_set1_ps(part.base));
        offsets[v] = _mm512_mullo_epi32(_mm512_loadu_si512(b->totals + at), _mm512_set1_epi32(part.row_zero));
        low[v] = high[v] = _mm512_set1_ps(middle_of(&work->y));
    }
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (int r = 0; r < rows; r++, sums += CDNN_PANEL, y += outputs, added += adds ? outputs : 0) {
        __m512i whole[4];
        for (int v = 0; v < 4; v++) {
            __m512i sum = _mm512_sub_epi32(_mm512_load_si512(sums + v * CDNN_LANES), offsets[v]);
            __m512 value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), factors[v], bias[v]);
            if (adds)
                value = _mm512_fmadd_ps(
                    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(
                        _mm_loadu_si128((const __m128i *)(added + v * CDNN_LANES)))),
                    _mm512_set1_ps(part.added), value);
            // What is no number leaves the bound that is there, the second operand.
            if (can_be_negative) low[v] = _mm512_min_ps(value, low[v]);
            high[v] = _mm512_max_ps(value, high[v]);
            if (r == 0) spoilt = _mm512_fmadd_ps(value, _mm512_setzero_ps(), spoilt);
            whole[v] = _mm512_cvttps_epi32(value);
        }
        __m512i bytes = _mm512_packus_epi16(
            _mm512_packs_epi32(whole[0], whole[1]), _mm512_packs_epi32(whole[2], whole[3]));
        _mm512_storeu_si512(y, _mm512_permutexvar_epi32(order, bytes));
    }
    range16 *range = work->ranges + picture;
    for (int v = 0; v < 4; v++) {
        _mm512_store_ps(&range->low, _mm512_min_ps(low[v], _mm512_load_ps(&range->low)));
        _mm512_store_ps(&range->high, _mm512_max_ps(high[v], _mm512_load_ps(&range->high)));
    }
    _mm512_store_ps(&range->spoilt, _mm512_add_ps(spoilt, _mm512_load_ps(&range->spoilt)));
}

WIDE static void finish_wide_map(const void *context, const cdnn_tile *tile, long row, long first) {
    const map_work *work = context;
    if (tile->wanted != CDNN_PANEL) finish_map(context, tile, row, first);
    else if (work->b->activation != CDNN_RELU) FINISH_TILE(finish_panel_rows, 0, 1);
    else if (work->added) FINISH_TILE(finish_panel_rows, 1, 0);
    else FINISH_TILE(finish_panel_rows, 0, 0);
}
#endif

typedef void (*finish_function)(const void *, const cdnn_tile *, long, long);

static finish_function finish_here(int portable) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!portable && __builtin_cpu_supports("x86-64-v4")) return finish_wide_map;
#endif
    return finish_map;
}

// The scale that a picture's results should have been made with; the one they have when they fit it.
static float fitting_scale(const map_work *work, long picture) {
    const range16 *range = work->ranges + picture;
    float scale = work->y.scales[picture], middle = middle_of(&work->y), spoilt = lane_sum(&range->spoilt);
    float most = work->y.zero ? 127.0f : 255.0f, top = 0;
    for (int i = 0; i < CDNN_LANES; i++) {
        float up = range->high[i] - middle, down = middle - range->low[i];
        top = up > top ? up : top;
        top = down > top ? down : top;
    }
    if (spoilt != 0 || !(top < 1e30f)) return NAN;
    float own = scale * (top / most);
    // Where everything is next to nothing, bytes of zero say so.
    if ((top <= most + 0.49f && top >= most * LEAST_USED) || !(own > 1e-30f)) return scale;
    return own;
}

// Makes the results of some pictures, whose rows of bytes and scales are there.
static void make(const map_work *work, int portable, long picture, long count) {
    long row = picture * work->positions;
    f16x middles = middle_of(&work->y) - (f16x){0};
    for (long p = picture; p < picture + count; p++) {
        work->ranges[p] = (range16){middles, middles, {0}};
        long first = p * work->positions;
        part part = {.factor = 1.0f / work->y.scales[p], .base = middle_of(&work->y)};
        if (work->added) {
            part.added = work->added->scales[p] * part.factor;
            part.base -= part.added * (float)work->added->zero;
        }
        part.row_factor = work->x->scales[first] * part.factor;
        part.row_zero = work->x->zeros[first];
        work->parts[p] = part;
    }
    cdnn_byte_rows rows = *work->x;
    rows.offsets += row;
    rows.scales += row;
    rows.zeros += row;
    cdnn_map added = work->added ? *work->added : (cdnn_map){0};
    long outputs = work->b->outputs;
    map_work these = *work;
    these.x = &rows;
    these.ranges += picture;
    these.parts += picture;
    these.y.bytes += row * outputs;
    these.y.scales += picture;
    if (work->added) {
        added.bytes += row * outputs;
        added.scales += picture;
        these.added = &added;
    }
    cdnn_walk walk = {
        .rows = count * work->positions, .results = (const char *)these.y.bytes, .result_size = 1,
        .added = work->added ? (const char *)added.bytes : NULL, .finish = finish_here(portable), .work = &these};
    cdnn_walk_rows(work->b, portable, &rows, &walk);
}

// Makes all results as they are expected to be, and again what did not fit that. What is far off the expectation shows only
// roughly what would fit, and is made a third time.
static void make_all(const map_work *work, int portable, long count, float expected) {
    for (long p = 0; p < count; p++) work->y.scales[p] = expected;
    make(work, portable, 0, count);
    for (long p = 0; p < count; p++)
        for (int again = 0; again < 3; again++) {
            float scale = fitting_scale(work, p);
            if (scale == work->y.scales[p]) break;
            work->y.scales[p] = scale;
            // What is no number cannot be made again.
            if (!(scale > 0)) break;
            make(work, portable, p, 1);
        }
}

cdnn_status cdnn_map_of_floats(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float expected, cdnn_map *y) {
    long positions = cdnn_conv_extent(shape, height) * cdnn_conv_extent(shape, width), rows = count * positions;
    size_t bytes = cdnn_padded_size(shape, count, height, width), ranges = (size_t)count * (sizeof(range16) + 64);
    char *memory = cdnn_scratch(ranges + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    y->zero = b->activation == CDNN_RELU ? 0 : 128;
    map_work work = {.b = b, .y = *y, .ranges = (range16 *)memory,
        .parts = (part *)(memory + (size_t)count * sizeof(range16)), .positions = positions};
    memory += ranges;
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    cdnn_pad_floats(shape, count, height, width, x, NULL, &from);
    work.x = &from;
    make_all(&work, portable, count, expected);
    return CDNN_OK;
}

// One picture of bytes with margins of its zero.
static void pad_bytes(
    const cdnn_conv_shape *shape, long height, long width, const uint8_t *x, int zero, uint8_t *to) {
    long padding = shape->padding, inner = width * shape->inputs, margin = padding * shape->inputs;
    long line = inner + 2 * margin;
    memset(to, zero, (size_t)(padding * line));
    to += padding * line;
    for (long i = 0; i < height; i++, x += inner, to += line) {
        memset(to, zero, (size_t)margin);
        memcpy(to + margin, x, (size_t)inner);
        memset(to + margin + inner, zero, (size_t)margin);
    }
    memset(to, zero, (size_t)(padding * line));
}

cdnn_status cdnn_map_conv(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const cdnn_map *x, const cdnn_map *added, float expected, cdnn_map *y) {
    long out_height = cdnn_conv_extent(shape, height), out_width = cdnn_conv_extent(shape, width);
    long positions = out_height * out_width, rows = count * positions, padding = shape->padding;
    // Without margins the bytes are read where they are.
    size_t bytes = padding ? cdnn_padded_size(shape, count, height, width) : 0;
    size_t ranges = (size_t)count * (sizeof(range16) + 64);
    char *memory = cdnn_scratch(ranges + cdnn_rows_size(rows, bytes));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    y->zero = b->activation == CDNN_RELU ? 0 : 128;
    map_work work = {
        .b = b, .added = added, .y = *y, .ranges = (range16 *)memory,
        .parts = (part *)(memory + (size_t)count * sizeof(range16)), .positions = positions};
    memory += ranges;
    cdnn_byte_rows from = cdnn_place_rows(&memory, rows, bytes);
    long line = (width + 2 * padding) * shape->inputs, picture = (height + 2 * padding) * line, row = 0;
    from.segment_stride = line;
    if (padding) memset(from.bytes + count * picture, 0, 4);
    else from.bytes = x->bytes;
    for (long p = 0; p < count; p++) {
        if (padding)
            pad_bytes(
                shape, height, width, x->bytes + p * height * width * shape->inputs, x->zero,
                from.bytes + p * picture);
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++, row++) {
                from.offsets[row] = p * picture + (oy * line + ox * shape->inputs) * shape->stride;
                from.scales[row] = x->scales[p];
                from.zeros[row] = x->zero;
            }
    }
    work.x = &from;
    make_all(&work, portable, count, expected);
    return CDNN_OK;
}

// MARK: pooling

CDNN_INLINE void highest_bytes(long count, const uint8_t *restrict x, uint8_t *restrict y) {
    for (long i = 0; i < count; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
}

CDNN_CLONES void cdnn_map_max_pool(
    long height, long width, long channels, long kernel, long stride, long padding, const uint8_t *x,
    uint8_t *y) {
    long out_height = (height + 2 * padding - kernel) / stride + 1;
    long out_width = (width + 2 * padding - kernel) / stride + 1;
    memset(y, 0, (size_t)(out_height * out_width * channels));
    for (long oy = 0; oy < out_height; oy++)
        for (long ox = 0; ox < out_width; ox++, y += channels)
            for (long ky = 0; ky < kernel; ky++) {
                long iy = oy * stride - padding + ky;
                if (iy < 0 || iy >= height) continue;
                for (long kx = 0; kx < kernel; kx++) {
                    long ix = ox * stride - padding + kx;
                    if (ix < 0 || ix >= width) continue;
                    const uint8_t *from = x + (iy * width + ix) * channels;
                    if (channels == 64) highest_bytes(64, from, y);
                    else highest_bytes(channels, from, y);
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
