#include "attention.h"
#include "wide.h"

// Attention of numbers rounded to bfloat16, the upper half of a float: half as many bytes and, on AVX-512 BF16, half as
// many multiplications. Sums are of floats. It is for towers in bytes, which have fewer digits still.

#if defined(__x86_64__)

#define BFLOAT __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

// [size / 2][keys] panels of 64 keys from rows of pairs, `stride` apart, of which there are as many as whole vectors have.
BFLOAT static void pack_keys(long keys, long size, const cdnn_pair *rows, long stride, cdnn_pair *panels) {
    for (long first = 0; first < keys; first += CDNN_PANEL) {
        long width = keys - first < CDNN_PANEL ? keys - first : CDNN_PANEL;
        for (long c = 0; c < width; c += CDNN_LANES)
            for (long i = 0; i < size / 2; i += CDNN_LANES)
                turn16(
                    (const float *)(rows + (first + c) * stride + i), stride, (float *)(panels + i * width + c), width);
        panels += size / 2 * width;
    }
}

// [tokens / 2][size] panels of 64 columns, each pair of two tokens' numbers; the last token's partner may be missing.
BFLOAT static void pack_values(long tokens, long size, const cdnn_pair *x, long stride, cdnn_pair *panels) {
    // Sixteen of one token's numbers in turn with the other's, which count from 32.
    __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512i low = _mm512_or_si512(
        places, _mm512_slli_epi32(_mm512_add_epi32(places, _mm512_set1_epi32(32)), 16));
    __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
    for (long first = 0; first < size; first += CDNN_PANEL) {
        long width = size - first < CDNN_PANEL ? size - first : CDNN_PANEL;
        for (long t = 0; t < tokens; t += 2, panels += width) {
            const cdnn_pair *here = x + t * stride + first / 2, *next = t + 1 < tokens ? here + stride : NULL;
            for (long c = 0; c < width; c += 2 * CDNN_LANES) {
                __m512i a = _mm512_loadu_si512(here + c / 2);
                __m512i b = next ? _mm512_loadu_si512(next + c / 2) : _mm512_setzero_si512();
                _mm512_storeu_si512(panels + c, _mm512_permutex2var_epi16(a, low, b));
                _mm512_storeu_si512(panels + c + CDNN_LANES, _mm512_permutex2var_epi16(a, high, b));
            }
        }
    }
}

// y [count, 16 * vectors] = rows of `depth` pairs times a panel, each row times its factor where there are some. With both
// counts known to the compiler the sums live in registers.
BFLOAT CDNN_INLINE void tile_of(
    int count, int vectors, const cdnn_pair *x, long ldx, long depth, const cdnn_pair *panel, const float *factors,
    float *y, long ldy) {
    __m512 sums[CDNN_TILE_ROWS][CDNN_PANEL_VECTORS];
    for (int r = 0; r < count; r++)
        for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_setzero_ps();
    for (long i = 0; i < depth; i++, panel += vectors * CDNN_LANES) {
        __m512bh w[CDNN_PANEL_VECTORS];
        for (int v = 0; v < vectors; v++) w[v] = (__m512bh)_mm512_loadu_si512(panel + v * CDNN_LANES);
        for (int r = 0; r < count; r++) {
            __m512bh a = (__m512bh)_mm512_set1_epi32((int)x[r * ldx + i]);
            for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], a, w[v]);
        }
    }
    for (int r = 0; r < count; r++) {
        __m512 factor = _mm512_set1_ps(factors ? factors[r] : 1);
        for (int v = 0; v < vectors; v++)
            _mm512_storeu_ps(y + r * ldy + v * CDNN_LANES, _mm512_mul_ps(sums[r][v], factor));
    }
}

BFLOAT CDNN_INLINE void tile_of_vectors(
    int count, int vectors, const cdnn_pair *x, long ldx, long depth, const cdnn_pair *panel, const float *factors,
    float *y, long ldy) {
    switch (vectors) {
    case 1: tile_of(count, 1, x, ldx, depth, panel, factors, y, ldy); break;
    case 2: tile_of(count, 2, x, ldx, depth, panel, factors, y, ldy); break;
    case 3: tile_of(count, 3, x, ldx, depth, panel, factors, y, ldy); break;
    case 4: tile_of(count, 4, x, ldx, depth, panel, factors, y, ldy); break;
    }
}

