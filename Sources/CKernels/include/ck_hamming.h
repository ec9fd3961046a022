// Comparing 256-bit hashes and descriptors by the bits in which they differ.
#ifndef CK_HAMMING_H
#define CK_HAMMING_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// Writes the places of the rows, of 4 words each, that differ from the query in at most `distance` bits, in ascending
// order, and returns how many there are. `places` has room for `count`.
size_t ck_hamming_within(
    const uint64_t query[_Nonnull 4], const uint64_t *rows, size_t count, uint32_t distance, uint32_t *places);

enum { CK_DESCRIPTOR_TABLES = 8, CK_DESCRIPTOR_ASKED = 8, CK_DESCRIPTOR_BUCKET = 64 };

// Which bits of a descriptor make its key in each table.
typedef struct ck_key_masks {
    uint64_t words[CK_DESCRIPTOR_TABLES][4];
} ck_key_masks;

// Masks of `key_bits` bits, 32 at most: one of every cell of the descriptor's patch, in directions that go round; with more
// than 16, bits of the upper quartile too.
ck_key_masks ck_descriptor_key_masks(uint32_t key_bits);

// The keys of `count` descriptors in one table.
void ck_descriptor_keys(
    const uint64_t *descriptors, size_t count, const ck_key_masks *masks, size_t table, uint32_t *keys);

// Descriptors by some of their bits. Each of eight tables holds the numbers of all descriptors, sorted by their keys: those
// with key k stand, in ascending order, from starts[k] up to starts[k + 1] of its entries.
typedef struct ck_descriptor_tables {
    // The starts of one table after the other, (1 << key_bits) + 1 each, and their entries, `count` each.
    const uint32_t *starts, *entries;
    // 4 words each.
    const uint64_t *descriptors;
    size_t count;
    uint32_t key_bits;
    ck_key_masks masks;
} ck_descriptor_tables;

// An indexed descriptor that was met under a key of one that is asked for.
typedef struct ck_meeting {
    // Its position among the asked ones.
    uint32_t asked;
    uint32_t entry;
} ck_meeting;

// Meets the descriptors numbered below `end` that differ in at most `distance` bits from one of the asked ones, of which
// there are CK_DESCRIPTOR_ASKED at most; buckets of more than CK_DESCRIPTOR_BUCKET are passed over. A descriptor is met
// once for each table that brings it. In ascending order of `asked`; `meetings` has room for
// CK_DESCRIPTOR_ASKED * CK_DESCRIPTOR_TABLES * CK_DESCRIPTOR_BUCKET. Returns how many there are.
size_t ck_meet_descriptors(
    const ck_descriptor_tables *tables, const uint64_t *asked, size_t count, uint32_t end, uint32_t distance,
    ck_meeting *meetings);

#pragma clang assume_nonnull end
#endif
