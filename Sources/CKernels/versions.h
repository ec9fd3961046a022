// Bodies in plain C that are compiled once for any processor and, for x86-64, once for AVX2 and once for AVX-512.
#ifndef CK_VERSIONS_H
#define CK_VERSIONS_H

#define CK_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__)
#include <stdbool.h>

#define CK_AVX2 __attribute__((target("avx2")))
#define CK_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"), min_vector_width(512)))

CK_BODY bool ck_has_avx2(void) { return __builtin_cpu_supports("avx2"); }

CK_BODY bool ck_has_avx512(void) {
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
        && __builtin_cpu_supports("avx512vl");
}
#endif

#endif
