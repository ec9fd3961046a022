#include "library.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if CDNN_HAS_HEADERS

// MARK: what differs between oneDNN 2 and 3

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t layout;
typedef const_dnnl_memory_desc_t layout_ref;
#define REF(layout) (layout)
static dnnl_status_t layout_make(
    const cdnn_table *lib, layout *l, int count, const dnnl_dim_t *dims, dnnl_format_tag_t tag) {
    return lib->dnnl_memory_desc_create_with_tag(l, count, dims, dnnl_f32, tag);
}
static void layout_free(const cdnn_table *lib, layout *l) {
    if (*l) lib->dnnl_memory_desc_destroy(*l);
}
#else
typedef dnnl_memory_desc_t layout;
typedef const dnnl_memory_desc_t *layout_ref;
#define REF(layout) (&(layout))
static dnnl_status_t layout_make(
    const cdnn_table *lib, layout *l, int count, const dnnl_dim_t *dims, dnnl_format_tag_t tag) {
    return lib->dnnl_memory_desc_init_by_tag(l, count, dims, dnnl_f32, tag);
}
static void layout_free(const cdnn_table *lib, layout *l) { (void)lib, (void)l; }
#endif

static dnnl_status_t matmul_desc(
    const cdnn_table *lib, dnnl_primitive_desc_t *pd, layout_ref x, layout_ref w, layout_ref b, layout_ref y,
    dnnl_primitive_attr_t attr) {
#if DNNL_VERSION_MAJOR >= 3
    return lib->dnnl_matmul_primitive_desc_create(pd, lib->engine, x, w, b, y, attr);
#else
    dnnl_matmul_desc_t desc;
    dnnl_status_t status = lib->dnnl_matmul_desc_init(&desc, x, w, b, y);
    if (status != dnnl_success) return status;
    return lib->dnnl_primitive_desc_create(pd, &desc, attr, lib->engine, NULL);
#endif
}

static dnnl_status_t convolution_desc(
    const cdnn_table *lib, dnnl_primitive_desc_t *pd, layout_ref x, layout_ref w, layout_ref b, layout_ref y,
    long stride, long padding, dnnl_primitive_attr_t attr) {
    dnnl_dims_t strides = {stride, stride}, paddings = {padding, padding};
#if DNNL_VERSION_MAJOR >= 3
    dnnl_dims_t dilations = {0, 0};
    return lib->dnnl_convolution_forward_primitive_desc_create(
        pd, lib->engine, dnnl_forward_inference, dnnl_convolution_direct, x, w, b, y, strides, dilations,
        paddings, paddings, attr);
#else
    dnnl_convolution_desc_t desc;
    dnnl_status_t status = lib->dnnl_convolution_forward_desc_init(
        &desc, dnnl_forward_inference, dnnl_convolution_direct, x, w, b, y, strides, paddings, paddings);
    if (status != dnnl_success) return status;
    return lib->dnnl_primitive_desc_create(pd, &desc, attr, lib->engine, NULL);
#endif
}

static dnnl_status_t append_activation(
    const cdnn_table *lib, dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha) {
#if DNNL_VERSION_MAJOR >= 3
    return lib->dnnl_post_ops_append_eltwise(ops, kind, alpha, 0);
#else
    return lib->dnnl_post_ops_append_eltwise(ops, 1, kind, alpha, 0);
#endif
}

static dnnl_status_t append_sum(const cdnn_table *lib, dnnl_post_ops_t ops) {
#if DNNL_VERSION_MAJOR >= 3
    return lib->dnnl_post_ops_append_sum(ops, 1, 0, dnnl_data_type_undef);
#else
    return lib->dnnl_post_ops_append_sum(ops, 1);
#endif
}

// MARK: packed operations

// A primitive for one input size and thread count, which is built into it. Its descriptor is kept: the layouts it
// answers queries with live inside it.
typedef struct prepared {
    long sizes[4];
    dnnl_primitive_desc_t desc;
    dnnl_primitive_t primitive;
    layout_ref x, w, b, y, scratch;
    const void *weights;
    struct prepared *next;
} prepared;

// Weights in one of the layouts asked for; nearly always there is just one.
typedef struct packed {
    layout_ref layout;
    void *values;
    struct packed *next;
} packed;

// What a linear map and a convolution share: packed weights, a bias, and the primitives made so far.
typedef struct operation {
    float *bias;
    packed *weights;
    prepared *primitives;
    pthread_mutex_t lock;
} operation;

struct cdnn_linear {
    operation shared;
    long inputs, outputs;
    cdnn_activation activation;
    int accumulates;
};

