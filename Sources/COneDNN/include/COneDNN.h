// The arithmetic under imgvec's layers: own kernels for processors with AVX-512, else oneDNN where it is installed,
// portable kernels everywhere.
//
// All matrices are dense, row-major float32; pictures are NHWC. oneDNN is opened with dlopen the first time
// it is asked for, so that programs which never multiply a large matrix do not pay for loading it. Functions
// that can fail return a cdnn_status; none of them prints or exits. Everything here may be called from
// several threads at once; objects are immutable for their callers (their caches are locked inside).
#ifndef CONEDNN_H
#define CONEDNN_H

#include <stddef.h>
#include <stdint.h>

typedef enum cdnn_status {
    CDNN_OK = 0,
    CDNN_UNAVAILABLE = 1,  // oneDNN is not there, or has no code for this shape
    CDNN_OUT_OF_MEMORY = 2,
    CDNN_FAILED = 3,  // oneDNN refused; cdnn_last_failure() has its number
} cdnn_status;

typedef enum cdnn_activation {
    CDNN_IDENTITY = 0,
    CDNN_RELU = 1,
    CDNN_GELU = 2,        // x * (1 + erf(x / sqrt 2)) / 2
    CDNN_QUICK_GELU = 3,  // x * sigmoid(1.702 x)
    CDNN_GELU_TANH = 4,   // x * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2
} cdnn_activation;

typedef enum cdnn_element {
    CDNN_F32 = 0,
    CDNN_F16 = 1,
    CDNN_BF16 = 2,
} cdnn_element;

// MARK: oneDNN (library.c, onednn.c)

/// Loads oneDNN if that has not been tried yet; 1 when it can be used.
int cdnn_available(void);
/// The loaded library's version as major * 10000 + minor * 100 + patch; 0 when there is none.
int cdnn_version(void);
/// The number of the last oneDNN status that was not success, on this thread.
int cdnn_last_failure(void);
/// How many threads a call from this thread may use inside oneDNN; 1 until it is set.
void cdnn_set_threads(int count);
/// What cdnn_set_threads last set on this thread.
int cdnn_threads(void);

/// y = act(x W^T + b), or y += x W^T + b, with W packed once in the layout oneDNN wants.
typedef struct cdnn_linear cdnn_linear;

/// Packs weights [outputs, inputs] (and bias [outputs], or NULL); both may be freed afterwards.
/// `rows_hint` is the row count the layout is chosen for; other row counts work too.
cdnn_status cdnn_linear_create(
    long inputs, long outputs, const float *weights, const float *bias, cdnn_activation activation,
    int accumulates, long rows_hint, cdnn_linear **result);
/// Multiplies `rows` rows; y [rows, outputs] is overwritten, or added to when the object accumulates.
cdnn_status cdnn_linear_run(cdnn_linear *linear, long rows, const float *x, float *y);
void cdnn_linear_destroy(cdnn_linear *linear);

typedef struct cdnn_conv_shape {
    long inputs, outputs;   // channels
    long kernel, stride, padding;  // square kernels
    int relu;               // y = max(0, y) at the end
    int adds;               // the sum with what y holds already comes before that
} cdnn_conv_shape;

/// A convolution with bias and optional residual sum and ReLU over NHWC pictures.
typedef struct cdnn_conv cdnn_conv;

/// Keeps a packed copy of weights [outputs, inputs, kernel, kernel] and bias [outputs].
cdnn_status cdnn_conv_create(
    const cdnn_conv_shape *shape, const float *weights, const float *bias, long count_hint, long height_hint,
    long width_hint, cdnn_conv **result);
/// Convolves x [count, height, width, inputs] into y [count, height', width', outputs].
cdnn_status cdnn_conv_run(cdnn_conv *conv, long count, long height, long width, const float *x, float *y);
void cdnn_conv_destroy(cdnn_conv *conv);

/// C = alpha A op(B) + beta C through oneDNN; B is [n, k] when `transposed`, else [k, n].
cdnn_status cdnn_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc);

