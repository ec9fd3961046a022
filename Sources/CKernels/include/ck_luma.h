// Brightness of 8-bit colours.
#ifndef CK_LUMA_H
#define CK_LUMA_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// ITU-R BT.601 luma of `count` pixels of three bytes, in 16-bit fixed point, as Pillow's convert("L") (src/libImaging/Convert.c).
void ck_luma(const uint8_t *rgb, size_t count, uint8_t *luma);

#pragma clang assume_nonnull end
#endif
