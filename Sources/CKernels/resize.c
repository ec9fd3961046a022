#include "ck_resize.h"

#include <string.h>

// The bodies are compiled once for any processor and once for AVX2, whose 32-bit multiply the plain x86-64 set lacks.
#define BODY static inline __attribute__((always_inline))

typedef int32_t lanes __attribute__((vector_size(16)));
typedef int32_t lanes8 __attribute__((vector_size(32)));
typedef int32_t pair __attribute__((vector_size(8)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));
typedef uint8_t bytes8 __attribute__((vector_size(8)));

enum { HALF = 1 << (CK_RESIZE_PRECISION_BITS - 1), BLOCK = 64 };

BODY uint8_t clip(int32_t sum) {
    const int32_t value = sum >> CK_RESIZE_PRECISION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

// A pixel takes four lanes: its three channels and one byte of the next, which is thrown away. Two pixels at a time, then one.
BODY void color_pixel(const uint8_t *pixel, const int32_t *coefficients, int32_t count, uint8_t *out) {
    lanes8 sums = {0};
    int32_t t = 0;
    for (; t + 2 < count; t += 2, pixel += 6) {
        bytes8 eight;
        pair two;
        memcpy(&eight, pixel, 8);
        memcpy(&two, coefficients + t, 8);
        sums += __builtin_convertvector(__builtin_shufflevector(eight, eight, 0, 1, 2, 3, 3, 4, 5, 6), lanes8)
            * __builtin_shufflevector(two, two, 0, 0, 0, 0, 1, 1, 1, 1);
    }
    lanes sum = __builtin_shufflevector(sums, sums, 0, 1, 2, 3) + __builtin_shufflevector(sums, sums, 4, 5, 6, 7);
    for (; t + 1 < count; t++, pixel += 3) {
        bytes4 four;
        memcpy(&four, pixel, 4);
        sum += __builtin_convertvector(four, lanes) * coefficients[t];
    }
    for (; t < count; t++, pixel += 3) { // the last pixel may be the last of the buffer
        const lanes last = {pixel[0], pixel[1], pixel[2], 0};
        sum += last * coefficients[t];
    }
    for (int channel = 0; channel < 3; channel++) out[channel] = clip(sum[channel] + HALF);
}

BODY void horizontal(
    const uint8_t *input, size_t rows, size_t width, size_t channels, const ck_resize_filter *filter,
    uint8_t *output) {
    for (size_t y = 0; y < rows; y++) {
        const uint8_t *row = input + y * width * channels;
        uint8_t *out = output + y * filter->output_count * channels;
        for (size_t x = 0; x < filter->output_count; x++) {
            const int32_t *coefficients = filter->coefficients + x * filter->taps;
            const uint8_t *pixel = row + (size_t)filter->starts[x] * channels;
            if (channels == 3) {
                color_pixel(pixel, coefficients, filter->counts[x], out + 3 * x);
                continue;
            }
            int32_t sum = HALF;
            for (int32_t t = 0; t < filter->counts[x]; t++) sum += pixel[t] * coefficients[t];
            out[x] = clip(sum);
        }
    }
}

BODY void vertical(const uint8_t *input, size_t row_bytes, const ck_resize_filter *filter, uint8_t *output) {
    for (size_t y = 0; y < filter->output_count; y++) {
        const int32_t *coefficients = filter->coefficients + y * filter->taps;
        const uint8_t *first = input + (size_t)filter->starts[y] * row_bytes;
        uint8_t *out = output + y * row_bytes;
        size_t x = 0;
        for (; x + BLOCK <= row_bytes; x += BLOCK) {
            int32_t sums[BLOCK];
            for (int i = 0; i < BLOCK; i++) sums[i] = HALF;
            for (int32_t t = 0; t < filter->counts[y]; t++) {
                const uint8_t *in = first + (size_t)t * row_bytes + x;
                const int32_t coefficient = coefficients[t];
                for (int i = 0; i < BLOCK; i++) sums[i] += in[i] * coefficient;
            }
            for (int i = 0; i < BLOCK; i++) out[x + i] = clip(sums[i]);
        }
        for (; x < row_bytes; x++) {
            int32_t sum = HALF;
            for (int32_t t = 0; t < filter->counts[y]; t++) {
                sum += first[(size_t)t * row_bytes + x] * coefficients[t];
            }
            out[x] = clip(sum);
        }
    }
}

#define VERSION(suffix, attribute)                                                                                    \
    attribute static void horizontal_##suffix(                                                                        \
        const uint8_t *input, size_t rows, size_t width, size_t channels, const ck_resize_filter *filter,             \
        uint8_t *output) {                                                                                            \
        if (channels == 3) {                                                                                          \
            horizontal(input, rows, width, 3, filter, output);                                                        \
        } else {                                                                                                      \
            horizontal(input, rows, width, 1, filter, output);                                                        \
        }                                                                                                             \
    }                                                                                                                 \
    attribute static void vertical_##suffix(                                                                          \
        const uint8_t *input, size_t row_bytes, const ck_resize_filter *filter, uint8_t *output) {                    \
        vertical(input, row_bytes, filter, output);                                                                   \
    }                                                                                                                 \
    static const ck_resize_kernels kernels_##suffix = {                                                               \
        .horizontal = horizontal_##suffix, .vertical = vertical_##suffix};

VERSION(portable, )

const ck_resize_kernels *ck_resize_portable(void) { return &kernels_portable; }

#if defined(__x86_64__)
VERSION(avx2, __attribute__((target("avx2"))))

const ck_resize_kernels *ck_resize_best(void) {
    return __builtin_cpu_supports("avx2") ? &kernels_avx2 : &kernels_portable;
}
#else
const ck_resize_kernels *ck_resize_best(void) { return &kernels_portable; }
#endif
