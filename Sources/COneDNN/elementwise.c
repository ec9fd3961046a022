#include "COneDNN.h"
#include "lanes.h"
#include "ranges.h"
#include "vectors.h"
#include <math.h>

// Loops here are written for the compiler's vectoriser. Sums run over sixteen independent lanes, so that
// their order, and with it the result, does not depend on the vector length of the machine.

// Half to single by moving the fields and letting one multiplication fix the exponent (and the denormals).
CDNN_INLINE float half_lane(uint16_t h) {
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13;
    float value;
    memcpy(&value, &bits, 4);
    value *= 0x1p112f;
    memcpy(&bits, &value, 4);
    // What was infinity or NaN has come out as 2^16 or more.
    bits |= value >= 65536.0f ? 0x7f800000u : 0;
    bits |= (uint32_t)(h & 0x8000) << 16;
    memcpy(&value, &bits, 4);
    return value;
}

CDNN_CLONES static void from_half(const unsigned char *from, long count, float *to) {
    for (long i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, from + 2 * i, 2);
        to[i] = half_lane(h);
    }
}

CDNN_CLONES static void from_bfloat(const unsigned char *from, long count, float *to) {
    for (long i = 0; i < count; i++) {
        uint16_t h;
        memcpy(&h, from + 2 * i, 2);
        uint32_t bits = (uint32_t)h << 16;
        memcpy(to + i, &bits, 4);
    }
}

void cdnn_to_float(const void *from, cdnn_element element, long count, float *to) {
    switch (element) {
    case CDNN_F32: memcpy(to, from, (size_t)count * 4); break;
    case CDNN_F16: from_half(from, count, to); break;
    case CDNN_BF16: from_bfloat(from, count, to); break;
    }
}

// What is turned at a time: it and its target stay in the nearest memory.
#define TURNED 2048

void cdnn_turn_weights(
    const void *from, cdnn_element element, long outputs, long inputs, long area, const float *factors, float *to) {
    float rows[TURNED];
    const unsigned char *next = from;
    const size_t size = element == CDNN_F32 ? 4 : 2;
    // Inputs whole where their areas are small, parts of one area where it is large.
    const long part = area < TURNED ? area : TURNED;
    const long together = area < TURNED ? TURNED / area : 1;
    for (long output = 0; output < outputs; output++, to += inputs * area)
        for (long first = 0; first < inputs; first += together) {
            const long count = inputs - first < together ? inputs - first : together;
            for (long begin = 0; begin < area; begin += part) {
                const long length = area - begin < part ? area - begin : part;
                cdnn_to_float(next, element, count * length, rows);
                next += (size_t)(count * length) * size;
                for (long position = 0; position < length; position++)
                    for (long input = 0; input < count; input++)
                        to[(begin + position) * inputs + first + input] =
                            rows[input * length + position] * factors[output];
            }
        }
}

CDNN_INLINE void activate(long count, float *y, cdnn_activation activation) {
    long whole = count / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        f16x v = activated16(load16(y + i), activation);
        memcpy(y + i, &v, 64);
    }
    if (whole < count) {
        f16x v = activated16(load_some16(y + whole, count - whole), activation);
        memcpy(y + whole, &v, (size_t)(count - whole) * sizeof(float));
    }
}

CDNN_CLONES void cdnn_activate(long count, cdnn_activation activation, float *y) {
    switch (activation) {
    case CDNN_IDENTITY: break;
    case CDNN_RELU: activate(count, y, CDNN_RELU); break;
    case CDNN_GELU: activate(count, y, CDNN_GELU); break;
    case CDNN_QUICK_GELU: activate(count, y, CDNN_QUICK_GELU); break;
    case CDNN_GELU_TANH: activate(count, y, CDNN_GELU_TANH); break;
    }
}

CDNN_CLONES void cdnn_add(long count, const float *restrict x, float *restrict y) {
    for (long i = 0; i < count; i++) y[i] += x[i];
}

void cdnn_bias_activation(long rows, long columns, const float *bias, cdnn_activation activation, float *y) {
    if (bias)
        for (long r = 0; r < rows; r++) cdnn_add(columns, bias, y + r * columns);
    cdnn_activate(rows * columns, activation, y);
}

// The sum of numbers less `mean`, or of their squares, in four chains that do not wait for each other.
CDNN_INLINE float sum_of(long count, const float *x, float mean, int squares) {
    f16x lanes[4] = {{0}, {0}, {0}, {0}};
    long whole = count / 16 * 16, i = 0;
    for (; i + 64 <= whole; i += 64)
        for (int chain = 0; chain < 4; chain++) {
            if (!squares) __builtin_prefetch(x + count + i + 16 * chain);
            f16x v = load16(x + i + 16 * chain) - mean;
            lanes[chain] += squares ? v * v : v;
        }
    for (; i < whole; i += 16) {
        f16x v = load16(x + i) - mean;
        lanes[0] += squares ? v * v : v;
    }
    float rest = 0;
    for (; i < count; i++) rest += squares ? (x[i] - mean) * (x[i] - mean) : x[i] - mean;
    f16x all = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
    return lane_sum(&all) + rest;
}

CDNN_INLINE f16x normed16(const float *x, float mean, float factor, const float *scale, const float *shift, float *y) {
    f16x v = (load16(x) - mean) * factor * load16(scale) + load16(shift);
    memcpy(y, &v, 64);
    return v;
}

