// Kernels of the vector index. Each works on a block of rows; there is a portable version of each, and versions for
// instruction sets that give the same result (integers: equal; floats: up to the order of summation).
#ifndef CK_INDEX_H
#define CK_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "ck_simd.h"

/// A query against sign codes: its rotated, centred vector in 4 bits per coordinate, split into bit planes.
///
/// Coordinate i stands for step * sum_j 2^j v_ij with v_ij = +1 where bit i of plane j is set, else -1.
struct ck_code_query {
    /// 4 planes of `words` 64-bit words, one after the other.
    const uint64_t *_Nonnull planes;
    /// 64-bit words of a code.
    size_t words;
    /// What half of a unit of the 4-bit values is worth.
    float step;
    /// Added to every estimate.
    float base;
    /// What a row's error factor is multiplied by to give the margin between estimate and upper bound.
    float margin;
    /// What it is multiplied by to give the standard deviation of the estimate.
    float noise;
};

/// What decides whether rows of a bucket may be above a similarity.
struct ck_expectation {
    float similarity;
    /// Standard deviation of the rows' products around their mean's, as a multiple of the bucket's spread.
    float deviation;
    /// Standard deviation of a mean's product, as a multiple of its error factor; 0 when products are exact.
    float noise;
    /// So many standard deviations from their mean rows are still looked for.
    float reach;
};

/// Where `reach` writes buckets; each array has room for their number rounded up to a multiple of 16.
struct ck_reached_buckets {
    uint32_t *_Nonnull numbers;
    /// The products with their means.
    float *_Nonnull products;
    /// The variances of their rows' products.
    float *_Nonnull variances;
    /// How many rows they have.
    float *_Nonnull sizes;
};

/// How many rows buckets may hold above a similarity.
struct ck_masses {
    /// Those that have been scanned.
    float scanned;
    /// The others.
    float left;
    /// All rows of the others.
    float rows;
};

/// One table of kernels for one instruction set.
struct ck_index_kernels {
    /// For each row: estimate = base + offset + scale * sum_i b_i z_i, and upper = estimate + margin * error.
    void (*_Nonnull estimate)(
        const struct ck_code_query *_Nonnull query, const uint64_t *_Nonnull codes, const float *_Nonnull scale,
        const float *_Nonnull offset, const float *_Nonnull error, size_t rows, float *_Nonnull estimates,
        float *_Nonnull upper);
    /// Writes the indices of all values >= threshold (NaN never is), in order; returns how many.
    /// `indices` has room for `count` rounded up to a multiple of 16.
    size_t (*_Nonnull select)(
        const float *_Nonnull values, size_t count, float threshold, uint32_t *_Nonnull indices);
    /// Inner products of a query with float16 rows: rows 0..<count, or the rows that `indices` names.
    void (*_Nonnull dot_f16)(
        const float *_Nonnull query, size_t dimension, const uint16_t *_Nonnull rows,
        const uint32_t *_Nullable indices, size_t count, float *_Nonnull products);
    /// The same for float32 rows.
    void (*_Nonnull dot_f32)(
        const float *_Nonnull query, size_t dimension, const float *_Nonnull rows,
        const uint32_t *_Nullable indices, size_t count, float *_Nonnull products);
    /// float16 to float32.
    void (*_Nonnull widen)(const uint16_t *_Nonnull from, size_t count, float *_Nonnull to);
    /// float32 to float16, to nearest, ties to even.
    void (*_Nonnull narrow)(const float *_Nonnull from, size_t count, uint16_t *_Nonnull to);
    /// Rotates a vector of `count` (a multiple of 64) floats in place: 4 rounds of sign changes and Walsh-Hadamard
    /// transforms, as Docs/IndexFormat.md says. `signs` holds 4 * count / 64 words.
    void (*_Nonnull rotate)(float *_Nonnull vector, size_t count, const uint64_t *_Nonnull signs);
    /// Lists the buckets that have rows and whose mean is not further below a similarity than the terms' reach, in
    /// order; returns how many. NaN is within reach. Bucket i has starts[i + 1] - starts[i] rows.
    size_t (*_Nonnull reach)(
        const struct ck_expectation *_Nonnull terms, const float *_Nonnull products, const float *_Nonnull spreads,
        const float *_Nonnull errors, const uint32_t *_Nonnull starts, size_t count,
        const struct ck_reached_buckets *_Nonnull reached);
    /// The share of each bucket's rows that is above a similarity, if their products are normally distributed (right
    /// to about 1e-5, and 1 for NaN), and how many rows that is. A bucket that has been scanned has a negative size.
    void (*_Nonnull shares)(
        float similarity, const float *_Nonnull products, const float *_Nonnull variances,
        const float *_Nonnull sizes, size_t count, float *_Nonnull shares, struct ck_masses *_Nonnull masses);
};

/// Makes the sign code of one row: `rotated` and `centre` hold `count` (a multiple of 64) floats, `code` gets
/// count / 64 words, `factors` scale, offset and error, as Docs/IndexFormat.md defines them.
void ck_encode(
    const float *_Nonnull rotated, const float *_Nonnull centre, size_t count, uint64_t *_Nonnull code,
    float factors[_Nonnull 3]);

/// Prepares a rotated unit query for codes made around `centre`: fills 4 * count / 64 words of planes, and `query`.
///
/// A row's similarity exceeds its upper bound with the probability that a standard normal variable exceeds
/// `deviations`.
void ck_quantise(
    const float *_Nonnull rotated, const float *_Nonnull centre, size_t count, float deviations,
    uint64_t *_Nonnull planes, struct ck_code_query *_Nonnull query);

/// Asks for bytes that are soon going to be read to be brought into the cache.
static inline void ck_prefetch(const void *_Nonnull bytes, size_t count) {
    for (size_t i = 0; i < count; i += 64) __builtin_prefetch((const char *)bytes + i);
}

/// The kernels of a level, or NULL when this machine cannot run it.
const struct ck_index_kernels *_Nullable ck_index_kernels_for(enum ck_simd_level level);

/// The kernels in use.
const struct ck_index_kernels *_Nonnull ck_index_kernels_current(void);

/// CRC-32C of `count` bytes, continued from the CRC of the bytes before (0 at the start).
uint32_t ck_crc32c(uint32_t crc, const void *_Nullable bytes, size_t count);

/// The same by table look-up, the reference for the version with the CPU's own instruction.
uint32_t ck_crc32c_portable(uint32_t crc, const void *_Nullable bytes, size_t count);

#endif
