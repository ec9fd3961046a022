#include "floats.h"
#include "scratch.h"
#include "vectors.h"
#include <stdlib.h>

// Convolutions of 3 x 3 pixels with step 1 after Winograd: F(4 x 4, 3 x 3) of Lavin and Gray, "Fast Algorithms for
// Convolutional Neural Networks" (2016). Squares of 4 x 4 results are made from 6 x 6 pixels with 36 products of
// transformed numbers in place of 144, as 36 matrix products over channels.

enum {
    SIDE = 6,            // of a transformed square
    SQUARES = SIDE * SIDE,
    RESULTS = 4,         // side of a square of results
    // Squares that are transformed together: eight tiles of the kernel.
    BLOCK = 8 * CDNN_TILE_ROWS,
};

struct cdnn_winograd {
    long inputs, outputs;
    int adds, relu;
    float *weights;  // [36][panels of 64 outputs][inputs][outputs of the panel]
    float *bias;
};

// Floats from one of the 36 numbers of a square to the next, for so many channels: never a multiple of a page, whose
// lines would all want the same places in the first cache.
static long apart_for(long channels) { return BLOCK * channels + CDNN_LANES; }

static long filled(long outputs) { return (outputs + CDNN_LANES - 1) / CDNN_LANES * CDNN_LANES; }

// The kernel's 3 x 3 numbers as 6 x 6: G g G^T, in double precision.
static void transform_kernel(const double g[9], double u[SQUARES]) {
    static const double G[SIDE][3] = {
        {1.0 / 4, 0, 0},
        {-1.0 / 6, -1.0 / 6, -1.0 / 6},
        {-1.0 / 6, 1.0 / 6, -1.0 / 6},
        {1.0 / 24, 1.0 / 12, 1.0 / 6},
        {1.0 / 24, -1.0 / 12, 1.0 / 6},
        {0, 0, 1},
    };
    double half[SIDE][3];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < 3; j++) half[i][j] = G[i][0] * g[j] + G[i][1] * g[3 + j] + G[i][2] * g[6 + j];
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            u[i * SIDE + j] = half[i][0] * G[j][0] + half[i][1] * G[j][1] + half[i][2] * G[j][2];
}

cdnn_status cdnn_winograd_create(
    const cdnn_conv_shape *shape, const float *weights, const float *bias, cdnn_winograd **result) {
    cdnn_winograd *made = calloc(1, sizeof *made);
    if (!made) return CDNN_OUT_OF_MEMORY;
    made->inputs = shape->inputs;
    made->outputs = shape->outputs;
    made->adds = shape->adds;
    made->relu = shape->relu;
    long columns = filled(shape->outputs), inputs = shape->inputs;
    size_t square = (size_t)(columns * inputs);
    made->weights = cdnn_block(square * SQUARES * sizeof(float));
    made->bias = aligned_alloc(64, (size_t)columns * sizeof(float));
    if (!made->weights || !made->bias) {
        cdnn_winograd_destroy(made);
        return CDNN_OUT_OF_MEMORY;
    }
    for (long n = 0; n < columns; n++) made->bias[n] = n < shape->outputs ? bias[n] : 0;
    for (long n = 0; n < shape->outputs; n++) {
        long first = n / CDNN_PANEL * CDNN_PANEL;
        long width = columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL;
        for (long c = 0; c < inputs; c++) {
            double g[9], u[SQUARES];
            for (int i = 0; i < 9; i++) g[i] = weights[(n * 9 + i) * inputs + c];
            transform_kernel(g, u);
            float *to = made->weights + first * inputs + c * width + (n - first);
            for (int i = 0; i < SQUARES; i++) to[(size_t)i * square] = (float)u[i];
        }
    }
    *result = made;
    return CDNN_OK;
}

void cdnn_winograd_destroy(cdnn_winograd *winograd) {
    if (!winograd) return;
    cdnn_block_free(winograd->weights);
    free(winograd->bias);
    free(winograd);
}

