// Which instruction set the kernels use: chosen once, at the first call, from what the CPU offers.
#ifndef CK_SIMD_H
#define CK_SIMD_H

#include <stdbool.h>

enum ck_simd_level {
    ck_simd_portable = 0,
    ck_simd_avx2 = 1,    // AVX2, FMA, F16C
    ck_simd_avx512 = 2,  // AVX-512 F, BW, DQ, VL, VPOPCNTDQ
    ck_simd_neon = 3,    // AArch64
};

/// Whether this machine can run a level.
bool ck_simd_supports(enum ck_simd_level level);

/// The level that a value of IMGVEC_SIMD asks for; NULL or "" ask for the best. When the value is none of the names, or
/// the machine lacks the level, the answer is the portable level and `reason` is set to what is wrong, else to NULL.
enum ck_simd_level ck_simd_choice(const char *_Nullable wanted, const char *_Nullable *_Nonnull reason);

/// The level in use: the best the machine supports, or the one IMGVEC_SIMD names (portable, avx2, avx512, neon).
enum ck_simd_level ck_simd_current(void);

/// NULL, or what is wrong with IMGVEC_SIMD: an unknown name, or a level this machine lacks. While something is
/// wrong the portable level is in use; callers report the problem instead of computing.
const char *_Nullable ck_simd_problem(void);

/// The name of a level.
const char *_Nonnull ck_simd_name(enum ck_simd_level level);

#endif