// Some rows of pairs times all panels of `columns` columns.
BFLOAT static void multiply(
    int count, const cdnn_pair *x, long ldx, long depth, long columns, const cdnn_pair *panels, const float *factors,
    float *y, long ldy) {
    for (long first = 0; first < columns; first += CDNN_PANEL, panels += depth * CDNN_PANEL) {
        int vectors = (int)((columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL) / CDNN_LANES);
        for (int row = 0, here; row < count; row += here) {
            const cdnn_pair *from = x + row * ldx;
            const float *times = factors ? factors + row : NULL;
            float *to = y + row * ldy + first;
            // A sequence's last rows are seldom a whole tile.
            here = count - row >= CDNN_TILE_ROWS ? CDNN_TILE_ROWS : count - row >= 2 ? 2 : 1;
            if (here == CDNN_TILE_ROWS)
                tile_of_vectors(CDNN_TILE_ROWS, vectors, from, ldx, depth, panels, times, to, ldy);
            else if (here == 2) tile_of_vectors(2, vectors, from, ldx, depth, panels, times, to, ldy);
            else tile_of_vectors(1, vectors, from, ldx, depth, panels, times, to, ldy);
        }
    }
}

// What a row's scores of `kept` keys weigh, as pairs, `columns` numbers with zeros behind them; gives what their sum must be
// multiplied by to become 1. The largest of them weighs 1.
BFLOAT static float weigh(long kept, long columns, const float *scores, float scale, cdnn_pair *weights) {
    const __m512i places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m512 most = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
    for (long i = 0; i < columns; i += CDNN_LANES) {
        __mmask16 here = _mm512_cmplt_epi32_mask(places, _mm512_set1_epi32((int)(kept - i)));
        most = _mm512_mask_max_ps(most, here, _mm512_loadu_ps(scores + i), most);
    }
    __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    __m512 factor = _mm512_set1_ps(scale * 1.44269504088896341f);
    for (long i = 0; i < columns; i += CDNN_LANES) {
        __mmask16 here = _mm512_cmplt_epi32_mask(places, _mm512_set1_epi32((int)(kept - i)));
        __m512 exponent = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(scores + i), largest), factor);
        __m512 weight = _mm512_maskz_mov_ps(here, wide_exp2(exponent));
        sum = _mm512_add_ps(sum, weight);
        _mm256_storeu_si256((__m256i *)(weights + i / 2), (__m256i)_mm512_cvtneps_pbh(weight));
    }
    return 1 / _mm512_reduce_add_ps(sum);
}

size_t cdnn_attend_size(long tokens, long size) {
    long columns = whole_vectors(tokens);
    size_t pairs = (size_t)(columns * size / 2 + (tokens + 1) / 2 * size + CDNN_TILE_ROWS * columns / 2);
    return pairs * sizeof(cdnn_pair) + (size_t)(CDNN_TILE_ROWS * columns) * sizeof(float);
}

void cdnn_attend(
    long tokens, long heads, long size, int causal, const cdnn_pair *qkv, float *out, void *memory) {
    long width = heads * size, stride = 3 * width / 2, half = size / 2;
    long columns = whole_vectors(tokens), depth = (tokens + 1) / 2;
    cdnn_pair *keys = memory, *values = keys + columns * half, *weights = values + depth * size;
    float *scores = (float *)(weights + CDNN_TILE_ROWS * columns / 2), factors[CDNN_TILE_ROWS];
    float scale = 1.0f / sqrtf((float)size);
    for (long h = 0; h < heads; h++, qkv += half, out += size) {
        pack_keys(columns, size, qkv + width / 2, stride, keys);
        pack_values(tokens, size, qkv + width, stride, values);
        for (long row = 0; row < tokens; row += CDNN_TILE_ROWS) {
            int count = (int)(tokens - row < CDNN_TILE_ROWS ? tokens - row : CDNN_TILE_ROWS);
            multiply(count, qkv + row * stride, stride, half, columns, keys, NULL, scores, columns);
            for (int r = 0; r < count; r++)
                factors[r] = weigh(
                    causal ? row + r + 1 : tokens, columns, scores + r * columns, scale, weights + r * columns / 2);
            multiply(count, weights, columns / 2, depth, size, values, factors, out + row * width, width);
        }
    }
}

int cdnn_pairs_are_fast(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

#else

int cdnn_pairs_are_fast(void) { return 0; }
size_t cdnn_attend_size(long tokens, long size) { return 0; }
void cdnn_attend(
    long tokens, long heads, long size, int causal, const cdnn_pair *qkv, float *out, void *memory) {}

#endif
