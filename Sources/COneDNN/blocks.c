#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include "COneDNN.h"
#include <pthread.h>
#include <sys/mman.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

// A mapping's length stands in the cache line before what the caller gets.
enum { FRONT = 64 };

static pthread_once_t once = PTHREAD_ONCE_INIT;

// glibc stops mapping large blocks by themselves as soon as one has been freed, and each thread's arena then keeps what
// a file's bytes and a picture's pixels took in it. A program that multiplies large matrices has better use for that.
static void map_large_allocations(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#endif
}

void *cdnn_block(size_t size) {
    pthread_once(&once, map_large_allocations);
    size_t whole = size + FRONT;
    if (whole < size) return NULL;
    char *mapped = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    *(size_t *)(void *)mapped = whole;
    return mapped + FRONT;
}

void cdnn_block_free(void *block) {
    if (!block) return;
    char *mapped = (char *)block - FRONT;
    munmap(mapped, *(size_t *)(void *)mapped);
}
