// The rotation, written so that the compiler vectorises it for whatever instruction set the including file targets.
#ifndef CK_INDEX_ROTATE_H
#define CK_INDEX_ROTATE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CK_INLINE static inline __attribute__((always_inline))

// Walsh-Hadamard transform of a power of two >= 64, unscaled.
CK_INLINE void ck_hadamard(float *x, size_t count) {
    // The three smallest strides as one radix-8 step on 8 neighbours.
    for (size_t i = 0; i < count; i += 8) {
        float *p = x + i;
        float a0 = p[0] + p[1], a1 = p[0] - p[1], a2 = p[2] + p[3], a3 = p[2] - p[3];
        float a4 = p[4] + p[5], a5 = p[4] - p[5], a6 = p[6] + p[7], a7 = p[6] - p[7];
        float b0 = a0 + a2, b2 = a0 - a2, b1 = a1 + a3, b3 = a1 - a3;
        float b4 = a4 + a6, b6 = a4 - a6, b5 = a5 + a7, b7 = a5 - a7;
        p[0] = b0 + b4, p[4] = b0 - b4, p[1] = b1 + b5, p[5] = b1 - b5;
        p[2] = b2 + b6, p[6] = b2 - b6, p[3] = b3 + b7, p[7] = b3 - b7;
    }
    for (size_t stride = 8; stride < count; stride *= 2) {
        for (size_t i = 0; i < count; i += 2 * stride) {
            float *restrict a = x + i;
            float *restrict b = x + i + stride;
            for (size_t j = 0; j < stride; j++) {
                float sum = a[j] + b[j], difference = a[j] - b[j];
                a[j] = sum;
                b[j] = difference;
            }
        }
    }
}

CK_INLINE void ck_rotate_body(float *x, size_t count, const uint64_t *signs) {
    size_t power = 64;
    while (power * 2 <= count) power *= 2;
    float scale = 1 / __builtin_sqrtf((float)power);
    float half = 0.70710678118654752f;
    for (int round = 0; round < 4; round++, signs += count / 64) {
        for (size_t word = 0; word < count / 64; word++) {
            uint64_t bits = signs[word];
            float *p = x + word * 64;
            for (int i = 0; i < 64; i++) {
                uint32_t value;
                memcpy(&value, p + i, 4);
                value ^= (uint32_t)(bits >> i & 1) << 31;
                memcpy(p + i, &value, 4);
            }
        }
        float *part = round % 2 == 0 ? x : x + (count - power);
        ck_hadamard(part, power);
        for (size_t i = 0; i < power; i++) part[i] *= scale;
        if (power < count) {
            float *restrict a = x;
            float *restrict b = x + count / 2;
            for (size_t i = 0; i < count / 2; i++) {
                float sum = a[i] + b[i], difference = a[i] - b[i];
                a[i] = sum * half;
                b[i] = difference * half;
            }
        }
    }
}

#endif
