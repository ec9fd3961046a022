#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_features.h"
#include "ck_hamming.h"
#include "ck_index.h"
#include "ck_join.h"
#include "ck_luma.h"
#include "ck_pdq.h"
#include "ck_resize.h"
#include "ck_simd.h"

#endif
