// The kernels for AVX-512 with VPOPCNTDQ.
#if defined(__x86_64__)
#include <immintrin.h>

#include "index_expect.h"
#include "index_rotate.h"
#include "index_tables.h"

#define TARGET                                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vpopcntdq,avx2,fma,f16c,popcnt"),                \
                   min_vector_width(512)))

// The weighted bit differences of one 512-bit piece of code with the four planes, in 8 lanes.
TARGET static inline __m512i weighted(__m512i code, const __m512i plane[4]) {
    __m512i t3 = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane[3]));
    __m512i t2 = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane[2]));
    __m512i t1 = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane[1]));
    __m512i t0 = _mm512_popcnt_epi64(_mm512_xor_si512(code, plane[0]));
    __m512i t = _mm512_add_epi64(t2, _mm512_add_epi64(t3, t3));
    t = _mm512_add_epi64(t1, _mm512_add_epi64(t, t));
    return _mm512_add_epi64(t0, _mm512_add_epi64(t, t));
}

TARGET static inline __m512i pair_sums(__m512i a, __m512i b) {
    return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

TARGET static inline __m512i lane_sums(__m512i a, __m512i b) {
    return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xDD));
}

// Eight vectors of eight lanes become one vector of their eight sums.
TARGET static inline __m512i sums_of_8(const __m512i s[8]) {
    __m512i a = lane_sums(pair_sums(s[0], s[1]), pair_sums(s[2], s[3]));
    __m512i b = lane_sums(pair_sums(s[4], s[5]), pair_sums(s[6], s[7]));
    return lane_sums(a, b);
}

// Four vectors, each of two rows of four lanes, become the eight rows' sums, in order.
TARGET static inline __m512i sums_of_4_pairs(const __m512i s[4]) {
    __m512i sums = lane_sums(pair_sums(s[0], s[1]), pair_sums(s[2], s[3]));
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7), sums);
}

TARGET static inline void finish(
    const struct ck_code_query *query, __m512i sums, const float *scale, const float *offset, const float *error,
    __mmask8 mask, float *estimates, float *upper
) {
    __m256 all = _mm256_set1_ps(15.0f * (float)(query->words * 64));
    __m256 count = _mm512_cvtepu64_ps(sums);
    __m256 product = _mm256_mul_ps(_mm256_set1_ps(query->step), _mm256_fnmadd_ps(_mm256_set1_ps(2), count, all));
    __m256 value = _mm256_add_ps(_mm256_set1_ps(query->base), _mm256_maskz_loadu_ps(mask, offset));
    value = _mm256_fmadd_ps(_mm256_maskz_loadu_ps(mask, scale), product, value);
    _mm256_mask_storeu_ps(estimates, mask, value);
    value = _mm256_fmadd_ps(_mm256_set1_ps(query->margin), _mm256_maskz_loadu_ps(mask, error), value);
    _mm256_mask_storeu_ps(upper, mask, value);
}

// Codes of any length, eight rows at a time; the last rows and the last words are masked.
TARGET static void estimate_any(
    const struct ck_code_query *query, const uint64_t *codes, const float *scale, const float *offset,
    const float *error, size_t rows, float *estimates, float *upper
) {
    size_t words = query->words;
    const uint64_t *planes = query->planes;
    for (size_t row = 0; row < rows; row += 8) {
        size_t group = rows - row < 8 ? rows - row : 8;
        __m512i s[8];
        for (int j = 0; j < 8; j++) s[j] = _mm512_setzero_si512();
        for (size_t i = 0; i < words; i += 8) {
            __mmask8 mask = words - i >= 8 ? 0xFF : (__mmask8)((1u << (words - i)) - 1);
            __m512i plane[4];
            for (size_t p = 0; p < 4; p++) plane[p] = _mm512_maskz_loadu_epi64(mask, planes + p * words + i);
            for (size_t j = 0; j < group; j++)
                s[j] = _mm512_add_epi64(
                    s[j], weighted(_mm512_maskz_loadu_epi64(mask, codes + (row + j) * words + i), plane));
        }
        __mmask8 mask = group == 8 ? 0xFF : (__mmask8)((1u << group) - 1);
        finish(
            query, sums_of_8(s), scale + row, offset + row, error + row, mask, estimates + row, upper + row);
    }
}