struct cdnn_conv {
    operation shared;
    cdnn_conv_shape shape;
};

static void operation_free(const cdnn_table *lib, operation *op) {
    while (op->primitives) {
        prepared *next = op->primitives->next;
        if (op->primitives->primitive) lib->dnnl_primitive_destroy(op->primitives->primitive);
        if (op->primitives->desc) lib->dnnl_primitive_desc_destroy(op->primitives->desc);
        free(op->primitives);
        op->primitives = next;
    }
    while (op->weights) {
        packed *next = op->weights->next;
        free(op->weights->values);
        free(op->weights);
        op->weights = next;
    }
    free(op->bias);
    pthread_mutex_destroy(&op->lock);
}

static cdnn_status operation_init(operation *op, long outputs, const float *bias) {
    memset(op, 0, sizeof *op);
    if (pthread_mutex_init(&op->lock, NULL) != 0) return CDNN_OUT_OF_MEMORY;
    if (!bias) return CDNN_OK;
    op->bias = malloc((size_t)outputs * sizeof(float));
    if (!op->bias) return CDNN_OUT_OF_MEMORY;
    memcpy(op->bias, bias, (size_t)outputs * sizeof(float));
    return CDNN_OK;
}

// Copies a tensor from one layout into another.
static dnnl_status_t reorder(
    const cdnn_table *lib, layout_ref from_layout, const void *from, layout_ref to_layout, void *to) {
    dnnl_stream_t stream = cdnn_stream(lib);
    if (!stream) return dnnl_out_of_memory;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t source = NULL, target = NULL;
    dnnl_status_t status = lib->dnnl_reorder_primitive_desc_create(
        &desc, from_layout, lib->engine, to_layout, lib->engine, NULL);
    if (status == dnnl_success) status = lib->dnnl_primitive_create(&primitive, desc);
    if (status == dnnl_success)
        status = lib->dnnl_memory_create(&source, from_layout, lib->engine, (void *)from);
    if (status == dnnl_success) status = lib->dnnl_memory_create(&target, to_layout, lib->engine, to);
    if (status == dnnl_success) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
        status = lib->dnnl_primitive_execute(primitive, stream, 2, args);
        if (status == dnnl_success) status = lib->dnnl_stream_wait(stream);
    }
    if (target) lib->dnnl_memory_destroy(target);
    if (source) lib->dnnl_memory_destroy(source);
    if (primitive) lib->dnnl_primitive_destroy(primitive);
    if (desc) lib->dnnl_primitive_desc_destroy(desc);
    return status;
}

// Gives `made` the weights in the layout its primitive wants, packing them when no copy has it yet.
static cdnn_status attach_weights(
    const cdnn_table *lib, operation *op, prepared *made, layout_ref plain_layout, const void *plain) {
    for (packed *copy = op->weights; copy; copy = copy->next)
        if (lib->dnnl_memory_desc_equal(copy->layout, made->w)) {
            made->weights = copy->values;
            return CDNN_OK;
        }
    packed *copy = calloc(1, sizeof *copy);
    size_t size = (lib->dnnl_memory_desc_get_size(made->w) + 63) / 64 * 64;
    if (copy) copy->values = aligned_alloc(64, size);
    if (!copy || !copy->values) {
        free(copy);
        return CDNN_OUT_OF_MEMORY;
    }
    if (!plain) {
        plain_layout = op->weights->layout;
        plain = op->weights->values;
    }
    dnnl_status_t status = reorder(lib, plain_layout, plain, made->w, copy->values);
    if (status != dnnl_success) {
        free(copy->values);
        free(copy);
        return cdnn_check(status);
    }
    copy->layout = made->w;
    // The first copy stays first: later ones are made from it.
    packed **end = &op->weights;
    while (*end) end = &(*end)->next;
    *end = copy;
    made->weights = copy->values;
    return CDNN_OK;
}