CDNN_CLONES void cdnn_layer_norm(
    long rows, long columns, const float *x, const cdnn_norm *norm, float *y, cdnn_bounds *told) {
    const float *scale = norm->scale, *shift = norm->shift;
    long whole = columns / 16 * 16;
    for (long r = 0; r < rows; r++, x += columns, y += columns) {
        float mean = sum_of(columns, x, 0, 0) / (float)columns;
        float factor = 1.0f / sqrtf(sum_of(columns, x, mean, 1) / (float)columns + norm->epsilon);
        // Two chains of bounds, as each waits for its last step.
        range16 range = {0}, other = {0};
        long i = 0;
        for (; i + 16 < whole; i += 32) {
            widen(&range, normed16(x + i, mean, factor, scale + i, shift + i, y + i), 1);
            widen(&other, normed16(x + i + 16, mean, factor, scale + i + 16, shift + i + 16, y + i + 16), 1);
        }
        if (i < whole) widen(&range, normed16(x + i, mean, factor, scale + i, shift + i, y + i), 1);
        merge(&range, &other);
        if (whole < columns) {
            for (i = whole; i < columns; i++) y[i] = (x[i] - mean) * factor * scale[i] + shift[i];
            widen(&range, load_some16(y + whole, columns - whole), 1);
        }
        told[r] = bounds_of(&range);
    }
}

CDNN_CLONES static void colours_last(long area, const float *restrict x, float *restrict y) {
    for (long p = 0; p < area; p++) {
        y[3 * p] = x[p];
        y[3 * p + 1] = x[area + p];
        y[3 * p + 2] = x[2 * area + p];
    }
}

void cdnn_channels_last(long channels, long height, long width, const float *x, float *y) {
    long area = height * width;
    if (channels == 3) {
        colours_last(area, x, y);
        return;
    }
    for (long p = 0; p < area; p++)
        for (long c = 0; c < channels; c++) y[p * channels + c] = x[c * area + p];
}

void cdnn_picture_patches(long channels, long height, long width, long patch, const float *x, float *y) {
    for (long top = 0; top + patch <= height; top += patch)
        for (long left = 0; left + patch <= width; left += patch)
            for (long c = 0; c < channels; c++)
                for (long row = 0; row < patch; row++, y += patch)
                    memcpy(y, x + (c * height + top + row) * width + left, (size_t)patch * sizeof(float));
}

void cdnn_pad_pictures(
    long count, long height, long width, long channels, long padding, const float *x, float *y) {
    size_t margin = (size_t)(padding * channels) * sizeof(float);
    size_t inner = (size_t)(width * channels) * sizeof(float), line = inner + 2 * margin;
    char *to = (char *)y;
    for (long p = 0; p < count; p++) {
        memset(to, 0, (size_t)padding * line);
        to += (size_t)padding * line;
        for (long i = 0; i < height; i++, x += width * channels, to += line) {
            memset(to, 0, margin);
            memcpy(to + margin, x, inner);
            memset(to + margin + inner, 0, margin);
        }
        memset(to, 0, (size_t)padding * line);
        to += (size_t)padding * line;
    }
}

CDNN_CLONES static void maximum(long count, const float *restrict x, float *restrict y) {
    for (long i = 0; i < count; i++) y[i] = x[i] > y[i] ? x[i] : y[i];
}

void cdnn_max_pool(
    long height, long width, long channels, long kernel, long stride, long padding, const float *x,
    float *y) {
    long out_height = (height + 2 * padding - kernel) / stride + 1;
    long out_width = (width + 2 * padding - kernel) / stride + 1;
    for (long oy = 0; oy < out_height; oy++)
        for (long ox = 0; ox < out_width; ox++, y += channels) {
            for (long c = 0; c < channels; c++) y[c] = -INFINITY;
            for (long ky = 0; ky < kernel; ky++) {
                long iy = oy * stride - padding + ky;
                if (iy < 0 || iy >= height) continue;
                for (long kx = 0; kx < kernel; kx++) {
                    long ix = ox * stride - padding + kx;
                    if (ix < 0 || ix >= width) continue;
                    maximum(channels, x + (iy * width + ix) * channels, y);
                }
            }
        }
}

void cdnn_average_pool(long height, long width, long channels, long side, const float *x, float *y) {
    float factor = 1.0f / (float)(side * side);
    for (long oy = 0; oy < height / side; oy++)
        for (long ox = 0; ox < width / side; ox++, y += channels) {
            memset(y, 0, (size_t)channels * sizeof(float));
            for (long ky = 0; ky < side; ky++)
                for (long kx = 0; kx < side; kx++)
                    cdnn_add(channels, x + ((oy * side + ky) * width + ox * side + kx) * channels, y);
            for (long c = 0; c < channels; c++) y[c] *= factor;
        }
}

void cdnn_mean_pool(long positions, long channels, const float *x, float *y) {
    memset(y, 0, (size_t)channels * sizeof(float));
    for (long p = 0; p < positions; p++) cdnn_add(channels, x + p * channels, y);
    float factor = 1.0f / (float)positions;
    for (long c = 0; c < channels; c++) y[c] *= factor;
}
