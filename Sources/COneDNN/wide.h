// The functions that layers end with, as in lanes.h, in AVX-512's own instructions: these have minima, rounding and a first
// guess at a reciprocal in one step each. What is no number stays none.
#ifndef CDNN_WIDE_H
#define CDNN_WIDE_H

#include "COneDNN.h"
#include "vectors.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define CDNN_WIDE __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq"))) CDNN_INLINE

// They go into results that are made of bytes, or become bytes, of whose steps 1e-4 is a fortieth.

// 2^x to 7.5e-5 of it (minimax polynomial of degree 3).
CDNN_WIDE __m512 wide_exp2(__m512 x) {
    __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT), r = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_fmadd_ps(r, _mm512_set1_ps(0.05517132f), _mm512_set1_ps(0.24261055f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.69326099f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.99992811f));
    return _mm512_scalef_ps(p, whole);
}

// x / (1 + 2^k); where the power is infinite, that is 0.
CDNN_WIDE __m512 wide_times_sigmoid(__m512 x, __m512 k) {
    return _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(wide_exp2(k), _mm512_set1_ps(1))));
}

// erf (Abramowitz and Stegun 7.1.26); it is 1 to the last bit long before 9. Of two numbers of which one is none, the
// minimum is the second.
CDNN_WIDE __m512 wide_erf(__m512 x) {
    __m512 one = _mm512_set1_ps(1), sign = _mm512_set1_ps(-0.0f);
    __m512 a = _mm512_min_ps(_mm512_set1_ps(9), _mm512_andnot_ps(sign, x));
    __m512 t = _mm512_rcp14_ps(_mm512_fmadd_ps(a, _mm512_set1_ps(0.3275911f), one));
    __m512 p = _mm512_fmsub_ps(t, _mm512_set1_ps(1.061405429f), _mm512_set1_ps(1.453152027f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
    p = _mm512_fmsub_ps(p, t, _mm512_set1_ps(0.284496736f));
    p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
    __m512 power = wide_exp2(_mm512_mul_ps(_mm512_mul_ps(a, a), _mm512_set1_ps(-1.44269504088896341f)));
    __m512 e = _mm512_fnmadd_ps(_mm512_mul_ps(p, t), power, one);
    return _mm512_or_ps(e, _mm512_and_ps(sign, x));
}

CDNN_WIDE __m512 wide_activated(__m512 x, cdnn_activation activation) {
    switch (activation) {
    case CDNN_IDENTITY: break;
    case CDNN_RELU: return _mm512_max_ps(_mm512_setzero_ps(), x);
    case CDNN_GELU: {
        __m512 half = _mm512_mul_ps(x, _mm512_set1_ps(0.5f));
        return _mm512_fmadd_ps(half, wide_erf(_mm512_mul_ps(x, _mm512_set1_ps(0.70710678118654752f))), half);
    }
    // Both factors are those of lanes.h, times the logarithm of e to the base of 2, and negative.
    case CDNN_QUICK_GELU: return wide_times_sigmoid(x, _mm512_mul_ps(x, _mm512_set1_ps(-2.45546696f)));
    case CDNN_GELU_TANH: {
        __m512 k = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(-0.102943240f), _mm512_set1_ps(-2.30220820f));
        return wide_times_sigmoid(x, _mm512_mul_ps(k, x));
    }
    }
    return x;
}

#endif
#endif