// One line of six through B^T, or one line of products through A^T, for the channels of a vector.
#define TO_SQUARE(d, t) \
    do { \
        f16x a_ = d[4] - 4 * d[2], b_ = d[3] - 4 * d[1], c_ = d[4] - d[2], e_ = 2 * (d[3] - d[1]); \
        t[0] = 4 * d[0] - 5 * d[2] + d[4]; \
        t[1] = a_ + b_; \
        t[2] = a_ - b_; \
        t[3] = c_ + e_; \
        t[4] = c_ - e_; \
        t[5] = 4 * d[1] - 5 * d[3] + d[5]; \
    } while (0)
#define FROM_SQUARE(m, y) \
    do { \
        f16x a_ = m[1] + m[2], b_ = m[1] - m[2], c_ = m[3] + m[4], e_ = m[3] - m[4]; \
        y[0] = m[0] + a_ + c_; \
        y[1] = b_ + 2 * e_; \
        y[2] = a_ + 4 * c_; \
        y[3] = b_ + 8 * e_ + m[5]; \
    } while (0)

// Sixteen channels, or fewer at the end, of 6 x 6 pixels whose corner is at `x`; the result's 36 numbers stand
// `apart` floats from each other. Pixels beyond the picture are zeros.
CDNN_INLINE void square_in(
    const float *x, long line, long channels, long count, int top, int bottom, int left, int right, float *y,
    long apart) {
    f16x half[SIDE][SIDE];
    for (int j = 0; j < SIDE; j++) {
        f16x d[SIDE] = {0}, t[SIDE];
        if (j >= left && j < right)
            for (int i = top; i < bottom; i++) {
                if (count == 16) memcpy(&d[i], x + i * line + j * channels, 64);
                else memcpy(&d[i], x + i * line + j * channels, (size_t)count * sizeof(float));
            }
        TO_SQUARE(d, t);
        for (int i = 0; i < SIDE; i++) half[i][j] = t[i];
    }
    for (int i = 0; i < SIDE; i++) {
        f16x t[SIDE];
        TO_SQUARE(half[i], t);
        for (int j = 0; j < SIDE; j++) {
            if (count == 16) memcpy(y + (i * SIDE + j) * apart, &t[j], 64);
            else memcpy(y + (i * SIDE + j) * apart, &t[j], (size_t)count * sizeof(float));
        }
    }
}

CDNN_CLONES static void transform_in(
    long channels, const float *x, long line, int top, int bottom, int left, int right, float *y, long apart) {
    long c = 0;
    for (; c + 16 <= channels; c += 16) {
        if (top == 0 && bottom == SIDE && left == 0 && right == SIDE)
            square_in(x + c, line, channels, 16, 0, SIDE, 0, SIDE, y + c, apart);
        else
            square_in(x + c, line, channels, 16, top, bottom, left, right, y + c, apart);
    }
    if (c < channels)
        square_in(x + c, line, channels, channels - c, top, bottom, left, right, y + c, apart);
}

// The results of one square, as far as they are inside the picture.
CDNN_INLINE void square_out(
    const cdnn_winograd *w, const float *m, long apart, long first, long count, float *y, long line, int rows,
    int columns) {
    f16x half[RESULTS][SIDE], bias;
    memcpy(&bias, w->bias + first, 64);
    for (int j = 0; j < SIDE; j++) {
        f16x d[SIDE], t[RESULTS];
        for (int i = 0; i < SIDE; i++) memcpy(&d[i], m + (i * SIDE + j) * apart + first, 64);
        FROM_SQUARE(d, t);
        for (int i = 0; i < RESULTS; i++) half[i][j] = t[i];
    }
    for (int i = 0; i < RESULTS; i++) {
        f16x t[RESULTS];
        FROM_SQUARE(half[i], t);
        if (i >= rows) continue;
        for (int j = 0; j < RESULTS; j++) {
            if (j >= columns) continue;
            float *to = y + i * line + j * w->outputs + first;
            f16x value = t[j] + bias, old = {0};
            if (w->adds) {
                if (count == 16) memcpy(&old, to, 64);
                else memcpy(&old, to, (size_t)count * sizeof(float));
                value += old;
            }
            // What is no number stays none.
            if (w->relu) value = (f16x)(~(i16x)(value < 0) & (i16x)value);
            if (count == 16) memcpy(to, &value, 64);
            else memcpy(to, &value, (size_t)count * sizeof(float));
        }
    }
}

