#include "ck_hamming.h"

#include "versions.h"

CK_BODY uint32_t differing(const uint64_t *a, const uint64_t *b) {
    return (uint32_t)(__builtin_popcountll(a[0] ^ b[0]) + __builtin_popcountll(a[1] ^ b[1])
        + __builtin_popcountll(a[2] ^ b[2]) + __builtin_popcountll(a[3] ^ b[3]));
}

CK_BODY size_t within(const uint64_t *query, const uint64_t *rows, size_t count, uint32_t distance, uint32_t *places) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        // Written whether it counts or not: a branch would be guessed wrongly.
        places[found] = (uint32_t)i;
        found += differing(query, rows + 4 * i) <= distance;
    }
    return found;
}

ck_key_masks ck_descriptor_key_masks(uint32_t key_bits) {
    ck_key_masks masks = {0};
    for (uint32_t table = 0; table < CK_DESCRIPTOR_TABLES; table++) {
        for (uint32_t k = 0; k < key_bits; k++) {
            const uint32_t cell = k < 16 ? k : (5 * k + 3) & 15;
            const uint32_t bit = 8 * cell + ((k < 16 ? table + 3 * k : table + 5 * k + 4) & 7);
            masks.words[table][(k < 16 ? 0 : 2) + bit / 64] |= (uint64_t)1 << (bit & 63);
        }
    }
    return masks;
}

static void keys_portable(const uint64_t *descriptors, size_t count, const uint64_t mask[4], uint32_t *keys) {
    for (size_t i = 0; i < count; i++) {
        uint64_t key = 0;
        for (size_t word = 0; word < 4; word++) {
            for (uint64_t rest = mask[word]; rest != 0; rest &= rest - 1) {
                key = key << 1 | (descriptors[4 * i + word] >> __builtin_ctzll(rest) & 1);
            }
        }
        keys[i] = (uint32_t)key;
    }
}

#if defined(__x86_64__)
__attribute__((noinline, target("bmi2,popcnt"))) static void keys_bmi2(
    const uint64_t *descriptors, size_t count, const uint64_t mask[4], uint32_t *keys) {
    for (size_t i = 0; i < count; i++) {
        uint64_t key = 0;
        for (size_t word = 0; word < 4; word++) {
            key = key << __builtin_popcountll(mask[word]) | __builtin_ia32_pext_di(descriptors[4 * i + word], mask[word]);
        }
        keys[i] = (uint32_t)key;
    }
}
#endif

void ck_descriptor_keys(
    const uint64_t *descriptors, size_t count, const ck_key_masks *masks, size_t table, uint32_t *keys) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")) {
        keys_bmi2(descriptors, count, masks->words[table], keys);
        return;
    }
#endif
    keys_portable(descriptors, count, masks->words[table], keys);
}

// Every look-up waits for memory three times: for where its bucket begins, for the bucket, and for the descriptors it
// names. So all look-ups of some descriptors go through these steps together, each step asking for what the next one reads.
CK_BODY size_t meet(
    const ck_descriptor_tables *tables, const uint64_t *asked, size_t count, uint32_t end, uint32_t distance,
    ck_meeting *meetings) {
    const size_t table = ((size_t)1 << tables->key_bits) + 1;
    const uint32_t *starts[CK_DESCRIPTOR_ASKED][CK_DESCRIPTOR_TABLES];
    uint32_t first[CK_DESCRIPTOR_ASKED][CK_DESCRIPTOR_TABLES], size[CK_DESCRIPTOR_ASKED][CK_DESCRIPTOR_TABLES];
    for (size_t t = 0; t < CK_DESCRIPTOR_TABLES; t++) {
        uint32_t keys[CK_DESCRIPTOR_ASKED];
        ck_descriptor_keys(asked, count, &tables->masks, t, keys);
        for (size_t i = 0; i < count; i++) {
            starts[i][t] = tables->starts + t * table + keys[i];
            __builtin_prefetch(starts[i][t]);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < CK_DESCRIPTOR_TABLES; t++) {
            first[i][t] = starts[i][t][0];
            size[i][t] = starts[i][t][1] - first[i][t];
            if (size[i][t] > CK_DESCRIPTOR_BUCKET) size[i][t] = 0;
            const uint32_t *entries = tables->entries + t * tables->count + first[i][t];
            for (uint32_t k = 0; k < size[i][t]; k += 16) __builtin_prefetch(entries + k);
        }
    }
    size_t candidates = 0, met = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < CK_DESCRIPTOR_TABLES; t++) {
            const uint32_t *entries = tables->entries + t * tables->count + first[i][t];
            for (uint32_t k = 0; k < size[i][t] && entries[k] < end; k++) {
                __builtin_prefetch(tables->descriptors + 4 * (size_t)entries[k]);
                meetings[candidates++] = (ck_meeting){(uint32_t)i, entries[k]};
            }
        }
    }
    for (size_t k = 0; k < candidates; k++) {
        const ck_meeting candidate = meetings[k];
        meetings[met] = candidate;
        met += differing(asked + 4 * (size_t)candidate.asked, tables->descriptors + 4 * (size_t)candidate.entry)
            <= distance;
    }
    return met;
}

#if defined(__x86_64__)
__attribute__((noinline, target("popcnt"))) static size_t within_popcnt(
    const uint64_t *query, const uint64_t *rows, size_t count, uint32_t distance, uint32_t *places) {
    return within(query, rows, count, distance, places);
}

__attribute__((noinline, target("popcnt"))) static size_t meet_popcnt(
    const ck_descriptor_tables *tables, const uint64_t *asked, size_t count, uint32_t end, uint32_t distance,
    ck_meeting *meetings) {
    return meet(tables, asked, count, end, distance, meetings);
}
#endif

size_t ck_hamming_within(
    const uint64_t query[4], const uint64_t *rows, size_t count, uint32_t distance, uint32_t *places) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return within_popcnt(query, rows, count, distance, places);
#endif
    return within(query, rows, count, distance, places);
}

size_t ck_meet_descriptors(
    const ck_descriptor_tables *tables, const uint64_t *asked, size_t count, uint32_t end, uint32_t distance,
    ck_meeting *meetings) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt")) return meet_popcnt(tables, asked, count, end, distance, meetings);
#endif
    return meet(tables, asked, count, end, distance, meetings);
}
