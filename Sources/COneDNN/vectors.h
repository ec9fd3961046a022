// Sixteen floats at a time, in the compiler's own vector notation; every target lowers it to what it has.
#ifndef CDNN_VECTORS_H
#define CDNN_VECTORS_H

#include <stdint.h>
#include <string.h>

// No wide vector crosses a call: what takes or gives one is always inlined.
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float f16x __attribute__((vector_size(64)));
typedef int32_t i16x __attribute__((vector_size(64)));
typedef uint32_t u16x __attribute__((vector_size(64)));

// One function body, compiled for three levels of x86-64; the loader picks by the machine. Elsewhere the
// baseline has what is needed.
#if defined(__x86_64__) && defined(__linux__)
#define CDNN_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define CDNN_CLONES
#endif
#define CDNN_INLINE static inline __attribute__((always_inline))

// Each lane's other half, quarter, pair and neighbour: what combines a vector with these, in turn, has combined all lanes in
// its first.
#define CDNN_HALVES(v) __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define CDNN_QUARTERS(v) __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define CDNN_PAIRS(v) __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define CDNN_NEIGHBOURS(v) __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)

// The sum of the sixteen lanes, always in the same order. A pointer, because the calling convention for wide
// vectors differs between the levels.
CDNN_INLINE float lane_sum(const f16x *v) {
    f16x sums = *v + CDNN_HALVES(*v);
    sums += CDNN_QUARTERS(sums);
    sums += CDNN_PAIRS(sums);
    sums += CDNN_NEIGHBOURS(sums);
    return sums[0];
}

#endif