// MARK: portable kernels (portable.c, skinny.c, query_attention.c)

/// The same product as cdnn_sgemm, in plain C (Accelerate's on macOS); beta is 0 or 1.
cdnn_status cdnn_portable_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc);
/// Lays the patches under a convolution's kernel out as rows [height' * width', kernel * kernel * channels].
void cdnn_patch_rows(
    const cdnn_conv_shape *shape, long height, long width, const float *x, float *rows);
/// y [rows, outputs] (with row stride ldy) = x [rows, inputs] W^T for few rows: W [outputs, inputs] is read
/// once, as it stands in the file, in any of the element types. `scratch` holds 4 * inputs floats.
void cdnn_skinny(
    long rows, long inputs, long outputs, const float *x, const void *weights, cdnn_element element, float *y,
    long ldy, float *scratch);
/// y [rows, outputs] = x [rows, inputs] (with row stride ldx) W: W [inputs, outputs] is read once, as it stands in the file,
/// in any of the element types. `scratch` holds 4 * outputs floats.
void cdnn_turned_skinny(
    long rows, long inputs, long outputs, const float *x, long ldx, const void *weights, cdnn_element element, float *y,
    float *scratch);

// MARK: packed products of floats (floats.c, float_kernels.c, winograd.c)

/// y = act(x W^T + b [+ y]) with weights packed for imgvec's own AVX-512 kernels.
typedef struct cdnn_floats cdnn_floats;

/// 1 where the processor has AVX-512; elsewhere the functions below give CDNN_UNAVAILABLE.
int cdnn_floats_are_fast(void);
/// Packs weights [outputs, segments * length], in the order that cdnn_bytes_create takes, and bias [outputs] or NULL.
cdnn_status cdnn_floats_create(
    long outputs, long segments, long length, const float *weights, const float *bias,
    cdnn_activation activation, int adds, cdnn_floats **result);
/// y [rows, outputs] of x [rows, inputs].
cdnn_status cdnn_floats_linear(const cdnn_floats *floats, long rows, const float *x, float *y);
/// A convolution as cdnn_conv_run's.
cdnn_status cdnn_floats_conv(
    const cdnn_floats *floats, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float *y);
void cdnn_floats_destroy(cdnn_floats *floats);

/// A convolution of 3 x 3 pixels with step 1 and padding 1, with a quarter of the multiplications and four times the
/// memory for weights; results differ from cdnn_floats_conv's by rounding.
typedef struct cdnn_winograd cdnn_winograd;
/// Transforms weights [outputs, 3, 3, inputs].
cdnn_status cdnn_winograd_create(
    const cdnn_conv_shape *shape, const float *weights, const float *bias, cdnn_winograd **result);
/// As cdnn_conv_run.
cdnn_status cdnn_winograd_run(
    const cdnn_winograd *winograd, long count, long height, long width, const float *x, float *y);
void cdnn_winograd_destroy(cdnn_winograd *winograd);

// MARK: products of bytes (bytes.c, byte_kernels.c)

/// y = act(x W^T + b [+ y]) with 8-bit weights, one scale an output, and 8-bit activations.
typedef struct cdnn_bytes cdnn_bytes;

/// 1 where the processor multiplies bytes faster than floats (AVX-512 VNNI); elsewhere plain C does it.
int cdnn_bytes_are_fast(void);
/// Keeps weights [outputs, segments * length] as bytes, and bias [outputs], or NULL. A linear map has one
/// segment of its inputs; a convolution has one for each line of its kernel, [kernel * channels] each.
/// `segments * length` must stay below 65536, or sums might not fit 32 bits.
cdnn_status cdnn_bytes_create(
    long outputs, long segments, long length, const float *weights, const float *bias,
    cdnn_activation activation, int adds, cdnn_bytes **result);
/// The lowest and the highest of some numbers and 0; no numbers when one of them was none or infinite.
typedef struct cdnn_bounds {
    float low, high;
} cdnn_bounds;

