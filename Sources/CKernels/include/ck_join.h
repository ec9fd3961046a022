// Meeting codes that have some of their bits in common.
#ifndef CK_JOIN_H
#define CK_JOIN_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// The key of each of `count` codes of some words: the bits at `key_bits` positions, 32 at most.
void ck_join_keys(
    const uint64_t *codes, size_t words, size_t count, const uint32_t *positions, uint32_t key_bits, uint32_t *keys);

// Copies the codes that `entries` names, one after the other.
void ck_gather_codes(const uint64_t *codes, size_t words, const uint32_t *entries, size_t count, uint64_t *gathered);

// Writes the places of the codes that differ from the query in at most `distance` bits, in ascending order, and returns
// how many there are. `places` has room for `count` and one more.
size_t ck_codes_within(
    const uint64_t *query, const uint64_t *codes, size_t words, size_t count, uint32_t distance, uint32_t *places);

// How many bits two codes differ in.
uint32_t ck_code_distance(const uint64_t *a, const uint64_t *b, size_t words);

#pragma clang assume_nonnull end
#endif
