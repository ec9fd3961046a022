#include "ck_join.h"

#include <string.h>

#include "versions.h"

void ck_join_keys(
    const uint64_t *codes, size_t words, size_t count, const uint32_t *positions, uint32_t key_bits, uint32_t *keys) {
    for (size_t i = 0; i < count; i++) {
        const uint64_t *code = codes + words * i;
        uint32_t key = 0;
        for (uint32_t k = 0; k < key_bits; k++) {
            key |= (uint32_t)(code[positions[k] / 64] >> (positions[k] & 63) & 1) << k;
        }
        keys[i] = key;
    }
}

void ck_gather_codes(const uint64_t *codes, size_t words, const uint32_t *entries, size_t count, uint64_t *gathered) {
    // Each code is somewhere else in memory: the next ones are asked for while one is copied.
    enum { AHEAD = 16 };
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            const char *next = (const char *)(codes + words * entries[i + AHEAD]);
            for (size_t line = 0; line < words * sizeof(uint64_t); line += 64) __builtin_prefetch(next + line);
        }
        memcpy(gathered + words * i, codes + words * entries[i], words * sizeof(uint64_t));
    }
}

CK_BODY uint32_t differing(const uint64_t *a, const uint64_t *b, size_t words) {
    uint32_t sum = 0;
    for (size_t w = 0; w < words; w++) sum += (uint32_t)__builtin_popcountll(a[w] ^ b[w]);
    return sum;
}

CK_BODY size_t within(
    const uint64_t *query, const uint64_t *codes, size_t words, size_t count, uint32_t distance, uint32_t *places) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        // Written whether it counts or not: a branch would be guessed wrongly.
        places[found] = (uint32_t)i;
        found += differing(query, codes + words * i, words) <= distance;
    }
    return found;
}

#if defined(__x86_64__)
__attribute__((noinline, target("popcnt"))) static size_t within_popcnt(
    const uint64_t *query, const uint64_t *codes, size_t words, size_t count, uint32_t distance, uint32_t *places) {
    // The usual length, so that its loop is unrolled.
    return words == 8 ? within(query, codes, 8, count, distance, places)
                      : within(query, codes, words, count, distance, places);
}
#endif

size_t ck_codes_within(
    const uint64_t *query, const uint64_t *codes, size_t words, size_t count, uint32_t distance, uint32_t *places) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return within_popcnt(query, codes, words, count, distance, places);
#endif
    return within(query, codes, words, count, distance, places);
}

uint32_t ck_code_distance(const uint64_t *a, const uint64_t *b, size_t words) { return differing(a, b, words); }
