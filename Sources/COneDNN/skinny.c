#include "COneDNN.h"
#include "vectors.h"

// A product with few rows is bound by reading the weights once. They are taken as they stand in the model
// file (one output's weights are contiguous), converted in the cache when they are half floats, and never
// packed: a single text query touches each weight once and loads no library.

// `count` (1 to 4) rows of x against two outputs' weights; every result is summed in the same order whatever
// the number of rows, so a text's vector does not depend on what it is computed beside.
CDNN_INLINE void pair_block(
    int count, long inputs, const float *x, const float *w0, const float *w1, float *y, long ldy, int both) {
    f16x sums[4][2] = {0};
    long whole = inputs / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        f16x a, b;
        memcpy(&a, w0 + i, 64);
        memcpy(&b, w1 + i, 64);
        for (int r = 0; r < count; r++) {
            f16x v;
            memcpy(&v, x + r * inputs + i, 64);
            sums[r][0] += v * a;
            sums[r][1] += v * b;
        }
    }
    for (int r = 0; r < count; r++) {
        float first = lane_sum(&sums[r][0]), second = lane_sum(&sums[r][1]);
        for (long i = whole; i < inputs; i++) {
            first += x[r * inputs + i] * w0[i];
            second += x[r * inputs + i] * w1[i];
        }
        y[r * ldy] = first;
        if (both) y[r * ldy + 1] = second;
    }
}

CDNN_CLONES static void pair_rows(
    long rows, long inputs, const float *x, const float *w0, const float *w1, float *y, long ldy, int both) {
    long r = 0;
    for (; r + 4 <= rows; r += 4) pair_block(4, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both);
    switch (rows - r) {
    case 3: pair_block(3, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    case 2: pair_block(2, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    case 1: pair_block(1, inputs, x + r * inputs, w0, w1, y + r * ldy, ldy, both); break;
    }
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

// The sums of sixteen vectors, in the order of lane_sum; each step folds two vectors into one.
AVX512 CDNN_INLINE void sums_of_sixteen(f16x *v) {
    for (int i = 0; i < 8; i++)
        v[i] = __builtin_shufflevector(
                   v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
            + __builtin_shufflevector(
                v[2 * i], v[2 * i + 1], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    for (int i = 0; i < 4; i++)
        v[i] = __builtin_shufflevector(
                   v[2 * i], v[2 * i + 1], 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
            + __builtin_shufflevector(
                v[2 * i], v[2 * i + 1], 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    for (int i = 0; i < 2; i++)
        v[i] = __builtin_shufflevector(
                   v[2 * i], v[2 * i + 1], 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29)
            + __builtin_shufflevector(
                v[2 * i], v[2 * i + 1], 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
    v[0] = __builtin_shufflevector(v[0], v[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)
        + __builtin_shufflevector(v[0], v[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

// `count` (1 to 4) rows of x against four outputs' weights; the next four outputs' come nearer meanwhile.
AVX512 CDNN_INLINE void four_block(
    int count, long inputs, const float *x, const float *w, float *y, long ldy, int prefetches) {
    f16x sums[16] = {0};
    long whole = inputs / 16 * 16;
    for (long i = 0; i < whole; i += 16) {
        f16x v[4], a[4];
        for (int o = 0; o < 4; o++) {
            memcpy(&a[o], w + o * inputs + i, 64);
            if (prefetches) __builtin_prefetch(w + (o + 4) * inputs + i, 0, 2);
        }
        for (int r = 0; r < count; r++) {
            memcpy(&v[r], x + r * inputs + i, 64);
            for (int o = 0; o < 4; o++) sums[r * 4 + o] += v[r] * a[o];
        }
    }
    sums_of_sixteen(sums);
    for (int r = 0; r < count; r++)
        for (int o = 0; o < 4; o++) {
            float sum = sums[0][r * 4 + o];
            for (long i = whole; i < inputs; i++) sum += x[r * inputs + i] * w[o * inputs + i];
            y[r * ldy + o] = sum;
        }
}

AVX512 static void four_rows(long rows, long inputs, const float *x, const float *w, float *y, long ldy) {
    long r = 0;
    for (; r + 4 <= rows; r += 4) four_block(4, inputs, x + r * inputs, w, y + r * ldy, ldy, r == 0);
    switch (rows - r) {
    case 3: four_block(3, inputs, x + r * inputs, w, y + r * ldy, ldy, r == 0); break;
    case 2: four_block(2, inputs, x + r * inputs, w, y + r * ldy, ldy, r == 0); break;
    case 1: four_block(1, inputs, x + r * inputs, w, y + r * ldy, ldy, r == 0); break;
    }
}

static int has_avx512(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#else
static void four_rows(long rows, long inputs, const float *x, const float *w, float *y, long ldy) {
    (void)rows, (void)inputs, (void)x, (void)w, (void)y, (void)ldy;
}
static int has_avx512(void) { return 0; }
#endif

void cdnn_skinny(
    long rows, long inputs, long outputs, const float *x, const void *weights, cdnn_element element, float *y,
    long ldy, float *scratch) {
    size_t size = element == CDNN_F32 ? 4 : 2;
    int has_fours = has_avx512();
    for (long n = 0, step; n < outputs; n += step) {
        step = has_fours && n + 4 <= outputs ? 4 : n + 1 < outputs ? 2 : 1;
        const char *at = (const char *)weights + (size_t)n * (size_t)inputs * size;
        const float *w = scratch;
        // Mapped files align a tensor to its own element at best; anything less is copied.
        if (element == CDNN_F32 && (uintptr_t)at % 4 == 0)
            w = (const float *)at;
        else
            cdnn_to_float(at, element, inputs * step, scratch);
        if (step == 4)
            four_rows(rows, inputs, x, w, y + n, ldy);
        else
            pair_rows(rows, inputs, x, w, step == 2 ? w + inputs : w, y + n, ldy, step == 2);
    }
}
