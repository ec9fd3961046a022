// The functions that layers end with, on sixteen floats at a time. What is no number stays none.
#ifndef CDNN_LANES_H
#define CDNN_LANES_H

#include "COneDNN.h"
#include "vectors.h"
#include <math.h>

CDNN_INLINE f16x pick16(i16x mask, f16x yes, f16x no) {
    return (f16x)((mask & (i16x)yes) | (~mask & (i16x)no));
}
CDNN_INLINE f16x at_least16(f16x x, float low) { return pick16(x < low, low - (f16x){0}, x); }
CDNN_INLINE f16x at_most16(f16x x, float high) { return pick16(x > high, high - (f16x){0}, x); }

// e^x to about 2 units in the last place (Cephes' expf: range reduction by ln 2, degree-5 polynomial).
CDNN_INLINE f16x exp16(f16x x) {
    x = at_most16(at_least16(x, -87.0f), 88.0f);
    f16x shifted = x * 1.44269504088896341f + 12582912.0f;
    f16x n = shifted - 12582912.0f;
    f16x r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    f16x p = 1.9875691500e-4f * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r) * r + (r + 1.0f);
    // The low bits of `shifted` hold n; moved to the exponent field they multiply by 2^n.
    return (f16x)((u16x)p + ((u16x)shifted << 23));
}

// 1 / x for x from 1 to 2^120 to about one unit in the last place: a guess from the bits, then Newton's method, each
// step of which doubles the digits. Half the time of a division.
CDNN_INLINE f16x reciprocal16(f16x x) {
    f16x r = (f16x)(0x7ef311c7u - (u16x)x);
    r = r * (2.0f - x * r);
    r = r * (2.0f - x * r);
    r = r * (2.0f - x * r);
    return r;
}

CDNN_INLINE f16x absolute16(f16x x) { return (f16x)((u16x)x & 0x7fffffffu); }

// erf to 1.5e-7 (Abramowitz and Stegun 7.1.26).
CDNN_INLINE f16x erf16(f16x x) {
    // It is 1 to the last bit long before 9.
    f16x a = at_most16(absolute16(x), 9.0f);
    f16x t = reciprocal16(1.0f + 0.3275911f * a);
    f16x p = 1.061405429f * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    f16x e = 1.0f - p * t * exp16(-a * a);
    return (f16x)((u16x)e | ((u16x)x & 0x80000000u));
}

// 2^x to about 2 units in the last place for x from -120 to 120 (minimax polynomial of degree 5 behind the point).
CDNN_INLINE f16x exp2_16(f16x x) {
    f16x shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);
    f16x p = 1.327647129e-3f * r + 9.675541893e-3f;
    p = p * r + 5.550713092e-2f;
    p = p * r + 2.402212024e-1f;
    p = p * r + 6.931469440e-1f;
    p = p * r + 1.000000119f;
    // As in exp16.
    return (f16x)((u16x)p + ((u16x)shifted << 23));
}

// x / (1 + e^-k), for what GELUs make of x.
CDNN_INLINE f16x times_sigmoid16(f16x x, f16x k) {
    f16x exponent = at_least16(at_most16(k * -1.44269504088896341f, 116.0f), -120.0f);
    return x * reciprocal16(1.0f + exp2_16(exponent));
}

CDNN_INLINE f16x relu16(f16x x) { return at_least16(x, 0.0f); }
CDNN_INLINE f16x gelu16(f16x x) { return 0.5f * x * (1.0f + erf16(x * 0.70710678118654752f)); }
CDNN_INLINE f16x quick_gelu16(f16x x) { return times_sigmoid16(x, 1.702f * x); }
// The tanh in it is written as a sigmoid of twice its argument.
CDNN_INLINE f16x gelu_tanh16(f16x x) {
    return times_sigmoid16(x, 1.59576912160573071f * (x + 0.044715f * x * x * x));
}

CDNN_INLINE f16x activated16(f16x x, cdnn_activation activation) {
    switch (activation) {
    case CDNN_IDENTITY: return x;
    case CDNN_RELU: return relu16(x);
    case CDNN_GELU: return gelu16(x);
    case CDNN_QUICK_GELU: return quick_gelu16(x);
    case CDNN_GELU_TANH: return gelu_tanh16(x);
    }
    return x;
}

CDNN_INLINE f16x load16(const float *x) {
    f16x v;
    memcpy(&v, x, 64);
    return v;
}

// The first `count` of sixteen numbers, and zeros behind them.
CDNN_INLINE f16x load_some16(const float *x, long count) {
    f16x v = {0};
    memcpy(&v, x, (size_t)count * sizeof(float));
    return v;
}

#endif