CDNN_CLONES static void transform_out(
    const cdnn_winograd *w, const float *m, long apart, float *y, long line, int rows, int columns) {
    long c = 0;
    for (; c + 16 <= w->outputs; c += 16) square_out(w, m, apart, c, 16, y, line, rows, columns);
    if (c < w->outputs) square_out(w, m, apart, c, w->outputs - c, y, line, rows, columns);
}

static void multiply_block(
    const cdnn_winograd *w, cdnn_float_kernel kernel, long squares, const float *in, float *out) {
    long columns = filled(w->outputs);
    cdnn_float_tile tile = {.segments = 1, .length = w->inputs, .ldy = columns};
    for (long first = 0; first < columns; first += CDNN_PANEL) {
        tile.wanted = columns - first < CDNN_PANEL ? columns - first : CDNN_PANEL;
        tile.vectors = (int)(tile.wanted / CDNN_LANES);
        for (long i = 0; i < SQUARES; i++) {
            tile.weights = w->weights + i * columns * w->inputs + first * w->inputs;
            for (long row = 0; row < squares; row += CDNN_TILE_ROWS) {
                tile.count = squares - row < CDNN_TILE_ROWS ? (int)(squares - row) : CDNN_TILE_ROWS;
                for (int r = 0; r < tile.count; r++)
                    tile.rows[r] = in + i * apart_for(w->inputs) + (row + r) * w->inputs;
                tile.y = out + i * apart_for(columns) + row * columns + first;
                // The same panel of the next square's weights.
                tile.ahead = cdnn_part_ahead(
                    i + 1 < SQUARES ? tile.weights + columns * w->inputs : NULL, tile.vectors, w->inputs,
                    (squares + CDNN_TILE_ROWS - 1) / CDNN_TILE_ROWS, row / CDNN_TILE_ROWS);
                kernel(&tile);
            }
        }
    }
}

cdnn_status cdnn_winograd_run(
    const cdnn_winograd *w, long count, long height, long width, const float *x, float *y) {
    cdnn_float_kernel kernel = cdnn_float_kernel_avx512();
    if (!kernel) return CDNN_UNAVAILABLE;
    long across = (width + RESULTS - 1) / RESULTS, down = (height + RESULTS - 1) / RESULTS;
    long columns = filled(w->outputs), squares = count * across * down;
    size_t in_size = (size_t)(SQUARES * apart_for(w->inputs)), out_size = (size_t)(SQUARES * apart_for(columns));
    in_size = (in_size + 15) / 16 * 16;
    float *in = cdnn_scratch((in_size + out_size) * sizeof(float));
    if (!in) return CDNN_OUT_OF_MEMORY;
    float *out = in + in_size;
    for (long begin = 0; begin < squares; begin += BLOCK) {
        long here = squares - begin < BLOCK ? squares - begin : BLOCK;
        for (int pass = 0; pass < 2; pass++) {
            for (long s = 0; s < here; s++) {
                long square = begin + s, picture = square / (across * down), place = square % (across * down);
                long top = place / across * RESULTS, left = place % across * RESULTS;
                if (pass) {
                    float *to = y + ((picture * height + top) * width + left) * w->outputs;
                    long rows = height - top, columns_here = width - left;
                    transform_out(
                        w, out + s * columns, apart_for(columns), to, width * w->outputs,
                        rows < RESULTS ? (int)rows : RESULTS,
                        columns_here < RESULTS ? (int)columns_here : RESULTS);
                } else {
                    // The square begins one pixel up and left of its results.
                    long bottom = height - (top - 1), right = width - (left - 1);
                    const float *from = x + ((picture * height + top - 1) * width + left - 1) * w->inputs;
                    transform_in(
                        w->inputs, from, width * w->inputs, top == 0, bottom < SIDE ? (int)bottom : SIDE,
                        left == 0, right < SIDE ? (int)right : SIDE, in + s * w->inputs,
                        apart_for(w->inputs));
                }
            }
            if (!pass) multiply_block(w, kernel, here, in, out);
        }
    }
    return CDNN_OK;
}
