#ifndef CDNN_SCRATCH_H
#define CDNN_SCRATCH_H

#include <stddef.h>

/// This thread's scratch memory of at least `size` bytes, page-aligned; NULL when out of memory. The next call
/// from the same thread gives the same memory again, or a larger one with other contents.
void *cdnn_scratch(size_t size);

/// A size that leaves what comes behind it at the beginning of a cache line.
static inline size_t cdnn_aligned(size_t size) { return (size + 63) / 64 * 64; }

#endif
