// Corners by the structure tensor (Noble's measure, a smooth form of Harris and Stephens 1988), orientations and
// histograms of gradients as in SIFT (Lowe, IJCV 2004), made binary by their median and upper quartile as in "Binary
// SIFT" (Zhou, Li, Wang, Lu, Tian, ICIMCS 2012).
#include "ck_features.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "versions.h"

enum {
    PEAK_RADIUS = 3,        // a corner is the strongest within this distance
    BORDER = 8,             // corners nearer to the border see too little
    TILE = 24,              // corners are spread over tiles of this side
    REGIONS = 4,            // along the longer side, which have corners each
    ORIENTATION_RADIUS = 8,
    ORIENTATION_BINS = 36,
    CELLS = 4,              // of a patch, along and across
    DIRECTIONS = 8,
    SAMPLES = 16,           // of a patch, along and across
    VALUES = CELLS * CELLS * DIRECTIONS,
    PLANES = 6,
};

static const float sample_step = 1.25f;
static const float cells_per_sample = (float)CELLS / (float)SAMPLES;
static const float second_orientation = 0.85f;

size_t ck_feature_workspace(size_t width, size_t height) { return PLANES * width * height; }

// The binomial 1 4 6 4 1, across then down, borders repeated.
CK_BODY void blur(const float *in, ptrdiff_t width, ptrdiff_t height, float *between, float *out) {
    for (ptrdiff_t y = 0; y < height; y++) {
        const float *row = in + y * width;
        float *to = between + y * width;
        for (ptrdiff_t x = 0; x < width; x++) {
            if (x == 2 && width > 4) {
                for (; x < width - 2; x++) {
                    to[x] = (row[x - 2] + row[x + 2] + 4 * (row[x - 1] + row[x + 1]) + 6 * row[x]) * (1.0f / 16);
                }
            }
            const ptrdiff_t a = x < 2 ? 0 : x - 2, b = x < 1 ? 0 : x - 1;
            const ptrdiff_t c = x + 1 < width ? x + 1 : width - 1, d = x + 2 < width ? x + 2 : width - 1;
            to[x] = (row[a] + row[d] + 4 * (row[b] + row[c]) + 6 * row[x]) * (1.0f / 16);
        }
    }
    for (ptrdiff_t y = 0; y < height; y++) {
        const float *a = between + (y < 2 ? 0 : y - 2) * width, *b = between + (y < 1 ? 0 : y - 1) * width;
        const float *c = between + y * width;
        const float *d = between + (y + 1 < height ? y + 1 : height - 1) * width;
        const float *e = between + (y + 2 < height ? y + 2 : height - 1) * width;
        float *to = out + y * width;
        for (ptrdiff_t x = 0; x < width; x++) {
            to[x] = (a[x] + e[x] + 4 * (b[x] + d[x]) + 6 * c[x]) * (1.0f / 16);
        }
    }
}

// Half differences of neighbours; 0 at the border.
CK_BODY void gradients(const float *in, ptrdiff_t width, ptrdiff_t height, float *across, float *down) {
    memset(across, 0, (size_t)(width * height) * sizeof(float));
    memset(down, 0, (size_t)(width * height) * sizeof(float));
    for (ptrdiff_t y = 1; y < height - 1; y++) {
        const float *row = in + y * width;
        float *dx = across + y * width, *dy = down + y * width;
        for (ptrdiff_t x = 1; x < width - 1; x++) {
            dx[x] = 0.5f * (row[x + 1] - row[x - 1]);
            dy[x] = 0.5f * (row[x + width] - row[x - width]);
        }
    }
}

// The angle of a vector in turns, 0 up to 1, to within 1/10000 of a turn.
CK_BODY float turns(float y, float x) {
    const float ax = fabsf(x), ay = fabsf(y);
    const float low = ax < ay ? ax : ay, high = ax < ay ? ay : ax;
    const float ratio = low / (high > 0 ? high : 1);
    const float square = ratio * ratio;
    float angle = ratio * (0.15915494f * (0.9998660f + square * (-0.3302995f + square * (0.1801410f
        + square * (-0.0851330f + square * 0.0208351f)))));
    angle = ay > ax ? 0.25f - angle : angle;
    angle = x < 0 ? 0.5f - angle : angle;
    angle = y < 0 ? 1 - angle : angle;
    return angle >= 1 ? angle - 1 : angle;
}

// Puts lengths in the place of `dx` and angles in turns in that of `dy`.
CK_BODY void polar(float *dx, float *dy, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) {
        const float x = dx[i], y = dy[i];
        dx[i] = sqrtf(x * x + y * y);
        dy[i] = turns(y, x);
    }
}