// Takes a primitive descriptor into the operation's cache, with its primitive and weights.
static cdnn_status keep(
    const cdnn_table *lib, operation *op, dnnl_primitive_desc_t desc, const long *sizes,
    layout_ref plain_layout, const void *plain, prepared **result) {
    prepared *made = calloc(1, sizeof *made);
    if (!made) {
        lib->dnnl_primitive_desc_destroy(desc);
        return CDNN_OUT_OF_MEMORY;
    }
    memcpy(made->sizes, sizes, sizeof made->sizes);
    made->desc = desc;
    made->x = lib->dnnl_primitive_desc_query_md(desc, dnnl_query_src_md, 0);
    made->w = lib->dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 0);
    made->b = lib->dnnl_primitive_desc_query_md(desc, dnnl_query_weights_md, 1);
    made->y = lib->dnnl_primitive_desc_query_md(desc, dnnl_query_dst_md, 0);
    made->scratch = lib->dnnl_primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
    cdnn_status status = cdnn_check(lib->dnnl_primitive_create(&made->primitive, desc));
    if (status == CDNN_OK) status = attach_weights(lib, op, made, plain_layout, plain);
    if (status != CDNN_OK) {
        if (made->primitive) lib->dnnl_primitive_destroy(made->primitive);
        lib->dnnl_primitive_desc_destroy(desc);
        free(made);
        return status;
    }
    made->next = op->primitives;
    op->primitives = made;
    *result = made;
    return CDNN_OK;
}

static prepared *find(operation *op, const long *sizes) {
    for (prepared *p = op->primitives; p; p = p->next)
        if (memcmp(p->sizes, sizes, sizeof p->sizes) == 0) return p;
    return NULL;
}

static cdnn_status execute(
    const cdnn_table *lib, const operation *op, const prepared *p, const float *x, float *y) {
    dnnl_stream_t stream = cdnn_stream(lib);
    size_t scratch_size = p->scratch ? lib->dnnl_memory_desc_get_size(p->scratch) : 0;
    void *scratch = cdnn_scratch(scratch_size);
    if (!stream || !scratch) return CDNN_OUT_OF_MEMORY;
    struct { int argument; layout_ref layout; void *values; } uses[5] = {
        {DNNL_ARG_SRC, p->x, (void *)x},
        {DNNL_ARG_WEIGHTS, p->w, (void *)p->weights},
        {DNNL_ARG_DST, p->y, y},
        {DNNL_ARG_SCRATCHPAD, p->scratch, scratch},
        {DNNL_ARG_BIAS, p->b, op->bias},
    };
    int count = op->bias ? 5 : 4;
    dnnl_exec_arg_t args[5];
    int made = 0;
    dnnl_status_t status = dnnl_success;
    for (; made < count && status == dnnl_success; made++) {
        args[made].arg = uses[made].argument;
        args[made].memory = NULL;
        status = lib->dnnl_memory_create(
            &args[made].memory, uses[made].layout, lib->engine, uses[made].values);
    }
    if (status == dnnl_success) status = lib->dnnl_primitive_execute(p->primitive, stream, count, args);
    if (status == dnnl_success) status = lib->dnnl_stream_wait(stream);
    for (int i = 0; i < made; i++)
        if (args[i].memory) lib->dnnl_memory_destroy(args[i].memory);
    return cdnn_check(status);
}

// Attributes with our own scratch memory (the library's would tie a primitive to one thread), an optional sum
// with the target and an activation.
static dnnl_status_t attributes(
    const cdnn_table *lib, int adds, cdnn_activation activation, dnnl_primitive_attr_t *attr) {
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = lib->dnnl_primitive_attr_create(attr);
    if (status == dnnl_success)
        status = lib->dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success) status = lib->dnnl_post_ops_create(&ops);
    if (status == dnnl_success && adds) status = append_sum(lib, ops);
    if (status == dnnl_success && activation == CDNN_RELU)
        status = append_activation(lib, ops, dnnl_eltwise_relu, 0);
    if (status == dnnl_success && activation == CDNN_GELU)
        status = append_activation(lib, ops, dnnl_eltwise_gelu_erf, 0);
    if (status == dnnl_success && activation == CDNN_QUICK_GELU)
        status = append_activation(lib, ops, dnnl_eltwise_swish, 1.702f);
    if (status == dnnl_success && activation == CDNN_GELU_TANH)
        status = append_activation(lib, ops, dnnl_eltwise_gelu_tanh, 0);
    if (status == dnnl_success) status = lib->dnnl_primitive_attr_set_post_ops(*attr, ops);
    if (ops) lib->dnnl_post_ops_destroy(ops);
    return status;
}

// MARK: linear

