// What buckets may be expected to hold, written so that the compiler vectorises it for whatever instruction set the
// including file targets.
#ifndef CK_INDEX_EXPECT_H
#define CK_INDEX_EXPECT_H

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

CK_INLINE void ck_expect_body(
    const struct ck_expectation *terms, const float *products, const float *spreads, const float *errors,
    const uint32_t *starts, size_t count, float *restrict expected
) {
    float similarity = terms->similarity, deviation = terms->deviation, noise = terms->noise;
    for (size_t i = 0; i < count; i++) {
        float reach = deviation * spreads[i], blur = noise * errors[i];
        float square = reach * reach + blur * blur;
        float root = __builtin_elementwise_sqrt(square > 1e-12f ? square : 1e-12f);
        float value = (float)(int32_t)(starts[i + 1] - starts[i]) * ck_tail((similarity - products[i]) / root);
        expected[i] = expected[i] < 0 ? -1 : value;
    }
}

#endif
