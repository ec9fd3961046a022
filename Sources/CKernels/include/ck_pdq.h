// The blurred luma from which PDQ takes its samples, in the order of sums of its reference.
#ifndef CK_PDQ_H
#define CK_PDQ_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Floats of working memory for a picture of this size.
size_t ck_pdq_workspace(size_t width, size_t height);

// The luma of width x height pixels of three bytes, blurred `passes` times by running means along rows, then columns. Both
// sides are at least 5. `luma` has room for width * height floats.
void ck_pdq_luma(
    const uint8_t *rgb, size_t width, size_t height, int passes, float *workspace, float *luma);

#pragma clang assume_nonnull end
#endif
