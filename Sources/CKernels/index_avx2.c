// The kernels for AVX2, FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#include "index_expect.h"
#include "index_rotate.h"
#include "index_tables.h"

#define TARGET __attribute__((target("avx2,fma,f16c,popcnt")))

// Set bits of every byte: two look-ups of four bits each (Mula, Kurz, Lemire, Computer Journal 2018).
TARGET static inline __m256i byte_counts(__m256i value) {
    const __m256i table = _mm256_setr_epi8(
        0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(value, low));
    __m256i b = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(value, 4), low));
    return _mm256_add_epi8(a, b);
}

TARGET static void estimate(
    const struct ck_code_query *query, const uint64_t *codes, const float *scale, const float *offset,
    const float *error, size_t rows, float *estimates, float *upper
) {
    size_t words = query->words, whole = words / 4 * 4;
    const uint64_t *p0 = query->planes, *p1 = p0 + words, *p2 = p1 + words, *p3 = p2 + words;
    float all = 15.0f * (float)(words * 64);
    for (size_t row = 0; row < rows; row++, codes += words) {
        __m256i sum = _mm256_setzero_si256();
        for (size_t i = 0; i < whole; i += 4) {
            __m256i code = _mm256_loadu_si256((const __m256i *)(codes + i));
            __m256i c0 = byte_counts(_mm256_xor_si256(code, _mm256_loadu_si256((const __m256i *)(p0 + i))));
            __m256i c1 = byte_counts(_mm256_xor_si256(code, _mm256_loadu_si256((const __m256i *)(p1 + i))));
            __m256i c2 = byte_counts(_mm256_xor_si256(code, _mm256_loadu_si256((const __m256i *)(p2 + i))));
            __m256i c3 = byte_counts(_mm256_xor_si256(code, _mm256_loadu_si256((const __m256i *)(p3 + i))));
            // c0 + 2 (c1 + 2 (c2 + 2 c3)): at most 120 in a byte
            __m256i t = _mm256_add_epi8(c2, _mm256_add_epi8(c3, c3));
            t = _mm256_add_epi8(c1, _mm256_add_epi8(t, t));
            t = _mm256_add_epi8(c0, _mm256_add_epi8(t, t));
            sum = _mm256_add_epi64(sum, _mm256_sad_epu8(t, _mm256_setzero_si256()));
        }
        __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        uint64_t weighted = (uint64_t)_mm_cvtsi128_si64(half) + (uint64_t)_mm_extract_epi64(half, 1);
        for (size_t i = whole; i < words; i++) {
            uint64_t code = codes[i];
            weighted += (uint64_t)__builtin_popcountll(code ^ p0[i]) + 2 * (uint64_t)__builtin_popcountll(code ^ p1[i])
                + 4 * (uint64_t)__builtin_popcountll(code ^ p2[i])
                + 8 * (uint64_t)__builtin_popcountll(code ^ p3[i]);
        }
        float product = query->step * (all - 2.0f * (float)weighted);
        float value = query->base + offset[row] + scale[row] * product;
        estimates[row] = value;
        upper[row] = value + query->margin * error[row];
    }
}

TARGET static size_t select(const float *values, size_t count, float threshold, uint32_t *indices) {
    size_t found = 0, i = 0;
    __m256 limit = _mm256_set1_ps(threshold);
    for (; i + 8 <= count; i += 8) {
        unsigned mask =
            (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values + i), limit, _CMP_GE_OQ));
        for (; mask != 0; mask &= mask - 1) indices[found++] = (uint32_t)i + (uint32_t)__builtin_ctz(mask);
    }
    for (; i < count; i++)
        if (values[i] >= threshold) indices[found++] = (uint32_t)i;
    return found;
}

TARGET static inline float sum8(__m256 value) {
    __m128 a = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    a = _mm_add_ps(a, _mm_movehl_ps(a, a));
    return _mm_cvtss_f32(_mm_add_ss(a, _mm_movehdup_ps(a)));
}

TARGET static inline __m256 load_f16(const uint16_t *p) {
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
TARGET static inline __m256 load_f32(const float *p) { return _mm256_loadu_ps(p); }
TARGET static inline float one_f16(const uint16_t *p) { return _cvtsh_ss(*p); }
TARGET static inline float one_f32(const float *p) { return *p; }

#define DOT(name, type, load, one)                                                                                   \
    TARGET static void name(                                                                                         \
        const float *query, size_t dimension, const type *rows, const uint32_t *indices, size_t count,               \
        float *products                                                                                              \
    ) {                                                                                                              \
        for (size_t n = 0; n < count; n++) {                                                                         \
            const type *row = rows + (indices ? indices[n] : n) * dimension;                                         \
            if (indices && n + 1 < count) {                                                                          \
                const char *next = (const char *)(rows + (size_t)indices[n + 1] * dimension);                        \
                for (size_t b = 0; b < dimension * sizeof(type); b += 128) __builtin_prefetch(next + b);             \
            }                                                                                                        \
            __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                              \
            size_t i = 0;                                                                                            \
            for (; i + 32 <= dimension; i += 32) {                                                                   \
                s0 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), load(row + i), s0);                                 \
                s1 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 8), load(row + i + 8), s1);                         \
                s2 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 16), load(row + i + 16), s2);                       \
                s3 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i + 24), load(row + i + 24), s3);                       \
            }                                                                                                        \
            for (; i + 8 <= dimension; i += 8)                                                                       \
                s0 = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), load(row + i), s0);                                 \
            float sum = sum8(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));                           \
            for (; i < dimension; i++) sum += query[i] * one(row + i);                                               \
            products[n] = sum;                                                                                       \
        }                                                                                                            \
    }
DOT(dot_f16, uint16_t, load_f16, one_f16)
DOT(dot_f32, float, load_f32, one_f32)

TARGET static void widen(const uint16_t *from, size_t count, float *to) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8) _mm256_storeu_ps(to + i, load_f16(from + i));
    for (; i < count; i++) to[i] = one_f16(from + i);
}

TARGET static void narrow(const float *from, size_t count, uint16_t *to) {
    size_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm_storeu_si128(
            (__m128i *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < count; i++) to[i] = (uint16_t)_cvtss_sh(from[i], _MM_FROUND_TO_NEAREST_INT);
}

TARGET static void rotate(float *vector, size_t count, const uint64_t *signs) {
    ck_rotate_body(vector, count, signs);
}

TARGET static size_t reach(
    const struct ck_expectation *terms, const float *products, const float *spreads, const float *errors,
    const uint32_t *starts, size_t count, const struct ck_reached_buckets *reached
) {
    return ck_reach_body(terms, products, spreads, errors, starts, count, reached);
}

TARGET static void shares(
    float similarity, const float *products, const float *variances, const float *sizes, size_t count,
    float *result, struct ck_masses *masses
) {
    ck_shares_body(similarity, products, variances, sizes, count, result, masses);
}

const struct ck_index_kernels ck_index_avx2 = {
    estimate, select, dot_f16, dot_f32, widen, narrow, rotate, reach, shares,
};
#endif
