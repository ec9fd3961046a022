#ifndef CKERNELS_H
#define CKERNELS_H

#include "ck_simd.h"
#include "ck_index.h"

#endif
