#include "bytes.h"
#include "lanes.h"
#include "scratch.h"
#include <stdlib.h>

// Products of 8-bit numbers. A weight is a signed byte times its output's scale; an activation is an unsigned
// byte, less its row's zero point, times its row's scale. Scales and zero points of rows (of whole pictures in
// convolutions) are made from their own numbers when they come, so that a result depends on nothing else.

struct cdnn_bytes {
    long outputs, segments, length, groups;  // `length` numbers in each segment, in `groups` of four
    cdnn_activation activation;
    int adds;
    int8_t *weights;     // panels of 64 outputs (the last one of fewer), each as a tile wants it
    float *scales;       // per output, filled up to whole vectors
    float *bias;
    int32_t *totals;     // sum of an output's weights: what one unit of the zero point adds
};

// The lowest and highest of some numbers and 0; not a number when one of them is none or infinite.
CDNN_CLONES static void range_of(long count, const float *x, float *lowest, float *highest) {
    f16x low = {0}, high = {0}, spoilt = {0};
    long whole = count / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        f16x v;
        memcpy(&v, x + i, 64);
        low = __builtin_elementwise_min(low, v);
        high = __builtin_elementwise_max(high, v);
        spoilt += v * 0.0f;
    }
    float l = 0, h = 0, s = lane_sum(&spoilt);
    for (int i = 0; i < 16; i++) {
        l = low[i] < l ? low[i] : l;
        h = high[i] > h ? high[i] : h;
    }
    for (long i = whole; i < count; i++) {
        l = x[i] < l ? x[i] : l;
        h = x[i] > h ? x[i] : h;
        s += x[i] * 0.0f;
    }
    *lowest = l + s;
    *highest = h + s;
}

// The scale with which an output's largest weight becomes 127; not a number when one of them is none or infinite.
static float scale_of(long count, const float *w) {
    float low, high;
    range_of(count, w, &low, &high);
    float largest = high > -low ? high : -low;
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
    made->weights = aligned_alloc(64, column * (size_t)filled);
    made->scales = calloc((size_t)filled, sizeof(float));
    made->bias = calloc((size_t)filled, sizeof(float));
    made->totals = calloc((size_t)filled, sizeof(int32_t));
    int8_t *row = malloc((size_t)(segments * length) + 1);
    if (!made->weights || !made->scales || !made->bias || !made->totals || !row) {
        free(row);
        cdnn_bytes_destroy(made);
        return CDNN_OUT_OF_MEMORY;
    }
    memset(made->weights, 0, column * (size_t)filled);
    for (long n = 0; n < outputs; n++) {
        const float *w = weights + n * segments * length;
        float scale = scale_of(segments * length, w), factor = scale > 0 ? 1.0f / scale : 0;
        made->scales[n] = scale;
        long panel = n / CDNN_PANEL, first = panel * CDNN_PANEL;
        long columns = filled - first < CDNN_PANEL ? filled - first : CDNN_PANEL;
        int8_t *target = made->weights + (size_t)first * column + (n - first) * 4;
        made->totals[n] = to_signed_bytes(segments * length, w, factor, row);
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
    free(bytes->weights);
    free(bytes->scales);
    free(bytes->bias);
    free(bytes->totals);
    free(bytes);
}

CDNN_INLINE float activated(float x, cdnn_activation activation) {
    switch (activation) {
    case CDNN_IDENTITY: return x;
    case CDNN_RELU: return relu_lane(x);
    case CDNN_GELU: return gelu_lane(x);
    case CDNN_QUICK_GELU: return quick_gelu_lane(x);
    case CDNN_GELU_TANH: return gelu_tanh_lane(x);
    }
    return x;
}

// From exact sums to results: y = act((sum - zero * total) * row scale * output scale + bias [+ y]).
CDNN_INLINE void finish_rows(
    const cdnn_bytes *b, const cdnn_tile *tile, long first, const float *row_scales,
    const int32_t *row_zeros, float *y, cdnn_activation activation, int adds) {
    long columns = tile->vectors * CDNN_LANES;
    long wanted = b->outputs - first < columns ? b->outputs - first : columns;
    const float *scales = b->scales + first, *bias = b->bias + first;
    const int32_t *totals = b->totals + first;
    for (int r = 0; r < tile->count; r++) {
        const int32_t *sums = tile->sums + r * columns;
        int32_t zero = row_zeros[r];
        float scale = row_scales[r], *out = y + r * b->outputs + first;
        for (long c = 0; c < wanted; c++) {
            float value = (float)(sums[c] - zero * totals[c]) * (scale * scales[c]) + bias[c];
            if (adds) value += out[c];
            out[c] = activated(value, activation);
        }
    }
}

CDNN_CLONES static void finish(
    const cdnn_bytes *b, const cdnn_tile *tile, long first, const float *row_scales,
    const int32_t *row_zeros, float *y) {
    if (b->adds) {
        if (b->activation == CDNN_RELU)
            finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_RELU, 1);
        else
            finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_IDENTITY, 1);
        return;
    }
    switch (b->activation) {
    case CDNN_IDENTITY: finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_IDENTITY, 0); break;
    case CDNN_RELU: finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_RELU, 0); break;
    case CDNN_GELU: finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_GELU, 0); break;
    case CDNN_QUICK_GELU: finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_QUICK_GELU, 0); break;
    case CDNN_GELU_TANH: finish_rows(b, tile, first, row_scales, row_zeros, y, CDNN_GELU_TANH, 0); break;
    }
}

