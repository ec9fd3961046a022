#include "ck_resize.h"

#include <string.h>

#include "turn.h"
#include "versions.h"

typedef int32_t lanes __attribute__((vector_size(64)));
typedef int32_t lanes8 __attribute__((vector_size(32)));
typedef int32_t lanes4 __attribute__((vector_size(16)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t bytes4 __attribute__((vector_size(4)));

enum {
    HALF = 1 << (CK_RESIZE_PRECISION_BITS - 1),
    BLOCK = 64,
    // Rows that are worked on with one output's coefficients.
    ROWS = 16,
    // Pixels' channels that a vector takes, beside one number that counts for nothing, and vectors that are laid out at a time.
    TAKEN = 15,
    VECTORS = 32,
    // Columns of sixteen rows that are turned at a time; multiples of sixteen.
    MOST_INPUTS = 1024,
    MOST_OUTPUTS = 256,
};

CK_BODY uint8_t clip(int32_t sum) {
    const int32_t value = sum >> CK_RESIZE_PRECISION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

CK_TURN(turn, bytes16)

// Up to sixteen rows of `width` bytes into `width` columns of sixteen.
CK_BODY void turn_rows(const uint8_t *input, size_t stride, size_t rows, size_t width, bytes16 *columns) {
    for (size_t x = 0; x < width; x += 16) {
        bytes16 tile[16] = {{0}};
        for (size_t row = 0; row < rows; row++) {
            if (width - x >= 16) {
                memcpy(tile + row, input + row * stride + x, 16);
            } else {
                memcpy(tile + row, input + row * stride + x, width - x);
            }
        }
        turn(tile);
        memcpy(columns + x, tile, sizeof tile);
    }
}

CK_BODY void turn_columns(bytes16 *columns, size_t width, uint8_t *output, size_t stride, size_t rows) {
    for (size_t x = 0; x < width; x += 16) {
        turn(columns + x);
        for (size_t row = 0; row < rows; row++) {
            if (width - x >= 16) {
                memcpy(output + row * stride + x, columns + x + row, 16);
            } else {
                memcpy(output + row * stride + x, columns + x + row, width - x);
            }
        }
    }
}

#define CLIPPED(sums, none, bytes)                                                                                    \
    __builtin_convertvector(                                                                                          \
        __builtin_elementwise_min(                                                                                    \
            __builtin_elementwise_max(((sums) + HALF) >> CK_RESIZE_PRECISION_BITS, none), (none) + 255), bytes)

// Of one channel sixteen rows go through each step together.
CK_BODY void horizontal_grey(
    const uint8_t *input, size_t rows, size_t width, const ck_resize_filter *filter, uint8_t *output) {
    const lanes none = {0};
    bytes16 columns[MOST_INPUTS], results[MOST_OUTPUTS];
    size_t x = 0;
    while (x < filter->output_count) {
        // As many outputs as their inputs leave room for.
        const size_t start = (size_t)filter->starts[x];
        size_t wanted = 0, end = x;
        for (; end < filter->output_count && end - x < MOST_OUTPUTS; end++) {
            const size_t reach = (size_t)(filter->starts[end] + filter->counts[end]) - start;
            if (reach > MOST_INPUTS) break;
            if (reach > wanted) wanted = reach;
        }
        if (end == x) {
            // One output alone has more.
            for (size_t row = 0; row < rows; row++) {
                int32_t sum = HALF;
                for (int32_t t = 0; t < filter->counts[x]; t++)
                    sum += input[row * width + start + (size_t)t] * filter->coefficients[x * filter->taps + (size_t)t];
                output[row * filter->output_count + x] = clip(sum);
            }
            x++;
            continue;
        }
        for (size_t first = 0; first < rows; first += ROWS) {
            const size_t some = rows - first < ROWS ? rows - first : ROWS;
            turn_rows(input + first * width + start, width, some, wanted, columns);
            for (size_t i = x; i < end; i++) {
                const bytes16 *column = columns + ((size_t)filter->starts[i] - start);
                const int32_t *coefficients = filter->coefficients + i * filter->taps;
                lanes sums = {0};
                for (int32_t t = 0; t < filter->counts[i]; t++)
                    sums += __builtin_convertvector(column[t], lanes) * coefficients[t];
                results[i - x] = CLIPPED(sums, none, bytes16);
            }
            turn_columns(results, end - x, output + first * filter->output_count + x, filter->output_count, some);
        }
        x = end;
    }
}

// The coefficients of five pixels, each for three channels; zeros behind the last of `count`.
CK_BODY lanes spread(const int32_t *coefficients, int32_t count) {
    lanes8 five;
    memcpy(&five, coefficients, sizeof five);
    five &= (lanes8){0, 1, 2, 3, 4, 5, 6, 7} < (count < 5 ? count : 5);
    return __builtin_shufflevector(five, five, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
}

// The sums of five pixels by channel, as bytes.
CK_BODY bytes4 pixel_of(lanes sums) {
    const lanes4 sum = __builtin_shufflevector(sums, sums, 0, 1, 2, 15) + __builtin_shufflevector(sums, sums, 3, 4, 5, 15)
        + __builtin_shufflevector(sums, sums, 6, 7, 8, 15) + __builtin_shufflevector(sums, sums, 9, 10, 11, 15)
        + __builtin_shufflevector(sums, sums, 12, 13, 14, 15);
    const lanes4 none = {0};
    return CLIPPED(sum, none, bytes4);
}

// Adds to a row's sums the products of `count` numbers.
CK_BODY void add_row(lanes *sums, const uint8_t *input, size_t count, const lanes *coefficients) {
    lanes sum = *sums;
    for (size_t done = 0; done < count; done += TAKEN, coefficients++) {
        bytes16 some;
        memcpy(&some, input + done, sizeof some);
        sum += __builtin_convertvector(some, lanes) * *coefficients;
    }
    *sums = sum;
}

CK_BODY void horizontal_colour(
    const uint8_t *input, size_t rows, size_t width, const ck_resize_filter *filter, uint8_t *output) {
    const size_t row_bytes = 3 * width, output_bytes = 3 * filter->output_count;
    const uint8_t *end = input + rows * row_bytes;
    lanes sums[ROWS], coefficients[VECTORS];
    for (size_t first = 0; first < rows; first += ROWS) {
        const size_t some = rows - first < ROWS ? rows - first : ROWS;
        for (size_t x = 0; x < filter->output_count; x++) {
            const uint8_t *start = input + first * row_bytes + 3 * (size_t)filter->starts[x];
            const size_t all = 3 * (size_t)filter->counts[x];
            for (size_t row = 0; row < some; row++) sums[row] = (lanes){0};
            for (size_t done = 0; done < all; done += VECTORS * TAKEN) {
                const size_t count = all - done < VECTORS * TAKEN ? all - done : VECTORS * TAKEN;
                for (size_t at = 0; at < count; at += TAKEN) {
                    const size_t tap = (done + at) / 3;
                    coefficients[at / TAKEN] =
                        spread(filter->coefficients + x * filter->taps + tap, filter->counts[x] - (int32_t)tap);
                }
                for (size_t row = 0; row < some; row++) {
                    const uint8_t *in = start + row * row_bytes + done;
                    if ((size_t)(end - in) >= count + sizeof(bytes16)) {
                        add_row(sums + row, in, count, coefficients);
                        continue;
                    }
                    // Vectors reach further than the numbers, and what is behind the last row is not there to be read.
                    uint8_t copy[(VECTORS + 1) * sizeof(bytes16)] = {0};
                    memcpy(copy, in, count);
                    add_row(sums + row, copy, count, coefficients);
                }
            }
            uint8_t *out = output + first * output_bytes + 3 * x;
            for (size_t row = 0; row < some; row++, out += output_bytes) {
                const bytes4 pixel = pixel_of(sums[row]);
                // The fourth byte is of the pixel that is written next.
                if (x + 1 < filter->output_count) {
                    memcpy(out, &pixel, 4);
                } else {
                    memcpy(out, &pixel, 3);
                }
            }
        }
    }
}

CK_BODY void vertical(const uint8_t *input, size_t row_bytes, const ck_resize_filter *filter, uint8_t *output) {
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
            horizontal_colour(input, rows, width, filter, output);                                                    \
        } else {                                                                                                      \
            horizontal_grey(input, rows, width, filter, output);                                                      \
        }                                                                                                             \
    }                                                                                                                 \
    attribute static void vertical_##suffix(                                                                          \
        const uint8_t *input, size_t row_bytes, const ck_resize_filter *filter, uint8_t *output) {                    \
        vertical(input, row_bytes, filter, output);                                                                   \
    }                                                                                                                 \
    static const ck_resize_kernels kernels_##suffix = {                                                               \
        .horizontal = horizontal_##suffix, .vertical = vertical_##suffix};

VERSION(portable, )

#if defined(__x86_64__)
VERSION(avx2, CK_AVX2)
VERSION(avx512, CK_AVX512)

static const ck_resize_kernels *const versions[] = {
    &kernels_portable,
    &kernels_avx2,
    &kernels_avx512,
};

static size_t version_count(void) { return !ck_has_avx2() ? 1 : !ck_has_avx512() ? 2 : 3; }
#else
static const ck_resize_kernels *const versions[] = {&kernels_portable};

static size_t version_count(void) { return 1; }
#endif

const ck_resize_kernels *ck_resize_version(size_t number) { return number < version_count() ? versions[number] : NULL; }

const ck_resize_kernels *ck_resize_best(void) { return versions[version_count() - 1]; }
