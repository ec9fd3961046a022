#include "COneDNN.h"
#include "vectors.h"
#include <stdlib.h>

void cdnn_patch_rows(const cdnn_conv_shape *shape, long height, long width, const float *x, float *rows) {
    long channels = shape->inputs;
    long out_height = (height + 2 * shape->padding - shape->kernel) / shape->stride + 1;
    long out_width = (width + 2 * shape->padding - shape->kernel) / shape->stride + 1;
    for (long oy = 0; oy < out_height; oy++)
        for (long ox = 0; ox < out_width; ox++)
            for (long ky = 0; ky < shape->kernel; ky++) {
                long iy = oy * shape->stride - shape->padding + ky;
                for (long kx = 0; kx < shape->kernel; kx++, rows += channels) {
                    long ix = ox * shape->stride - shape->padding + kx;
                    if (iy < 0 || iy >= height || ix < 0 || ix >= width)
                        memset(rows, 0, (size_t)channels * sizeof(float));
                    else
                        memcpy(rows, x + (iy * width + ix) * channels, (size_t)channels * sizeof(float));
                }
            }
}

#if defined(__APPLE__)
#define ACCELERATE_NEW_LAPACK
#include <Accelerate/Accelerate.h>

cdnn_status cdnn_portable_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc) {
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, a,
        (int)lda, b, (int)ldb, beta, c, (int)ldc);
    return CDNN_OK;
}

#else

// The usual blocked product (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication",
// 2008): a panel of B of DEPTH x 16 stays in the first cache while tiles of 6 x 16 results are kept in
// registers.
enum { ROWS = 6, COLUMNS = 16, DEPTH = 256, BAND = 96 };

CDNN_INLINE void tile(long depth, const float *a, const float *b, f16x *sums) {
    for (long p = 0; p < depth; p++) {
        f16x v;
        memcpy(&v, b + p * COLUMNS, 64);
        for (int r = 0; r < ROWS; r++) sums[r] += a[p * ROWS + r] * v;
    }
}

CDNN_CLONES static void multiply_panel(
    long m, long n, long depth, float alpha, const float *packed_a, const float *packed_b, int adds, float *c,
    long ldc) {
    for (long j = 0; j < n; j += COLUMNS) {
        long columns = n - j < COLUMNS ? n - j : COLUMNS;
        for (long i = 0; i < m; i += ROWS) {
            f16x sums[ROWS] = {0};
            tile(depth, packed_a + i * depth, packed_b + j * depth, sums);
            long rows = m - i < ROWS ? m - i : ROWS;
            for (long r = 0; r < rows; r++) {
                float *out = c + (i + r) * ldc + j;
                f16x sum = sums[r] * alpha;
                if (columns == COLUMNS) {
                    f16x old = {0};
                    if (adds) memcpy(&old, out, 64);
                    old += sum;
                    memcpy(out, &old, 64);
                } else {
                    for (long q = 0; q < columns; q++) out[q] = (adds ? out[q] : 0) + sum[q];
                }
            }
        }
    }
}

// Slices of ROWS rows of A, one column after the other, the last one filled up with zeros.
static void pack_a(long m, long depth, const float *a, long lda, float *packed) {
    for (long i = 0; i < m; i += ROWS)
        for (long p = 0; p < depth; p++)
            for (long r = 0; r < ROWS; r++) *packed++ = i + r < m ? a[(i + r) * lda + p] : 0;
}

// Slices of COLUMNS columns of op(B), one row after the other.
static void pack_b(int transposed, long n, long depth, const float *b, long ldb, float *packed) {
    for (long j = 0; j < n; j += COLUMNS)
        for (long p = 0; p < depth; p++)
            for (long q = 0; q < COLUMNS; q++)
                *packed++ = j + q >= n ? 0 : transposed ? b[(j + q) * ldb + p] : b[p * ldb + j + q];
}

cdnn_status cdnn_portable_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc) {
    long depth = k < DEPTH ? k : DEPTH, band = m < BAND ? m : BAND;
    size_t a_count = (size_t)((band + ROWS - 1) / ROWS * ROWS) * (size_t)depth;
    size_t b_count = (size_t)((n + COLUMNS - 1) / COLUMNS * COLUMNS) * (size_t)depth;
    a_count = (a_count + 15) / 16 * 16;
    float *memory = aligned_alloc(64, (a_count + b_count) * sizeof(float));
    if (!memory) return CDNN_OUT_OF_MEMORY;
    float *packed_a = memory, *packed_b = memory + a_count;
    for (long p = 0; p < k; p += DEPTH) {
        long slice = k - p < DEPTH ? k - p : DEPTH;
        pack_b(transposed, n, slice, transposed ? b + p : b + p * ldb, ldb, packed_b);
        for (long i = 0; i < m; i += BAND) {
            long rows = m - i < BAND ? m - i : BAND;
            pack_a(rows, slice, a + i * lda + p, lda, packed_a);
            multiply_panel(rows, n, slice, alpha, packed_a, packed_b, p > 0 || beta != 0, c + i * ldc, ldc);
        }
    }
    free(memory);
    return CDNN_OK;
}

#endif