// The bytes of the rows, where each begins, and what they mean.
typedef struct row_bytes {
    const uint8_t *bytes;
    const long *offsets;
    long segment_stride;
    const float *scales;
    const int32_t *zeros;
} row_bytes;

static void multiply(const cdnn_bytes *b, int portable, long rows, const row_bytes *x, float *y) {
    int32_t sums[CDNN_TILE_ROWS * CDNN_PANEL] __attribute__((aligned(64)));
    cdnn_tile_kernel vnni = portable ? NULL : cdnn_tile_vnni();
    cdnn_tile_kernel kernel = vnni ? vnni : cdnn_tile_portable;
    size_t column = (size_t)b->segments * (size_t)b->groups * 4;
    cdnn_tile tile = {
        .segments = b->segments, .segment_stride = x->segment_stride, .groups = b->groups, .sums = sums};
    // A panel of weights is read from memory once, and stays near for all rows.
    for (long first = 0; first < b->outputs; first += CDNN_PANEL) {
        long left = (b->outputs - first + CDNN_LANES - 1) / CDNN_LANES;
        tile.vectors = left < CDNN_PANEL_VECTORS ? (int)left : CDNN_PANEL_VECTORS;
        tile.weights = b->weights + (size_t)first * column;
        for (long row = 0; row < rows; row += CDNN_TILE_ROWS) {
            tile.count = rows - row < CDNN_TILE_ROWS ? (int)(rows - row) : CDNN_TILE_ROWS;
            for (int r = 0; r < tile.count; r++) tile.rows[r] = x->bytes + x->offsets[row + r];
            kernel(&tile);
            finish(b, &tile, first, x->scales + row, x->zeros + row, y + row * b->outputs);
        }
    }
}

// MARK: activations as bytes

CDNN_CLONES static void to_bytes(long count, const float *x, float factor, float zero, uint8_t *y) {
    for (long i = 0; i < count; i++) {
        float v = x[i] * factor + zero;
        v = v > 0 ? v : 0;
        v = v < 255.0f ? v : 255.0f;
        y[i] = (uint8_t)(v + 0.5f);
    }
}

// What turns numbers between two bounds, 0 among them, into bytes; 0 becomes a byte exactly.
typedef struct byte_range {
    float factor, scale;
    int32_t zero;
} byte_range;

static byte_range range_for(float low, float high) {
    float width = high - low;
    // All zeros, or numbers that are not finite: the scale carries that into the results.
    if (!(width > 0) || width > 3e38f) return (byte_range){0, width == 0 ? 1.0f : NAN, 0};
    byte_range range = {.factor = 255.0f / width, .scale = width / 255.0f};
    float zero = -low * range.factor + 0.5f;
    range.zero = zero < 255.0f ? (int32_t)zero : 255;
    return range;
}

