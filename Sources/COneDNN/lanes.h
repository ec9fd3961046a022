// The functions of single floats that loops over them are vectorised from.
#ifndef CDNN_LANES_H
#define CDNN_LANES_H

#include "COneDNN.h"
#include "vectors.h"
#include <math.h>

// e^x to about 2 units in the last place (Cephes' expf: range reduction by ln 2, degree-5 polynomial).
CDNN_INLINE float exp_lane(float x) {
    x = x < -87.0f ? -87.0f : x;
    x = x > 88.0f ? 88.0f : x;
    float shifted = x * 1.44269504088896341f + 12582912.0f;
    float n = shifted - 12582912.0f;
    float r = x - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits;
    memcpy(&bits, &shifted, 4);
    // The low bits of `shifted` hold n; moved to the exponent field they multiply by 2^n.
    uint32_t scaled;
    memcpy(&scaled, &p, 4);
    scaled += (uint32_t)bits << 23;
    memcpy(&p, &scaled, 4);
    return p;
}

// erf to 1.5e-7 (Abramowitz and Stegun 7.1.26).
CDNN_INLINE float erf_lane(float x) {
    float a = fabsf(x);
    float t = 1.0f / (1.0f + 0.3275911f * a);
    float p = 1.061405429f;
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    float e = 1.0f - p * t * exp_lane(-a * a);
    return x < 0 ? -e : e;
}

CDNN_INLINE float relu_lane(float x) { return x > 0 ? x : 0; }
CDNN_INLINE float gelu_lane(float x) { return 0.5f * x * (1.0f + erf_lane(x * 0.70710678118654752f)); }
CDNN_INLINE float quick_gelu_lane(float x) { return x / (1.0f + exp_lane(-1.702f * x)); }
// The tanh in it is written as a sigmoid of twice its argument.
CDNN_INLINE float gelu_tanh_lane(float x) {
    return x / (1.0f + exp_lane(-1.59576912160573071f * (x + 0.044715f * x * x * x)));
}

#endif
