// The two passes of Pillow's 8-bit resampling (src/libImaging/Resample.c), in its fixed-point arithmetic.
#ifndef CK_RESIZE_H
#define CK_RESIZE_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Fraction bits of a coefficient: 8 bits of result, and 2 for filters that overshoot.
enum { CK_RESIZE_PRECISION_BITS = 32 - 8 - 2 };

// Coefficients are read some at a time.
enum { CK_RESIZE_PADDING = 8 };

// Which inputs make one output, the same for every row (or column): output i is the sum over t < counts[i] of
// input[starts[i] + t] * coefficients[i * taps + t]. Starts never go back. Behind the last coefficient there are
// CK_RESIZE_PADDING more numbers, whatever they are.
typedef struct ck_resize_filter {
    size_t output_count;
    size_t taps;
    const int32_t *starts;
    const int32_t *counts;
    const int32_t *coefficients;
} ck_resize_filter;

typedef struct ck_resize_kernels {
    // Resamples each row of `rows` x `width` pixels of 1 or 3 channels to filter->output_count pixels.
    void (*horizontal)(
        const uint8_t *input, size_t rows, size_t width, size_t channels, const ck_resize_filter *filter,
        uint8_t *output);
    // Resamples the rows, each of `row_bytes`, to filter->output_count rows.
    void (*vertical)(const uint8_t *input, size_t row_bytes, const ck_resize_filter *filter, uint8_t *output);
} ck_resize_kernels;

// Plain C for any processor (0), and what the running one does faster, the fastest last; NULL behind it. All give the same bytes.
const ck_resize_kernels *_Nullable ck_resize_version(size_t number);

// The fastest.
const ck_resize_kernels *ck_resize_best(void);

#pragma clang assume_nonnull end
#endif
