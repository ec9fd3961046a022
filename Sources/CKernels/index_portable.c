// The kernels in plain C: the reference for every other version.
#include "index_expect.h"
#include "index_rotate.h"
#include "index_tables.h"

static void estimate(
    const struct ck_code_query *query, const uint64_t *codes, const float *scale, const float *offset,
    const float *error, size_t rows, float *estimates, float *upper
) {
    size_t words = query->words;
    float all = 15.0f * (float)(words * 64);
    for (size_t row = 0; row < rows; row++, codes += words) {
        uint32_t weighted = 0;
        for (int plane = 0; plane < 4; plane++) {
            const uint64_t *bits = query->planes + (size_t)plane * words;
            uint32_t differing = 0;
            for (size_t word = 0; word < words; word++)
                differing += (uint32_t)__builtin_popcountll(codes[word] ^ bits[word]);
            weighted += differing << plane;
        }
        float product = query->step * (all - 2.0f * (float)weighted);
        float value = query->base + offset[row] + scale[row] * product;
        estimates[row] = value;
        upper[row] = value + query->margin * error[row];
    }
}

static size_t select(const float *values, size_t count, float threshold, uint32_t *indices) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        indices[found] = (uint32_t)i;
        found += values[i] >= threshold;
    }
    return found;
}

static inline float widened(uint16_t half) {
    // Scaling by 2^112 moves the exponent and makes subnormal numbers right; infinities and NaN are then patched.
    uint32_t bits = (uint32_t)(half & 0x7FFF) << 13;
    float value;
    memcpy(&value, &bits, 4);
    value *= 0x1p112f;
    memcpy(&bits, &value, 4);
    if ((half & 0x7C00) == 0x7C00) bits |= 0x7F800000;
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, 4);
    return value;
}

static inline uint16_t narrowed(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return sign | 0x7E00 | (uint16_t)(bits >> 13 & 0x1FF);
    if (bits >= 0x477FF000) return sign | 0x7C00;  // 65,520 and above round to infinity
    if (bits < 0x38800000) {                       // below 2^-14: adding 0.5 lets the FPU round at 2^-24
        float magnitude;
        memcpy(&magnitude, &bits, 4);
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, 4);
        return sign | (uint16_t)(bits - 0x3F000000);
    }
    bits += 0xC8000FFF + (bits >> 13 & 1);
    return sign | (uint16_t)(bits >> 13);
}

// Sixteen running sums, so that the compiler may keep them in vector registers.
#define DOT(name, type, read)                                                                                        \
    static void name(                                                                                                \
        const float *query, size_t dimension, const type *rows, const uint32_t *indices, size_t count,               \
        float *products                                                                                              \
    ) {                                                                                                              \
        for (size_t n = 0; n < count; n++) {                                                                         \
            const type *row = rows + (indices ? indices[n] : n) * dimension;                                         \
            float sums[16] = {0};                                                                                    \
            size_t i = 0;                                                                                            \
            for (; i + 16 <= dimension; i += 16)                                                                     \
                for (size_t j = 0; j < 16; j++) sums[j] += query[i + j] * read(row[i + j]);                          \
            for (size_t j = 0; i < dimension; i++, j++) sums[j] += query[i] * read(row[i]);                          \
            for (size_t width = 8; width > 0; width /= 2)                                                            \
                for (size_t j = 0; j < width; j++) sums[j] += sums[j + width];                                       \
            products[n] = sums[0];                                                                                   \
        }                                                                                                            \
    }
DOT(dot_f16, uint16_t, widened)
DOT(dot_f32, float, )

static void widen(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i++) to[i] = widened(from[i]);
}

static void narrow(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i++) to[i] = narrowed(from[i]);
}

static void rotate(float *vector, size_t count, const uint64_t *signs) { ck_rotate_body(vector, count, signs); }

static size_t reach(
    const struct ck_expectation *terms, const float *products, const float *spreads, const float *errors,
    const uint32_t *starts, size_t count, const struct ck_reached_buckets *reached
) {
    return ck_reach_body(terms, products, spreads, errors, starts, count, reached);
}

static void shares(
    float similarity, const float *products, const float *variances, const float *sizes, size_t count,
    float *result, struct ck_masses *masses
) {
    ck_shares_body(similarity, products, variances, sizes, count, result, masses);
}

const struct ck_index_kernels ck_index_portable = {
    estimate, select, dot_f16, dot_f32, widen, narrow, rotate, reach, shares,
};