// Fills the lengths of the gradients (`dx`), their angles (`dy`) and the corner measure; `a`, `b`, `c` are scratch.
CK_BODY void responses(
    const uint8_t *grey, ptrdiff_t width, ptrdiff_t height, float *dx, float *dy, float *a, float *b, float *c,
    float *measure) {
    const ptrdiff_t count = width * height;
    for (ptrdiff_t i = 0; i < count; i++) a[i] = grey[i];
    blur(a, width, height, b, c);
    gradients(c, width, height, dx, dy);
    for (ptrdiff_t i = 0; i < count; i++) a[i] = dx[i] * dx[i];
    blur(a, width, height, measure, a);
    for (ptrdiff_t i = 0; i < count; i++) b[i] = dy[i] * dy[i];
    blur(b, width, height, measure, b);
    for (ptrdiff_t i = 0; i < count; i++) c[i] = dx[i] * dy[i];
    blur(c, width, height, measure, c);
    for (ptrdiff_t i = 0; i < count; i++) measure[i] = (a[i] * b[i] - c[i] * c[i]) / (a[i] + b[i] + 1e-3f);
    polar(dx, dy, count);
}

__attribute__((noinline)) static void responses_portable(
    const uint8_t *grey, ptrdiff_t width, ptrdiff_t height, float *dx, float *dy, float *a, float *b, float *c,
    float *measure) {
    responses(grey, width, height, dx, dy, a, b, c, measure);
}

#if defined(__x86_64__)
__attribute__((noinline)) CK_AVX2 static void responses_avx2(
    const uint8_t *grey, ptrdiff_t width, ptrdiff_t height, float *dx, float *dy, float *a, float *b, float *c,
    float *measure) {
    responses(grey, width, height, dx, dy, a, b, c, measure);
}
#endif

// Gradients as lengths and angles in turns.
struct level {
    const float *length, *angle;
    ptrdiff_t width, height;
};

// The strongest directions of the gradients around a corner, in turns; returns how many, 1 or 2.
static int orientations(const struct level *level, ptrdiff_t x, ptrdiff_t y, float found[2]) {
    float histogram[ORIENTATION_BINS] = {0}, smooth[ORIENTATION_BINS];
    for (ptrdiff_t v = -ORIENTATION_RADIUS; v <= ORIENTATION_RADIUS; v++) {
        for (ptrdiff_t u = -ORIENTATION_RADIUS; u <= ORIENTATION_RADIUS; u++) {
            const ptrdiff_t distance = u * u + v * v;
            if (distance > ORIENTATION_RADIUS * ORIENTATION_RADIUS) continue;
            if (x + u < 0 || y + v < 0 || x + u >= level->width || y + v >= level->height) continue;
            const ptrdiff_t place = (y + v) * level->width + x + u;
            // A parabola in place of SIFT's bell.
            const float weight = 1 - (float)distance / (ORIENTATION_RADIUS * ORIENTATION_RADIUS + 1);
            const float position = level->angle[place] * (float)ORIENTATION_BINS;
            const int low = (int)position;
            const float part = position - (float)low, strength = weight * level->length[place];
            histogram[low % ORIENTATION_BINS] += strength * (1 - part);
            histogram[(low + 1) % ORIENTATION_BINS] += strength * part;
        }
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < ORIENTATION_BINS; i++) {
            smooth[i] = 0.25f * histogram[(i + ORIENTATION_BINS - 1) % ORIENTATION_BINS] + 0.5f * histogram[i]
                + 0.25f * histogram[(i + 1) % ORIENTATION_BINS];
        }
        memcpy(histogram, smooth, sizeof histogram);
    }
    int best[2] = {0, -1};
    for (int i = 1; i < ORIENTATION_BINS; i++) {
        if (histogram[i] > histogram[best[0]]) best[0] = i;
    }
    for (int i = 0; i < ORIENTATION_BINS; i++) {
        const float before = histogram[(i + ORIENTATION_BINS - 1) % ORIENTATION_BINS];
        const float after = histogram[(i + 1) % ORIENTATION_BINS];
        if (i == best[0] || histogram[i] < before || histogram[i] <= after) continue;
        if (histogram[i] < second_orientation * histogram[best[0]]) continue;
        if (best[1] < 0 || histogram[i] > histogram[best[1]]) best[1] = i;
    }
    int count = 0;
    for (; count < 2 && best[count] >= 0; count++) {
        const int i = best[count];
        const float before = histogram[(i + ORIENTATION_BINS - 1) % ORIENTATION_BINS];
        const float after = histogram[(i + 1) % ORIENTATION_BINS];
        const float bend = before - 2 * histogram[i] + after;
        const float shift = bend < 0 ? 0.5f * (before - after) / bend : 0;
        found[count] = ((float)i + shift) / (float)ORIENTATION_BINS;
    }
    return count;
}

