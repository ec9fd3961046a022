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

// glibc moves both limits by itself as it meets large blocks: what a huge picture took would stay in each thread's arena. What
// most photographs take, their files and small pictures, comes back with every file: cleared pages for it are a twelfth of
// the time of indexing, so some of it is kept.
static void limit_what_is_kept(void) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, 16 << 20);
    mallopt(M_TRIM_THRESHOLD, 24 << 20);
#endif
}

void *cdnn_block(size_t size) {
    pthread_once(&once, limit_what_is_kept);
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
