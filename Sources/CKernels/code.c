// Sign codes of rows and 4-bit queries against them, after RaBitQ (Gao and Long, SIGMOD 2024).
#include <math.h>
#include <string.h>

#include "ck_index.h"

// Sums are kept in 16 lanes: quick, and more exact than one running sum.
static float total(const float lanes[16]) {
    double sum = 0;
    for (int i = 0; i < 16; i++) sum += (double)lanes[i];
    return (float)sum;
}

void ck_encode(const float *rotated, const float *centre, size_t count, uint64_t *code, float factors[3]) {
    float squares[16] = {0}, magnitudes[16] = {0}, products[16] = {0};
    for (size_t word = 0; word < count / 64; word++) {
        uint64_t bits = 0;
        for (size_t i = 0; i < 64; i++) {
            float difference = rotated[word * 64 + i] - centre[word * 64 + i];
            uint32_t pattern;
            memcpy(&pattern, &difference, 4);
            bits |= (uint64_t)(~pattern >> 31) << i;
        }
        code[word] = bits;
        for (size_t i = 0; i < 64; i += 16) {
            for (size_t j = 0; j < 16; j++) {
                float c = centre[word * 64 + i + j], difference = rotated[word * 64 + i + j] - c;
                squares[j] += difference * difference;
                magnitudes[j] += fabsf(difference);
                products[j] += difference * c;
            }
        }
    }
    float square = total(squares), magnitude = total(magnitudes);
    factors[0] = factors[1] = factors[2] = 0;
    if (!(magnitude > 0)) return;
    factors[0] = square / magnitude;
    factors[1] = total(products);
    // Rounding can make the ratio a hair less than one when all magnitudes are equal.
    float ratio = square * (float)count / (magnitude * magnitude) - 1;
    factors[2] = ratio > 0 ? sqrtf(ratio / (float)(count - 1) * square) : 0;
}

void ck_quantise(
    const float *rotated, const float *centre, size_t count, float deviations, uint64_t *planes,
    struct ck_code_query *query
) {
    size_t words = count / 64;
    float squares[16] = {0}, products[16] = {0}, largest[16] = {0};
    for (size_t i = 0; i < count; i += 16) {
        for (size_t j = 0; j < 16; j++) {
            float z = rotated[i + j] - centre[i + j];
            squares[j] += z * z;
            products[j] += rotated[i + j] * centre[i + j];
            largest[j] = fabsf(z) > largest[j] ? fabsf(z) : largest[j];
        }
    }
    float square = total(squares), limit = 0;
    for (int j = 0; j < 16; j++) limit = largest[j] > limit ? largest[j] : limit;
    // The best range of a uniform 4-bit quantiser for normally distributed values is 2.7 standard deviations.
    float usual = 2.7f * sqrtf(square / (float)count);
    if (limit > usual) limit = usual;

    *query = (struct ck_code_query){planes, words, 0, total(products), 0, 0};
    memset(planes, 0, 4 * words * sizeof *planes);
    if (!(limit > 0)) return;
    float inverse = 7.5f / limit;
    float along[16] = {0};
    uint32_t lengths[16] = {0};
    for (size_t word = 0; word < words; word++) {
        uint8_t values[64];
        for (size_t i = 0; i < 64; i += 16) {
            for (size_t j = 0; j < 16; j++) {
                float z = rotated[word * 64 + i + j] - centre[word * 64 + i + j];
                float t = z * inverse + 8;
                t = t < 0 ? 0 : t > 15.5f ? 15.5f : t;
                int value = (int)t, odd = 2 * value - 15;
                values[i + j] = (uint8_t)value;
                along[j] += z * (float)odd;
                lengths[j] += (uint32_t)(odd * odd);
            }
        }
        uint64_t p0 = 0, p1 = 0, p2 = 0, p3 = 0;
        for (size_t i = 0; i < 64; i++) {
            uint64_t value = values[i];
            p0 |= (value & 1) << i;
            p1 |= (value >> 1 & 1) << i;
            p2 |= (value >> 2 & 1) << i;
            p3 |= (value >> 3 & 1) << i;
        }
        planes[word] = p0;
        planes[words + word] = p1;
        planes[2 * words + word] = p2;
        planes[3 * words + word] = p3;
    }
    uint64_t length = 0;
    for (int j = 0; j < 16; j++) length += lengths[j];
    // The step that keeps the component along z exact; what is left over is noise at right angles to z.
    float step = square / total(along);
    float noise = step * step * (float)length - square;
    if (!(noise > 0)) noise = 0;
    query->step = step;
    // Noise of the query meets all of a row's code, noise of the row only what the code lost: 1 - 2/pi of it.
    query->noise = sqrtf(square + noise / 0.36338f);
    query->margin = deviations * query->noise;
}