// The value that has `rank` of the others, none of them negative, before it in ascending order.
//
// Floats that are not negative are in the order of their bits: these are found from the highest down.
CK_BODY float ranked(const int32_t bits[VALUES], int rank) {
    int32_t found = 0;
    for (int bit = 30; bit >= 0; bit--) {
        const int32_t probe = found | 1 << bit;
        int below = 0;
        for (int i = 0; i < VALUES; i++) below += bits[i] < probe;
        if (below <= rank) found = probe;
    }
    float value;
    memcpy(&value, &found, sizeof value);
    return value;
}

static void describe(const struct level *level, float x, float y, float orientation, uint64_t bits[4]) {
    float histogram[CELLS + 2][CELLS + 2][DIRECTIONS + 1] = {0};
    const float cosine = cosf(6.2831853f * orientation), sine = sinf(6.2831853f * orientation);
    const float middle = 0.5f * (SAMPLES - 1);
    for (int i = 0; i < SAMPLES; i++) {
        const float u = ((float)i - middle) * sample_step;
        const float cell_u = ((float)i + 0.5f) * cells_per_sample + 0.5f;
        const int iu = (int)cell_u;
        const float fu = cell_u - (float)iu;
        for (int j = 0; j < SAMPLES; j++) {
            const float v = ((float)j - middle) * sample_step;
            const ptrdiff_t column = (ptrdiff_t)floorf(x + u * cosine - v * sine + 0.5f);
            const ptrdiff_t row = (ptrdiff_t)floorf(y + u * sine + v * cosine + 0.5f);
            if (column < 0 || row < 0 || column >= level->width || row >= level->height) continue;
            const ptrdiff_t place = row * level->width + column;
            const float turned = level->angle[place] - orientation;
            const float direction = (turned < 0 ? turned + 1 : turned) * (float)DIRECTIONS;
            const int k = (int)direction & (DIRECTIONS - 1);
            const float fk = direction - (float)(int)direction;
            const float radius = (u * u + v * v) * (1 / (10.f * 10.f));
            const float strength = level->length[place] / (1 + radius);
            const float cell_v = ((float)j + 0.5f) * cells_per_sample + 0.5f;
            const int jv = (int)cell_v;
            const float fv = cell_v - (float)jv;
            for (int p = 0; p < 2; p++) {
                for (int q = 0; q < 2; q++) {
                    float *cell = histogram[iu + p][jv + q];
                    const float share = strength * (p ? fu : 1 - fu) * (q ? fv : 1 - fv);
                    cell[k] += share * (1 - fk);
                    cell[k + 1] += share * fk;
                }
            }
        }
    }
    float values[VALUES];
    for (int i = 0; i < CELLS; i++) {
        for (int j = 0; j < CELLS; j++) {
            float *cell = histogram[i + 1][j + 1];
            cell[0] += cell[DIRECTIONS];
            memcpy(values + DIRECTIONS * (CELLS * i + j), cell, DIRECTIONS * sizeof(float));
        }
    }
    int32_t order[VALUES];
    memcpy(order, values, sizeof order);
    const float thresholds[2] = {
        0.5f * (ranked(order, VALUES / 2 - 1) + ranked(order, VALUES / 2)), ranked(order, VALUES * 3 / 4)};
    memset(bits, 0, 4 * sizeof *bits);
    for (int t = 0; t < 2; t++) {
        for (int i = 0; i < VALUES; i++) {
            if (values[i] > thresholds[t]) bits[2 * t + i / 64] |= 1ull << (i % 64);
        }
    }
}

struct corner {
    float strength;
    uint16_t x, y;
    uint32_t rank;  // how many of its region are stronger
};

static int strongest_first(const void *a, const void *b) {
    const struct corner *p = a, *q = b;
    if (p->strength != q->strength) return p->strength < q->strength ? 1 : -1;
    if (p->y != q->y) return p->y < q->y ? -1 : 1;
    return (p->x > q->x) - (p->x < q->x);
}

static int by_rank(const void *a, const void *b) {
    const struct corner *p = a, *q = b;
    if (p->rank != q->rank) return p->rank < q->rank ? -1 : 1;
    return strongest_first(a, b);
}