TARGET static void estimate(
    const struct ck_code_query *query, const uint64_t *codes, const float *scale, const float *offset,
    const float *error, size_t rows, float *estimates, float *upper
) {
    size_t words = query->words, done = 0;
    if (words == 8) {
        __m512i plane[4];
        for (size_t p = 0; p < 4; p++) plane[p] = _mm512_loadu_si512(query->planes + p * 8);
        for (; done + 8 <= rows; done += 8) {
            const uint64_t *code = codes + done * 8;
            __m512i s[8];
            for (size_t j = 0; j < 8; j++) s[j] = weighted(_mm512_loadu_si512(code + j * 8), plane);
            finish(
                query, sums_of_8(s), scale + done, offset + done, error + done, 0xFF, estimates + done,
                upper + done);
        }
    } else if (words == 4) {
        __m512i plane[4];
        for (size_t p = 0; p < 4; p++)
            plane[p] = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(query->planes + p * 4)));
        for (; done + 8 <= rows; done += 8) {
            const uint64_t *code = codes + done * 4;
            __m512i s[4];
            for (size_t j = 0; j < 4; j++) s[j] = weighted(_mm512_loadu_si512(code + j * 8), plane);
            finish(
                query, sums_of_4_pairs(s), scale + done, offset + done, error + done, 0xFF, estimates + done,
                upper + done);
        }
    }
    if (done < rows)
        estimate_any(
            query, codes + done * words, scale + done, offset + done, error + done, rows - done, estimates + done,
            upper + done);
}

TARGET static size_t select(const float *values, size_t count, float threshold, uint32_t *indices) {
    size_t found = 0;
    __m512 limit = _mm512_set1_ps(threshold);
    __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (size_t i = 0; i < count; i += 16, index = _mm512_add_epi32(index, _mm512_set1_epi32(16))) {
        __mmask16 mask = count - i >= 16 ? 0xFFFF : (__mmask16)((1u << (count - i)) - 1);
        mask = _mm512_mask_cmp_ps_mask(mask, _mm512_maskz_loadu_ps(mask, values + i), limit, _CMP_GE_OQ);
        if (mask == 0) continue;
        // Compressed in a register: the form that stores to memory is slow on some CPUs.
        _mm512_storeu_si512(indices + found, _mm512_maskz_compress_epi32(mask, index));
        found += (size_t)__builtin_popcount(mask);
    }
    return found;
}

TARGET static inline __m512 load_f16(__mmask16 mask, const uint16_t *p) {
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}
TARGET static inline __m512 load_f32(__mmask16 mask, const float *p) { return _mm512_maskz_loadu_ps(mask, p); }

#define DOT(name, type, load)                                                                                        \
    TARGET static void name(                                                                                         \
        const float *query, size_t dimension, const type *rows, const uint32_t *indices, size_t count,               \
        float *products                                                                                              \
    ) {                                                                                                              \
        for (size_t n = 0; n < count; n++) {                                                                         \
            const type *row = rows + (indices ? indices[n] : n) * dimension;                                         \
            if (indices && n + 1 < count) {                                                                          \
                const char *next = (const char *)(rows + (size_t)indices[n + 1] * dimension);                        \
                for (size_t b = 0; b < dimension * sizeof(type); b += 64) __builtin_prefetch(next + b);              \
            }                                                                                                        \
            __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;                                              \
            size_t i = 0;                                                                                            \
            for (; i + 64 <= dimension; i += 64) {                                                                   \
                s0 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), load(0xFFFF, row + i), s0);                         \
                s1 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 16), load(0xFFFF, row + i + 16), s1);               \
                s2 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 32), load(0xFFFF, row + i + 32), s2);               \
                s3 = _mm512_fmadd_ps(_mm512_loadu_ps(query + i + 48), load(0xFFFF, row + i + 48), s3);               \
            }                                                                                                        \
            for (; i < dimension; i += 16) {                                                                         \
                __mmask16 mask = dimension - i >= 16 ? 0xFFFF : (__mmask16)((1u << (dimension - i)) - 1);            \
                s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, query + i), load(mask, row + i), s0);               \
            }                                                                                                        \
            products[n] = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));         \
        }                                                                                                            \
    }