static cdnn_status linear_prepare(
    const cdnn_table *lib, cdnn_linear *l, long rows, const float *plain, prepared **result) {
    dnnl_dims_t x_dims = {rows, l->inputs}, w_dims = {l->inputs, l->outputs}, b_dims = {1, l->outputs};
    dnnl_dims_t y_dims = {rows, l->outputs};
    if (!cdnn_stream(lib)) return CDNN_OUT_OF_MEMORY;  // puts this thread's thread count in force
    layout x = {0}, any = {0}, plain_w = {0}, b = {0}, y = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = layout_make(lib, &x, 2, x_dims, dnnl_ab);
    if (status == dnnl_success) status = layout_make(lib, &any, 2, w_dims, dnnl_format_tag_any);
    if (status == dnnl_success) status = layout_make(lib, &plain_w, 2, w_dims, dnnl_ba);
    if (status == dnnl_success) status = layout_make(lib, &b, 2, b_dims, dnnl_ab);
    if (status == dnnl_success) status = layout_make(lib, &y, 2, y_dims, dnnl_ab);
    if (status == dnnl_success) status = attributes(lib, l->accumulates, l->activation, &attr);
    layout_ref bias = l->shared.bias ? REF(b) : NULL;
    if (status == dnnl_success) {
        // Other row counts should do with the weights as they are packed; only if not, another copy is made.
        if (l->shared.weights)
            status = matmul_desc(lib, &desc, REF(x), l->shared.weights->layout, bias, REF(y), attr);
        if (!desc) status = matmul_desc(lib, &desc, REF(x), REF(any), bias, REF(y), attr);
    }
    cdnn_status outcome = cdnn_check(status);
    if (status == dnnl_success) {
        long sizes[4] = {rows, cdnn_threads()};
        outcome = keep(lib, &l->shared, desc, sizes, REF(plain_w), plain, result);
    }
    if (attr) lib->dnnl_primitive_attr_destroy(attr);
    layout_free(lib, &y);
    layout_free(lib, &b);
    layout_free(lib, &plain_w);
    layout_free(lib, &any);
    layout_free(lib, &x);
    return outcome;
}

cdnn_status cdnn_linear_create(
    long inputs, long outputs, const float *weights, const float *bias, cdnn_activation activation,
    int accumulates, long rows_hint, cdnn_linear **result) {
    const cdnn_table *lib = cdnn_library();
    if (!lib) return CDNN_UNAVAILABLE;
    cdnn_linear *linear = malloc(sizeof *linear);
    if (!linear) return CDNN_OUT_OF_MEMORY;
    cdnn_status status = operation_init(&linear->shared, outputs, bias);
    linear->inputs = inputs;
    linear->outputs = outputs;
    linear->activation = activation;
    linear->accumulates = accumulates;
    prepared *first;
    if (status == CDNN_OK) status = linear_prepare(lib, linear, rows_hint, weights, &first);
    if (status != CDNN_OK) {
        cdnn_linear_destroy(linear);
        return status;
    }
    *result = linear;
    return CDNN_OK;
}

cdnn_status cdnn_linear_run(cdnn_linear *linear, long rows, const float *x, float *y) {
    const cdnn_table *lib = cdnn_library();
    if (!lib) return CDNN_UNAVAILABLE;
    long sizes[4] = {rows, cdnn_threads()};
    pthread_mutex_lock(&linear->shared.lock);
    prepared *p = find(&linear->shared, sizes);
    cdnn_status status = p ? CDNN_OK : linear_prepare(lib, linear, rows, NULL, &p);
    pthread_mutex_unlock(&linear->shared.lock);
    return status == CDNN_OK ? execute(lib, &linear->shared, p, x, y) : status;
}

void cdnn_linear_destroy(cdnn_linear *linear) {
    if (!linear) return;
    operation_free(cdnn_library(), &linear->shared);
    free(linear);
}

// MARK: convolution

