// The tables of kernels, one per instruction set; each exists only where its instruction set does.
#ifndef CK_INDEX_TABLES_H
#define CK_INDEX_TABLES_H

#include "ck_index.h"

extern const struct ck_index_kernels ck_index_portable;
#if defined(__x86_64__)
extern const struct ck_index_kernels ck_index_avx2;
extern const struct ck_index_kernels ck_index_avx512;
#elif defined(__aarch64__)
extern const struct ck_index_kernels ck_index_neon;
#endif

#endif