/// A layer normalisation: one factor and one addend an element of a row.
typedef struct cdnn_norm {
    const float *scale, *shift;
    float epsilon;
} cdnn_norm;
/// Rows to be multiplied with bytes.
typedef struct cdnn_rows {
    long count;
    const float *x;
    const cdnn_norm *norm;      // what is done to them first, or NULL
    const cdnn_bounds *bounds;  // without a norm, of each row, or NULL
} cdnn_rows;
/// y [rows, outputs] of x [rows, inputs], each row of which gets a scale and zero point of its own.
cdnn_status cdnn_bytes_linear(const cdnn_bytes *bytes, int portable, const cdnn_rows *x, float *y);
/// y [rows, outputs of the second] of x [rows, inputs of the first], one map behind the other; y may be x.
cdnn_status cdnn_bytes_pair(
    const cdnn_bytes *first, const cdnn_bytes *second, int portable, const cdnn_rows *x, float *y);
/// y += output(attention(inputs(x))) for consecutive sequences, whose `lengths` sum to the rows; y may be x. Queries, keys,
/// values and the weights of values are rounded to bfloat16, sums are of floats. CDNN_UNAVAILABLE where the processor does not
/// multiply these, or heads are not of a multiple of 32 numbers; then nothing is done.
cdnn_status cdnn_bytes_attention(
    const cdnn_bytes *inputs, const cdnn_bytes *output, long heads, int causal, long sequences,
    const long *lengths, const cdnn_rows *x, float *y);

/// A convolution as cdnn_conv_run's; each picture gets a scale and zero point of its own. `known` has each
/// picture's bounds, or is NULL; `told` is told those of the results.
cdnn_status cdnn_bytes_conv(
    const cdnn_bytes *bytes, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, const cdnn_bounds *known, float *y, cdnn_bounds *told);
/// y [count * patches, outputs] of the square patches of pictures [count, height, width, 3], behind which four bytes may be read.
/// Weights were made with one segment for each line of a patch, of 3 * side; a byte counts for itself less `zero`.
cdnn_status cdnn_bytes_patches(
    const cdnn_bytes *bytes, int portable, long side, long count, long height, long width, const uint8_t *pixels,
    int32_t zero, float *y);
void cdnn_bytes_destroy(cdnn_bytes *bytes);

// MARK: maps of bytes (byte_maps.c)

/// Pictures [count, height, width, channels] as bytes: a number is its byte less `zero`, times its picture's scale.
/// Four bytes behind the last may be read.
typedef struct cdnn_map {
    uint8_t *bytes;
    float *scales;  // of pictures; no number where one of the picture's numbers was none or infinite
    int zero;       // 0, or 128 where numbers may be negative
} cdnn_map;

/// A convolution of pictures of floats, with a scale and zero point of their own, into a map of bytes. A picture's results are
/// made with the scale that is `expected`, a positive number, where they fit it, else made again with their own.
cdnn_status cdnn_map_of_floats(
    const cdnn_bytes *bytes, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const float *x, float expected, cdnn_map *y);
/// The same of one picture of `pixels` of three bytes, which count for themselves less `zero`; around it lie pixels of the bytes
/// of `margin`.
cdnn_status cdnn_map_of_pixels(
    const cdnn_bytes *bytes, int portable, const cdnn_conv_shape *shape, long height, long width, const uint8_t *pixels,
    const uint8_t *margin, int32_t zero, float scale, cdnn_map *y);
/// The same of pictures of bytes; what is `added` before the activation is a map of the result's shape, or NULL.
cdnn_status cdnn_map_conv(
    const cdnn_bytes *bytes, int portable, const cdnn_conv_shape *shape, long count, long height, long width,
    const cdnn_map *x, const cdnn_map *added, float expected, cdnn_map *y);
/// Max pooling of one picture of bytes; the padding never wins.
void cdnn_map_max_pool(
    long height, long width, long channels, long kernel, long stride, long padding, const uint8_t *x,
    uint8_t *y);
