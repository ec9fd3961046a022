// The kernels for AArch64, where NEON is always there.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "index_expect.h"
#include "index_rotate.h"
#include "index_tables.h"

static void estimate(
    const struct ck_code_query *query, const uint64_t *codes, const float *scale, const float *offset,
    const float *error, size_t rows, float *estimates, float *upper
) {
    size_t words = query->words, whole = words / 2 * 2;
    const uint64_t *p0 = query->planes, *p1 = p0 + words, *p2 = p1 + words, *p3 = p2 + words;
    float all = 15.0f * (float)(words * 64);
    for (size_t row = 0; row < rows; row++, codes += words) {
        uint32x4_t sums = vdupq_n_u32(0);
        for (size_t i = 0; i < whole; i += 2) {
            uint64x2_t code = vld1q_u64(codes + i);
            uint8x16_t c0 = vcntq_u8(vreinterpretq_u8_u64(veorq_u64(code, vld1q_u64(p0 + i))));
            uint8x16_t c1 = vcntq_u8(vreinterpretq_u8_u64(veorq_u64(code, vld1q_u64(p1 + i))));
            uint8x16_t c2 = vcntq_u8(vreinterpretq_u8_u64(veorq_u64(code, vld1q_u64(p2 + i))));
            uint8x16_t c3 = vcntq_u8(vreinterpretq_u8_u64(veorq_u64(code, vld1q_u64(p3 + i))));
            // c0 + 2 (c1 + 2 (c2 + 2 c3)): at most 120 in a byte
            uint8x16_t t = vaddq_u8(c2, vshlq_n_u8(c3, 1));
            t = vaddq_u8(c1, vshlq_n_u8(t, 1));
            t = vaddq_u8(c0, vshlq_n_u8(t, 1));
            sums = vpadalq_u16(sums, vpaddlq_u8(t));
        }
        uint32_t weighted = vaddvq_u32(sums);
        for (size_t i = whole; i < words; i++) {
            uint64_t code = codes[i];
            weighted += (uint32_t)__builtin_popcountll(code ^ p0[i])
                + 2 * (uint32_t)__builtin_popcountll(code ^ p1[i])
                + 4 * (uint32_t)__builtin_popcountll(code ^ p2[i])
                + 8 * (uint32_t)__builtin_popcountll(code ^ p3[i]);
        }
        float product = query->step * (all - 2.0f * (float)weighted);
        float value = query->base + offset[row] + scale[row] * product;
        estimates[row] = value;
        upper[row] = value + query->margin * error[row];
    }
}

static size_t select(const float *values, size_t count, float threshold, uint32_t *indices) {
    size_t found = 0, i = 0;
    float32x4_t limit = vdupq_n_f32(threshold);
    for (; i + 8 <= count; i += 8) {
        // Most groups hold nothing; only the others are looked at one by one.
        uint32x4_t a = vcgeq_f32(vld1q_f32(values + i), limit);
        uint32x4_t b = vcgeq_f32(vld1q_f32(values + i + 4), limit);
        if (vmaxvq_u32(vorrq_u32(a, b)) == 0) continue;
        for (size_t j = i; j < i + 8; j++)
            if (values[j] >= threshold) indices[found++] = (uint32_t)j;
    }
    for (; i < count; i++)
        if (values[i] >= threshold) indices[found++] = (uint32_t)i;
    return found;
}

static inline float32x4_t load_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
static inline float32x4_t load_f32(const float *p) { return vld1q_f32(p); }
static inline float one_f16(const uint16_t *p) { return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(*p))), 0); }
static inline float one_f32(const float *p) { return *p; }

#define DOT(name, type, load, one)                                                                                   \
    static void name(                                                                                                \
        const float *query, size_t dimension, const type *rows, const uint32_t *indices, size_t count,               \
        float *products                                                                                              \
    ) {                                                                                                              \
        for (size_t n = 0; n < count; n++) {                                                                         \
            const type *row = rows + (indices ? indices[n] : n) * dimension;                                         \
            if (indices && n + 1 < count) {                                                                          \
                const char *next = (const char *)(rows + (size_t)indices[n + 1] * dimension);                        \
                for (size_t b = 0; b < dimension * sizeof(type); b += 128) __builtin_prefetch(next + b);             \
            }                                                                                                        \
            float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;                                              \
            size_t i = 0;                                                                                            \
            for (; i + 16 <= dimension; i += 16) {                                                                   \
                s0 = vfmaq_f32(s0, vld1q_f32(query + i), load(row + i));                                             \
                s1 = vfmaq_f32(s1, vld1q_f32(query + i + 4), load(row + i + 4));                                     \
                s2 = vfmaq_f32(s2, vld1q_f32(query + i + 8), load(row + i + 8));                                     \
                s3 = vfmaq_f32(s3, vld1q_f32(query + i + 12), load(row + i + 12));                                   \
            }                                                                                                        \
            for (; i + 4 <= dimension; i += 4) s0 = vfmaq_f32(s0, vld1q_f32(query + i), load(row + i));              \
            float sum = vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));                                 \
            for (; i < dimension; i++) sum += query[i] * one(row + i);                                               \
            products[n] = sum;                                                                                       \
        }                                                                                                            \
    }
DOT(dot_f16, uint16_t, load_f16, one_f16)
DOT(dot_f32, float, load_f32, one_f32)

static void widen(const uint16_t *from, size_t count, float *to) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) vst1q_f32(to + i, load_f16(from + i));
    for (; i < count; i++) to[i] = one_f16(from + i);
}

static void narrow(const float *from, size_t count, uint16_t *to) {
    size_t i = 0;
    for (; i + 4 <= count; i += 4) vst1_u16(to + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(from + i))));
    for (; i < count; i++) to[i] = vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(from[i]))), 0);
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

const struct ck_index_kernels ck_index_neon = {
    estimate, select, dot_f16, dot_f32, widen, narrow, rotate, reach, shares,
};
#endif
