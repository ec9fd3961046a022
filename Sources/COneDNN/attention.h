// What the two ways of attention on AVX-512 (attention.c, bfloat_attention.c) share.
#ifndef CDNN_ATTENTION_H
#define CDNN_ATTENTION_H

#include "COneDNN.h"
#include "lanes.h"
#include "tiles.h"

/// Two neighbours, rounded to bfloat16: the upper halves of floats, the first of them in the lower bits.
typedef uint32_t cdnn_pair;

/// Heads of a multiple of so many numbers are taken as pairs.
enum { CDNN_PAIRED_HEAD = 2 * CDNN_LANES };

/// 1 where the processor multiplies them (AVX-512 BF16).
int cdnn_pairs_are_fast(void);
/// The memory that cdnn_attend takes for sequences of up to so many tokens.
size_t cdnn_attend_size(long tokens, long size);
/// out [tokens, heads * size] of one sequence, as cdnn_attention, where qkv is [tokens, 3 * heads * size / 2] = q | k | v.
/// Fifteen rows behind it may be read.
void cdnn_attend(
    long tokens, long heads, long size, int causal, const cdnn_pair *qkv, float *out, void *memory);

static inline long whole_vectors(long count) { return (count + CDNN_LANES - 1) / CDNN_LANES * CDNN_LANES; }

// Sixteen rows of sixteen 32-bit numbers, `stride` apart, as columns, `width` apart. Pairs of rows exchange numbers that are
// 1, 2, 4 and 8 places apart.
CDNN_INLINE void turn16(const float *x, long stride, float *y, long width) {
    f16x rows[16], turned[16];
    for (int i = 0; i < 16; i++) rows[i] = load16(x + i * stride);
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i += 2) {
        f16x a = rows[i], b = rows[i + 1];
        turned[i] = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
        turned[i + 1] = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
        if (i & 2) continue;
        f16x a = turned[i], b = turned[i + 2];
        rows[i] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
        rows[i + 2] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 16; i++) {
        if (i & 4) continue;
        f16x a = rows[i], b = rows[i + 4];
        turned[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
        turned[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < 8; i++) {
        f16x a = turned[i], b = turned[i + 8];
        rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
        rows[i + 8] = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    }
    for (int i = 0; i < 16; i++) memcpy(y + i * width, &rows[i], 64);
}

#endif
