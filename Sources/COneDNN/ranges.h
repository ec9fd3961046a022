// The lowest and highest of some numbers, found in sixteen lanes beside other work.
#ifndef CDNN_RANGES_H
#define CDNN_RANGES_H

#include "lanes.h"
#include "tiles.h"

// The lowest and highest of some numbers and 0; `spoilt` is 0 while all of them are finite.
typedef struct range16 {
    f16x low, high, spoilt;
} range16;

// What is no number leaves them as they are: one instruction each, where the compiler's own minimum takes three.
CDNN_INLINE f16x lower16(f16x x, f16x y) { return pick16(y < x, y, x); }
CDNN_INLINE f16x higher16(f16x x, f16x y) { return pick16(y > x, y, x); }

CDNN_INLINE void reach(range16 *range, f16x v, int can_be_negative) {
    if (can_be_negative) range->low = lower16(range->low, v);
    range->high = higher16(range->high, v);
}

CDNN_INLINE void widen(range16 *range, f16x v, int can_be_negative) {
    reach(range, v, can_be_negative);
    range->spoilt += v * 0.0f;
}

CDNN_INLINE void merge(range16 *range, const range16 *other) {
    range->low = lower16(range->low, other->low);
    range->high = higher16(range->high, other->high);
    range->spoilt += other->spoilt;
}

// Not a number when one of the numbers was none or infinite.
CDNN_INLINE cdnn_bounds bounds_of(const range16 *range) {
    f16x low = lower16(range->low, CDNN_HALVES(range->low)), high = higher16(range->high, CDNN_HALVES(range->high));
    low = lower16(low, CDNN_QUARTERS(low));
    high = higher16(high, CDNN_QUARTERS(high));
    low = lower16(low, CDNN_PAIRS(low));
    high = higher16(high, CDNN_PAIRS(high));
    low = lower16(low, CDNN_NEIGHBOURS(low));
    high = higher16(high, CDNN_NEIGHBOURS(high));
    float spoilt = lane_sum(&range->spoilt);
    return (cdnn_bounds){(low[0] < 0 ? low[0] : 0) + spoilt, (high[0] > 0 ? high[0] : 0) + spoilt};
}

#endif