static byte_range range_of_row(long count, const float *x) {
    float low, high;
    range_of(count, x, &low, &high);
    return range_for(low, high);
}

static size_t aligned(size_t size) { return (size + 63) / 64 * 64; }

cdnn_status cdnn_bytes_linear(const cdnn_bytes *b, int portable, long rows, const float *x, float *y) {
    size_t width = (size_t)b->groups * 4, bytes_size = aligned((size_t)rows * width);
    size_t offsets_size = aligned((size_t)rows * sizeof(long)), scales_size = aligned((size_t)rows * 4);
    char *memory = cdnn_scratch(bytes_size + offsets_size + 2 * scales_size);
    if (!memory) return CDNN_OUT_OF_MEMORY;
    uint8_t *bytes = (uint8_t *)memory;
    long *offsets = (long *)(memory + bytes_size);
    float *scales = (float *)(memory + bytes_size + offsets_size);
    int32_t *zeros = (int32_t *)(memory + bytes_size + offsets_size + scales_size);
    for (long r = 0; r < rows; r++) {
        const float *row = x + r * b->length;
        byte_range range = range_of_row(b->length, row);
        offsets[r] = r * (long)width;
        scales[r] = range.scale;
        zeros[r] = range.zero;
        to_bytes(b->length, row, range.factor, (float)range.zero, bytes + offsets[r]);
        // The weights behind a row's end are zeros.
        memset(bytes + offsets[r] + b->length, 0, width - (size_t)b->length);
    }
    row_bytes from = {bytes, offsets, 0, scales, zeros};
    multiply(b, portable, rows, &from, y);
    return CDNN_OK;
}

cdnn_status cdnn_bytes_conv(
    const cdnn_bytes *b, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float *y) {
    long channels = shape->inputs, padding = shape->padding, stride = shape->stride;
    long out_height = (height + 2 * padding - shape->kernel) / stride + 1;
    long out_width = (width + 2 * padding - shape->kernel) / stride + 1;
    long line = (width + 2 * padding) * channels, picture = (height + 2 * padding) * line;
    long rows = count * out_height * out_width;
    // The last group of a segment may read up to three bytes more than it needs.
    size_t bytes_size = aligned((size_t)(count * picture) + 4);
    size_t offsets_size = aligned((size_t)rows * sizeof(long)), scales_size = aligned((size_t)rows * 4);
    char *memory = cdnn_scratch(bytes_size + offsets_size + 2 * scales_size);
    if (!memory) return CDNN_OUT_OF_MEMORY;
    uint8_t *bytes = (uint8_t *)memory;
    long *offsets = (long *)(memory + bytes_size);
    float *scales = (float *)(memory + bytes_size + offsets_size);
    int32_t *zeros = (int32_t *)(memory + bytes_size + offsets_size + scales_size);
    memset(bytes + count * picture, 0, 4);
    long row = 0;
    for (long p = 0; p < count; p++) {
        const float *from = x + p * height * width * channels;
        uint8_t *to = bytes + p * picture;
        byte_range range = range_of_row(height * width * channels, from);
        size_t margin = (size_t)(padding * channels);
        memset(to, range.zero, (size_t)(padding * line));
        memset(to + (padding + height) * line, range.zero, (size_t)(padding * line));
        for (long i = 0; i < height; i++) {
            uint8_t *inner = to + (padding + i) * line;
            memset(inner, range.zero, margin);
            to_bytes(
                width * channels, from + i * width * channels, range.factor, (float)range.zero,
                inner + margin);
            memset(inner + line - margin, range.zero, margin);
        }
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++, row++) {
                offsets[row] = p * picture + oy * stride * line + ox * stride * channels;
                scales[row] = range.scale;
                zeros[row] = range.zero;
            }
    }
    row_bytes from = {bytes, offsets, line, scales, zeros};
    multiply(b, portable, rows, &from, y);
    return CDNN_OK;
}

int cdnn_bytes_are_fast(void) { return cdnn_tile_vnni() != NULL; }
