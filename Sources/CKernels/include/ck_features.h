// Local features of a grey picture: corners with an orientation, and 256-bit descriptors of the patches around them.
#ifndef CK_FEATURES_H
#define CK_FEATURES_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// A corner of one level of a picture's pyramid. Positions are in pixels of that level, centres at whole numbers.
typedef struct ck_feature {
    float x, y;
    // Radians from right towards down.
    float angle;
    float strength;
    // Bit 8 * (4 * i + j) + k of words 0 and 1: the histogram of gradients of cell i along the orientation and j across
    // has more than the median in direction k; words 2 and 3: more than the upper quartile.
    uint64_t bits[4];
} ck_feature;

// Smallest side of a level in which features are looked for.
enum { CK_FEATURE_SMALLEST_SIDE = 24 };

// Floats of working memory that a level of this size needs.
size_t ck_feature_workspace(size_t width, size_t height);

// Finds the `wanted` strongest corners of a level, spread over the picture, strongest first; returns how many.
//
// `features` has room for `wanted`. A corner with two strong orientations counts twice.
size_t ck_find_features(
    const uint8_t *grey, size_t width, size_t height, size_t wanted, float *workspace, ck_feature *features);

// The descriptor that the mirrored patch has.
void ck_mirror_descriptor(const uint64_t bits[_Nonnull 4], uint64_t mirrored[_Nonnull 4]);

// A descriptor of one list and the nearest to it in another.
typedef struct ck_nearest {
    uint32_t place;
    // Bits that differ.
    uint32_t distance;
} ck_nearest;

// For each of `count` descriptors of 4 words the nearest of `other_count` others, and the other way round. Of equally
// near ones the first counts. Both counts are at least 1.
void ck_match_descriptors(
    const uint64_t *descriptors, size_t count, const uint64_t *others, size_t other_count, ck_nearest *nearest,
    ck_nearest *other_nearest);

#pragma clang assume_nonnull end
#endif
