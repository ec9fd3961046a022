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

// The sum of the sixteen lanes, always in the same order. A pointer, because the calling convention for wide
// vectors differs between the levels.
CDNN_INLINE float lane_sum(const f16x *v) {
    float sums[16];
    memcpy(sums, v, 64);
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++) sums[i] += sums[i + half];
    return sums[0];
}

#endif