DOT(dot_f16, uint16_t, load_f16)
DOT(dot_f32, float, load_f32)

TARGET static void widen(const uint16_t *from, size_t count, float *to) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = count - i >= 16 ? 0xFFFF : (__mmask16)((1u << (count - i)) - 1);
        _mm512_mask_storeu_ps(to + i, mask, load_f16(mask, from + i));
    }
}

TARGET static void narrow(const float *from, size_t count, uint16_t *to) {
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = count - i >= 16 ? 0xFFFF : (__mmask16)((1u << (count - i)) - 1);
        __m512 value = _mm512_maskz_loadu_ps(mask, from + i);
        _mm256_mask_storeu_epi16(to + i, mask, _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
    }
}

TARGET static void rotate(float *vector, size_t count, const uint64_t *signs) {
    ck_rotate_body(vector, count, signs);
}

TARGET static size_t reach(
    const struct ck_expectation *terms, const float *products, const float *spreads, const float *errors,
    const uint32_t *starts, size_t count, const struct ck_reached_buckets *reached
) {
    __m512 deviation = _mm512_set1_ps(terms->deviation), noise = _mm512_set1_ps(terms->noise);
    __m512 limit = _mm512_set1_ps(terms->reach * terms->reach), similarity = _mm512_set1_ps(terms->similarity);
    __m512i number = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    size_t found = 0;
    for (size_t i = 0; i < count; i += 16, number = _mm512_add_epi32(number, _mm512_set1_epi32(16))) {
        __mmask16 mask = count - i >= 16 ? 0xFFFF : (__mmask16)((1u << (count - i)) - 1);
        __m512 product = _mm512_maskz_loadu_ps(mask, products + i);
        __m512 stray = _mm512_mul_ps(deviation, _mm512_maskz_loadu_ps(mask, spreads + i));
        __m512 blur = _mm512_mul_ps(noise, _mm512_maskz_loadu_ps(mask, errors + i));
        __m512 variance = _mm512_fmadd_ps(stray, stray, _mm512_mul_ps(blur, blur));
        __m512 missing = _mm512_sub_ps(similarity, product);
        __mmask16 beyond = _mm512_cmp_ps_mask(missing, _mm512_setzero_ps(), _CMP_GT_OQ);
        beyond = _mm512_mask_cmp_ps_mask(
            beyond, _mm512_mul_ps(missing, missing), _mm512_mul_ps(limit, variance), _CMP_GT_OQ);
        __m512i start = _mm512_maskz_loadu_epi32(mask, starts + i);
        __m512i size = _mm512_sub_epi32(_mm512_maskz_loadu_epi32(mask, starts + i + 1), start);
        mask = _mm512_mask_cmpgt_epi32_mask(mask & (__mmask16)~beyond, size, _mm512_setzero_si512());
        if (mask == 0) continue;
        _mm512_storeu_si512(reached->numbers + found, _mm512_maskz_compress_epi32(mask, number));
        _mm512_storeu_ps(reached->products + found, _mm512_maskz_compress_ps(mask, product));
        _mm512_storeu_ps(reached->variances + found, _mm512_maskz_compress_ps(mask, variance));
        _mm512_storeu_ps(reached->sizes + found, _mm512_maskz_compress_ps(mask, _mm512_cvtepi32_ps(size)));
        found += (size_t)__builtin_popcount(mask);
    }
    return found;
}

TARGET static void shares(
    float similarity, const float *products, const float *variances, const float *sizes, size_t count,
    float *result, struct ck_masses *masses
) {
    ck_shares_body(similarity, products, variances, sizes, count, result, masses);
}

const struct ck_index_kernels ck_index_avx512 = {
    estimate, select, dot_f16, dot_f32, widen, narrow, rotate, reach, shares,
};
#endif