CK_BODY bool is_peak(const float *measure, ptrdiff_t width, ptrdiff_t x, ptrdiff_t y) {
    const float value = measure[y * width + x];
    for (ptrdiff_t v = -PEAK_RADIUS; v <= PEAK_RADIUS; v++) {
        for (ptrdiff_t u = -PEAK_RADIUS; u <= PEAK_RADIUS; u++) {
            const float other = measure[(y + v) * width + x + u];
            if (other > value || (other == value && (v < 0 || (v == 0 && u < 0)))) return false;
        }
    }
    return true;
}

static float offset_of_peak(float before, float here, float after) {
    const float bend = before - 2 * here + after;
    const float shift = bend < 0 ? 0.5f * (before - after) / bend : 0;
    return shift < -0.5f ? -0.5f : shift > 0.5f ? 0.5f : shift;
}

size_t ck_find_features(
    const uint8_t *grey, size_t width, size_t height, size_t wanted, float *workspace, ck_feature *features) {
    if (width < CK_FEATURE_SMALLEST_SIDE || height < CK_FEATURE_SMALLEST_SIDE || wanted == 0) return 0;
    const ptrdiff_t w = (ptrdiff_t)width, h = (ptrdiff_t)height, count = w * h;
    float *dx = workspace, *dy = dx + count, *a = dy + count, *b = a + count, *c = b + count, *measure = c + count;
#if defined(__x86_64__)
    (ck_has_avx2() ? responses_avx2 : responses_portable)(grey, w, h, dx, dy, a, b, c, measure);
#else
    responses_portable(grey, w, h, dx, dy, a, b, c, measure);
#endif
    // The scratch planes hold the corners now: at most one in 4 pixels is a peak, and a corner takes three floats.
    struct corner *corners = (struct corner *)a;
    size_t found = 0;
    const float weakest = 0.5f;
    for (ptrdiff_t y = BORDER; y < h - BORDER; y++) {
        for (ptrdiff_t x = BORDER; x < w - BORDER; x++) {
            const float value = measure[y * w + x];
            if (value < weakest || value < measure[y * w + x - 1] || value < measure[y * w + x + 1]) continue;
            if (!is_peak(measure, w, x, y)) continue;
            corners[found++] = (struct corner){value, (uint16_t)x, (uint16_t)y, 0};
        }
    }
    qsort(corners, found, sizeof *corners, strongest_first);
    // Turn by turn each region gives its strongest: a dull picture in a collage has corners beside gaudy ones.
    const size_t side = (width > height ? width : height) / REGIONS + 1;
    uint32_t ranks[REGIONS][REGIONS] = {0};
    for (size_t i = 0; i < found; i++) {
        corners[i].rank = ranks[corners[i].y / side][corners[i].x / side]++;
    }
    qsort(corners, found, sizeof *corners, by_rank);
    const size_t columns = (width + TILE - 1) / TILE, rows = (height + TILE - 1) / TILE;
    const size_t share = 1 + (2 * wanted + columns * rows - 1) / (columns * rows);
    // One counter for each tile; c is behind the corners, whose number is below count / 4.
    uint32_t *taken = (uint32_t *)c;
    memset(taken, 0, columns * rows * sizeof *taken);
    const struct level level = {dx, dy, w, h};
    size_t made = 0;
    for (size_t i = 0; i < found && made < wanted; i++) {
        const ptrdiff_t x = corners[i].x, y = corners[i].y;
        uint32_t *tile = taken + (size_t)y / TILE * columns + (size_t)x / TILE;
        if (*tile >= share) continue;
        ++*tile;
        const float *here = measure + y * w + x;
        const float fx = (float)x + offset_of_peak(here[-1], here[0], here[1]);
        const float fy = (float)y + offset_of_peak(here[-w], here[0], here[w]);
        float angles[2];
        const int turned = orientations(&level, x, y, angles);
        for (int t = 0; t < turned && made < wanted; t++) {
            ck_feature *feature = &features[made++];
            feature->x = fx;
            feature->y = fy;
            feature->angle = 6.2831853f * angles[t];
            feature->strength = corners[i].strength;
            describe(&level, fx, fy, angles[t], feature->bits);
        }
    }
    return made;
}