static cdnn_status conv_prepare(
    const cdnn_table *lib, cdnn_conv *c, const long *sizes, const float *plain, prepared **result) {
    const cdnn_conv_shape *s = &c->shape;
    dnnl_dims_t x_dims = {sizes[0], s->inputs, sizes[1], sizes[2]};
    dnnl_dims_t w_dims = {s->outputs, s->inputs, s->kernel, s->kernel}, b_dims = {s->outputs};
    dnnl_dims_t y_dims = {
        sizes[0], s->outputs, (sizes[1] + 2 * s->padding - s->kernel) / s->stride + 1,
        (sizes[2] + 2 * s->padding - s->kernel) / s->stride + 1};
    if (!cdnn_stream(lib)) return CDNN_OUT_OF_MEMORY;  // puts this thread's thread count in force
    layout x = {0}, any = {0}, plain_w = {0}, b = {0}, y = {0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = layout_make(lib, &x, 4, x_dims, dnnl_nhwc);
    if (status == dnnl_success) status = layout_make(lib, &any, 4, w_dims, dnnl_format_tag_any);
    if (status == dnnl_success) status = layout_make(lib, &plain_w, 4, w_dims, dnnl_oihw);
    if (status == dnnl_success) status = layout_make(lib, &b, 1, b_dims, dnnl_a);
    if (status == dnnl_success) status = layout_make(lib, &y, 4, y_dims, dnnl_nhwc);
    if (status == dnnl_success) status = attributes(lib, s->adds, s->relu ? CDNN_RELU : CDNN_IDENTITY, &attr);
    if (status == dnnl_success) {
        if (c->shared.weights)
            status = convolution_desc(
                lib, &desc, REF(x), c->shared.weights->layout, REF(b), REF(y), s->stride, s->padding, attr);
        if (!desc)
            status = convolution_desc(
                lib, &desc, REF(x), REF(any), REF(b), REF(y), s->stride, s->padding, attr);
    }
    cdnn_status outcome = cdnn_check(status);
    if (status == dnnl_success) outcome = keep(lib, &c->shared, desc, sizes, REF(plain_w), plain, result);
    if (attr) lib->dnnl_primitive_attr_destroy(attr);
    layout_free(lib, &y);
    layout_free(lib, &b);
    layout_free(lib, &plain_w);
    layout_free(lib, &any);
    layout_free(lib, &x);
    return outcome;
}

cdnn_status cdnn_conv_create(
    const cdnn_conv_shape *shape, const float *weights, const float *bias, long count_hint, long height_hint,
    long width_hint, cdnn_conv **result) {
    const cdnn_table *lib = cdnn_library();
    if (!lib) return CDNN_UNAVAILABLE;
    cdnn_conv *conv = malloc(sizeof *conv);
    if (!conv) return CDNN_OUT_OF_MEMORY;
    cdnn_status status = operation_init(&conv->shared, shape->outputs, bias);
    conv->shape = *shape;
    long sizes[4] = {count_hint, height_hint, width_hint, cdnn_threads()};
    prepared *first;
    if (status == CDNN_OK) status = conv_prepare(lib, conv, sizes, weights, &first);
    if (status != CDNN_OK) {
        cdnn_conv_destroy(conv);
        return status;
    }
    *result = conv;
    return CDNN_OK;
}

cdnn_status cdnn_conv_run(cdnn_conv *conv, long count, long height, long width, const float *x, float *y) {
    const cdnn_table *lib = cdnn_library();
    if (!lib) return CDNN_UNAVAILABLE;
    long sizes[4] = {count, height, width, cdnn_threads()};
    pthread_mutex_lock(&conv->shared.lock);
    prepared *p = find(&conv->shared, sizes);
    cdnn_status status = p ? CDNN_OK : conv_prepare(lib, conv, sizes, NULL, &p);
    pthread_mutex_unlock(&conv->shared.lock);
    return status == CDNN_OK ? execute(lib, &conv->shared, p, x, y) : status;
}

void cdnn_conv_destroy(cdnn_conv *conv) {
    if (!conv) return;
    operation_free(cdnn_library(), &conv->shared);
    free(conv);
}

// MARK: plain product

cdnn_status cdnn_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc) {
    const cdnn_table *lib = cdnn_library();
    if (!lib || !cdnn_stream(lib)) return CDNN_UNAVAILABLE;
    return cdnn_check(
        lib->dnnl_sgemm('N', transposed ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc));
}

#else

cdnn_status cdnn_linear_create(
    long inputs, long outputs, const float *weights, const float *bias, cdnn_activation activation,
    int accumulates, long rows_hint, cdnn_linear **result) {
    return CDNN_UNAVAILABLE;
}
cdnn_status cdnn_linear_run(cdnn_linear *linear, long rows, const float *x, float *y) {
    return CDNN_UNAVAILABLE;
}
void cdnn_linear_destroy(cdnn_linear *linear) {}
cdnn_status cdnn_conv_create(
    const cdnn_conv_shape *shape, const float *weights, const float *bias, long count_hint, long height_hint,
    long width_hint, cdnn_conv **result) {
    return CDNN_UNAVAILABLE;
}
cdnn_status cdnn_conv_run(cdnn_conv *conv, long count, long height, long width, const float *x, float *y) {
    return CDNN_UNAVAILABLE;
}
void cdnn_conv_destroy(cdnn_conv *conv) {}
cdnn_status cdnn_sgemm(
    int transposed, long m, long n, long k, float alpha, const float *a, long lda, const float *b, long ldb,
    float beta, float *c, long ldc) {
    return CDNN_UNAVAILABLE;
}

#endif
