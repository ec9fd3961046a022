// Finds out what the CPU offers, once, and hands out the kernels that fit.
#include "ck_simd.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "index_tables.h"

static const char *const names[] = {"portable", "avx2", "avx512", "neon"};

bool ck_simd_supports(enum ck_simd_level level) {
    switch (level) {
    case ck_simd_portable:
        return true;
#if defined(__x86_64__)
    case ck_simd_avx2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case ck_simd_avx512:
        return ck_simd_supports(ck_simd_avx2) && __builtin_cpu_supports("avx512f")
            && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq");
#elif defined(__aarch64__)
    case ck_simd_neon:
        return true;
#endif
    default:
        return false;
    }
}

const char *ck_simd_name(enum ck_simd_level level) { return level <= ck_simd_neon ? names[level] : "unknown"; }

static enum ck_simd_level best(void) {
    if (ck_simd_supports(ck_simd_avx512)) return ck_simd_avx512;
    if (ck_simd_supports(ck_simd_avx2)) return ck_simd_avx2;
    if (ck_simd_supports(ck_simd_neon)) return ck_simd_neon;
    return ck_simd_portable;
}

enum ck_simd_level ck_simd_choice(const char *wanted, const char **reason) {
    *reason = NULL;
    if (wanted == NULL || *wanted == 0) return best();
    for (int level = 0; level <= ck_simd_neon; level++) {
        if (strcmp(wanted, names[level]) != 0) continue;
        if (ck_simd_supports((enum ck_simd_level)level)) return (enum ck_simd_level)level;
        *reason = "asks for instructions this machine does not have";
        return ck_simd_portable;
    }
    *reason = "is none of portable, avx2, avx512, neon";
    return ck_simd_portable;
}

// -1 = not chosen yet. Two threads that choose at the same time choose the same.
static _Atomic int chosen = -1;
static char problem[160];
static _Atomic int problem_state = 0;  // 0 = none, 1 = being written, 2 = readable

static enum ck_simd_level choose(void) {
    const char *wanted = getenv("IMGVEC_SIMD"), *reason;
    enum ck_simd_level level = ck_simd_choice(wanted, &reason);
    int none = 0;
    if (reason != NULL && atomic_compare_exchange_strong(&problem_state, &none, 1)) {
        snprintf(problem, sizeof problem, "IMGVEC_SIMD=%.40s %s", wanted, reason);
        atomic_store(&problem_state, 2);
    }
    // Another thread may be writing the same message.
    while (reason != NULL && atomic_load(&problem_state) != 2) {}
    return level;
}

enum ck_simd_level ck_simd_current(void) {
    int level = atomic_load_explicit(&chosen, memory_order_acquire);
    if (level < 0) {
        level = choose();
        atomic_store_explicit(&chosen, level, memory_order_release);
    }
    return (enum ck_simd_level)level;
}

const char *ck_simd_problem(void) {
    ck_simd_current();
    return atomic_load(&problem_state) == 2 ? problem : NULL;
}

const struct ck_index_kernels *ck_index_kernels_for(enum ck_simd_level level) {
    if (!ck_simd_supports(level)) return NULL;
    switch (level) {
#if defined(__x86_64__)
    case ck_simd_avx2:
        return &ck_index_avx2;
    case ck_simd_avx512:
        return &ck_index_avx512;
#elif defined(__aarch64__)
    case ck_simd_neon:
        return &ck_index_neon;
#endif
    default:
        return &ck_index_portable;
    }
}

const struct ck_index_kernels *ck_index_kernels_current(void) {
    const struct ck_index_kernels *kernels = ck_index_kernels_for(ck_simd_current());
    return kernels != NULL ? kernels : &ck_index_portable;
}