void ck_mirror_descriptor(const uint64_t bits[4], uint64_t mirrored[4]) {
    for (int word = 0; word < 4; word++) {
        uint64_t out = 0;
        for (int byte = 0; byte < 8; byte++) {
            const uint8_t cell = (uint8_t)(bits[word] >> (8 * byte));
            // Directions turn the other way: 0 stays, 1 ... 7 become 7 ... 1.
            uint8_t turned = cell & 1;
            for (int k = 1; k < DIRECTIONS; k++) turned |= (uint8_t)(((cell >> k) & 1) << (DIRECTIONS - k));
            // Cells across exchange places: 0 1 2 3 become 3 2 1 0.
            out |= (uint64_t)turned << (8 * ((byte & 4) + 3 - (byte & 3)));
        }
        mirrored[word] = out;
    }
}

CK_BODY void match(
    const uint64_t *descriptors, size_t count, const uint64_t *others, size_t other_count, ck_nearest *nearest,
    ck_nearest *other_nearest) {
    for (size_t j = 0; j < other_count; j++) other_nearest[j] = (ck_nearest){0, UINT32_MAX};
    for (size_t i = 0; i < count; i++) {
        const uint64_t *a = descriptors + 4 * i;
        ck_nearest best = {0, UINT32_MAX};
        for (size_t j = 0; j < other_count; j++) {
            const uint64_t *b = others + 4 * j;
            const uint32_t distance = (uint32_t)(__builtin_popcountll(a[0] ^ b[0]) + __builtin_popcountll(a[1] ^ b[1])
                + __builtin_popcountll(a[2] ^ b[2]) + __builtin_popcountll(a[3] ^ b[3]));
            if (distance < best.distance) best = (ck_nearest){(uint32_t)j, distance};
            if (distance < other_nearest[j].distance) other_nearest[j] = (ck_nearest){(uint32_t)i, distance};
        }
        nearest[i] = best;
    }
}

#if defined(__x86_64__)
enum { MATCH_TILE = 512 };

// As `match`, eight others at a time. A distance and a place stand in one number, so that the least of such numbers is
// the first of the nearest.
__attribute__((noinline, target("avx512f,avx512vpopcntdq,popcnt"))) static void match_avx512(
    const uint64_t *descriptors, size_t count, const uint64_t *others, size_t other_count, ck_nearest *nearest,
    ck_nearest *other_nearest) {
    uint64_t words[4][MATCH_TILE], least[MATCH_TILE];
    for (size_t i = 0; i < count; i++) nearest[i] = (ck_nearest){0, UINT32_MAX};
    for (size_t start = 0; start < other_count; start += MATCH_TILE) {
        const size_t tile = other_count - start < MATCH_TILE ? other_count - start : MATCH_TILE;
        for (size_t j = 0; j < tile; j++) {
            for (int word = 0; word < 4; word++) words[word][j] = others[4 * (start + j) + (size_t)word];
            least[j] = UINT64_MAX;
        }
        for (size_t i = 0; i < count; i++) {
            const uint64_t *a = descriptors + 4 * i;
            const uint64_t a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3];
            uint64_t best = UINT64_MAX;
            for (size_t j = 0; j < tile; j++) {
                const uint64_t distance = (uint64_t)(__builtin_popcountll(words[0][j] ^ a0))
                    + (uint64_t)(__builtin_popcountll(words[1][j] ^ a1))
                    + (uint64_t)(__builtin_popcountll(words[2][j] ^ a2))
                    + (uint64_t)(__builtin_popcountll(words[3][j] ^ a3));
                const uint64_t here = distance << 32 | j, there = distance << 32 | i;
                best = here < best ? here : best;
                least[j] = there < least[j] ? there : least[j];
            }
            if (best >> 32 < nearest[i].distance) {
                nearest[i] = (ck_nearest){(uint32_t)(start + (best & UINT32_MAX)), (uint32_t)(best >> 32)};
            }
        }
        for (size_t j = 0; j < tile; j++) {
            other_nearest[start + j] = (ck_nearest){(uint32_t)least[j], (uint32_t)(least[j] >> 32)};
        }
    }
}

__attribute__((noinline, target("popcnt"))) static void match_popcnt(
    const uint64_t *descriptors, size_t count, const uint64_t *others, size_t other_count, ck_nearest *nearest,
    ck_nearest *other_nearest) {
    match(descriptors, count, others, other_count, nearest, other_nearest);
}
#endif

void ck_match_descriptors(
    const uint64_t *descriptors, size_t count, const uint64_t *others, size_t other_count, ck_nearest *nearest,
    ck_nearest *other_nearest) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq")) {
        match_avx512(descriptors, count, others, other_count, nearest, other_nearest);
        return;
    }
    if (__builtin_cpu_supports("popcnt")) {
        match_popcnt(descriptors, count, others, other_count, nearest, other_nearest);
        return;
    }
#endif
    match(descriptors, count, others, other_count, nearest, other_nearest);
}
