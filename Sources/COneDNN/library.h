// The functions of oneDNN that are used, as pointers found at run time. The table is declared from the
// library's own headers, so a signature that differs between versions is a compile error, not a crash.
#ifndef CDNN_LIBRARY_H
#define CDNN_LIBRARY_H

#include "COneDNN.h"
#include "scratch.h"

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#define CDNN_HAS_HEADERS 1

#if DNNL_VERSION_MAJOR >= 3
#define CDNN_VERSIONED_FUNCTIONS(X) \
    X(dnnl_memory_desc_create_with_tag) \
    X(dnnl_memory_desc_destroy) \
    X(dnnl_matmul_primitive_desc_create) \
    X(dnnl_convolution_forward_primitive_desc_create)
#else
#define CDNN_VERSIONED_FUNCTIONS(X) \
    X(dnnl_memory_desc_init_by_tag) \
    X(dnnl_matmul_desc_init) \
    X(dnnl_convolution_forward_desc_init) \
    X(dnnl_primitive_desc_create)
#endif

#define CDNN_FUNCTIONS(X) \
    X(dnnl_version) \
    X(dnnl_engine_create) \
    X(dnnl_stream_create) \
    X(dnnl_stream_destroy) \
    X(dnnl_stream_wait) \
    X(dnnl_memory_create) \
    X(dnnl_memory_destroy) \
    X(dnnl_memory_desc_get_size) \
    X(dnnl_memory_desc_equal) \
    X(dnnl_post_ops_create) \
    X(dnnl_post_ops_destroy) \
    X(dnnl_post_ops_append_eltwise) \
    X(dnnl_post_ops_append_sum) \
    X(dnnl_primitive_attr_create) \
    X(dnnl_primitive_attr_destroy) \
    X(dnnl_primitive_attr_set_post_ops) \
    X(dnnl_primitive_attr_set_scratchpad_mode) \
    X(dnnl_primitive_create) \
    X(dnnl_primitive_destroy) \
    X(dnnl_primitive_desc_destroy) \
    X(dnnl_primitive_desc_query_md) \
    X(dnnl_primitive_execute) \
    X(dnnl_reorder_primitive_desc_create) \
    X(dnnl_sgemm) \
    CDNN_VERSIONED_FUNCTIONS(X)

typedef struct cdnn_table {
#define CDNN_FIELD(name) __typeof__(&name) name;
    CDNN_FUNCTIONS(CDNN_FIELD)
#undef CDNN_FIELD
    void (*omp_set_num_threads)(int);  // null where the library brings another runtime
    dnnl_engine_t engine;
    int version;
} cdnn_table;

/// The loaded library, or NULL; tried once.
const cdnn_table *cdnn_library(void);
/// This thread's stream, with the OpenMP thread count of this thread in force; NULL when out of memory.
dnnl_stream_t cdnn_stream(const cdnn_table *library);
/// Remembers a status for cdnn_last_failure and gives ours.
cdnn_status cdnn_check(dnnl_status_t status);

#endif
#endif