/// The mean over all positions of one picture of bytes.
void cdnn_map_mean_pool(
    long positions, long channels, const uint8_t *x, int zero, float scale, float *y);

// MARK: memory (blocks.c)

/// Memory for packed weights and large tensors, zeros at first, aligned to 64 bytes; NULL when out of memory. It is mapped
/// by itself, so that it leaves no holes between other memory, and all of it goes back to the system when it is freed.
void *cdnn_block(size_t size);
/// Gives back what cdnn_block gave; NULL is no error.
void cdnn_block_free(void *block);

// MARK: element-wise and per-row work (elementwise.c), attention (attention.c)

/// Converts `count` little-endian elements, at any alignment, to float32.
void cdnn_to_float(const void *from, cdnn_element element, long count, float *to);
/// Converts little-endian weights [outputs, inputs, area], at any alignment, to float32 [outputs, area, inputs], each
/// output's times its factor.
void cdnn_turn_weights(
    const void *from, cdnn_element element, long outputs, long inputs, long area, const float *factors, float *to);
/// y = act(y + bias) per row; bias may be NULL.
void cdnn_bias_activation(long rows, long columns, const float *bias, cdnn_activation activation, float *y);
/// y = act(y).
void cdnn_activate(long count, cdnn_activation activation, float *y);
/// y += x.
void cdnn_add(long count, const float *x, float *y);
/// y = (x - mean) / sqrt(variance + epsilon) * scale + shift, per row; `told` is told each row's bounds.
void cdnn_layer_norm(
    long rows, long columns, const float *x, const cdnn_norm *norm, float *y, cdnn_bounds *told);
/// Softmax of each row's numbers times `scale`, in place, rows `stride` apart; when `causal`, row i keeps its first i + 1 columns and the others become 0.
void cdnn_softmax(long rows, long columns, long stride, float scale, int causal, float *x);
/// What multiplies queries, keys and values.
typedef enum cdnn_product {
    CDNN_PORTABLE = 0,
    CDNN_LIBRARY = 1,
    CDNN_AVX512 = 2,
} cdnn_product;

/// out [tokens, heads * size] = softmax(q k^T / sqrt(size)) v per head, where qkv is
/// [tokens, 3 * heads * size] = q | k | v. `scores` holds tokens * tokens floats.
cdnn_status cdnn_attention(
    cdnn_product product, long tokens, long heads, long size, int causal, const float *qkv, float *out,
    float *scores);
/// mixed [queries, width] = softmax(scale asked x^T) x of rows x [rows, width], where what query q asks of them stands at
/// asked + q * asked_stride and what it mixes at mixed + q * mixed_stride (query_attention.c). `scores` holds
/// queries * rows floats.
void cdnn_query_attention(
    long rows, long queries, long width, float scale, const float *asked, long asked_stride, const float *x, float *mixed,
    long mixed_stride, float *scores);
/// [channels, height, width] to [height, width, channels].
void cdnn_channels_last(long channels, long height, long width, const float *x, float *y);
/// Square patches of a [channels, height, width] picture as rows [patches, channels * patch * patch].
void cdnn_picture_patches(long channels, long height, long width, long patch, const float *x, float *y);
/// NHWC pictures with a margin of zeros of `padding` pixels on every side.
void cdnn_pad_pictures(
    long count, long height, long width, long channels, long padding, const float *x, float *y);
/// Max pooling of one NHWC picture with a square window; padding counts as minus infinity.
void cdnn_max_pool(
    long height, long width, long channels, long kernel, long stride, long padding, const float *x, float *y);
/// The mean of each square of `side` pixels of one NHWC picture; what is left over at the far edges is dropped.
void cdnn_average_pool(long height, long width, long channels, long side, const float *x, float *y);
/// The mean over all positions of one NHWC picture.
void cdnn_mean_pool(long positions, long channels, const float *x, float *y);

#endif
