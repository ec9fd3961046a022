// What buckets may hold, written so that the compiler vectorises it for whatever instruction set the
// including file targets.
#ifndef CK_INDEX_EXPECT_H
#define CK_INDEX_EXPECT_H

#include <stdbool.h>

#include "ck_index.h"
#include "index_rotate.h"

// e^y for -40 <= y <= 0, right to 1e-6 of itself.
CK_INLINE float ck_exponential(float y) {
    int32_t power = (int32_t)(y * 1.44269504f - 0.5f);
    float r = y - (float)power * 0.69314718f;
    float sum = 1 + r * (1 + r * (0.5f + r * (0.16666667f + r * (0.041666667f + r * 0.0083333333f))));
    uint32_t bits = (uint32_t)(power + 127) << 23;
    float scale;
    memcpy(&scale, &bits, 4);
    return sum * scale;
}

// The share of a normal distribution beyond x standard deviations, after Abramowitz and Stegun 26.2.17; 1 for NaN.
CK_INLINE float ck_tail(float x) {
    float a = x < 0 ? -x : x;
    a = a < 8 ? a : 8;
    float t = 1 / (1 + 0.2316419f * a);
    float sum = t * (0.31938153f + t * (-0.356563782f + t * (1.781477937f + t * (-1.821255978f + t * 1.330274429f))));
    float beyond = 0.39894228f * ck_exponential(-0.5f * a * a) * sum;
    return x >= 0 ? beyond : 1 - (x < 0 ? beyond : 0);
}

// Buckets are compared without a root: (similarity - product)^2 against the variance.
CK_INLINE size_t ck_reach_body(
    const struct ck_expectation *terms, const float *products, const float *spreads, const float *errors,
    const uint32_t *starts, size_t count, const struct ck_reached_buckets *reached
) {
    float deviation = terms->deviation, noise = terms->noise, limit = terms->reach * terms->reach;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        float stray = deviation * spreads[i], blur = noise * errors[i];
        float variance = stray * stray + blur * blur, missing = terms->similarity - products[i];
        reached->numbers[found] = (uint32_t)i;
        reached->products[found] = products[i];
        reached->variances[found] = variance;
        reached->sizes[found] = (float)(int32_t)(starts[i + 1] - starts[i]);
        // Written so that NaN is within reach.
        bool is_beyond = (missing > 0) & (missing * missing > limit * variance);
        found += !is_beyond & (starts[i + 1] > starts[i]);
    }
    return found;
}

// Sums are kept in 16 lanes, so that they vectorise too.
CK_INLINE void ck_shares_body(
    float similarity, const float *products, const float *variances, const float *sizes, size_t count,
    float *restrict shares, struct ck_masses *masses
) {
    float scanned[16] = {0}, left[16] = {0}, rows[16] = {0};
    for (size_t i = 0; i < count; i += 16) {
        size_t group = count - i < 16 ? count - i : 16;
        for (size_t j = 0; j < group; j++) {
            float variance = variances[i + j], size = sizes[i + j];
            float root = __builtin_elementwise_sqrt(variance > 1e-12f ? variance : 1e-12f);
            float share = ck_tail((similarity - products[i + j]) / root);
            shares[i + j] = share;
            scanned[j] -= size < 0 ? share * size : 0;
            left[j] += size < 0 ? 0 : share * size;
            rows[j] += size < 0 ? 0 : size;
        }
    }
    *masses = (struct ck_masses){0, 0, 0};
    for (size_t j = 0; j < 16; j++) {
        masses->scanned += scanned[j];
        masses->left += left[j];
        masses->rows += rows[j];
    }
}

#endif
