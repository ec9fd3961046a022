#include "scratch.h"
#include <pthread.h>
#include <stdlib.h>

// One block a thread, which only grows; freed when the thread ends.
typedef struct block {
    void *memory;
    size_t size;
} block;

static _Thread_local block *mine;
static pthread_key_t key;
static int has_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void end_thread(void *pointer) {
    block *ended = pointer;
    free(ended->memory);
    free(ended);
}

static void make_key(void) { has_key = pthread_key_create(&key, end_thread) == 0; }

void *cdnn_scratch(size_t size) {
    pthread_once(&once, make_key);
    if (!has_key) return NULL;
    if (!mine) {
        block *fresh = calloc(1, sizeof *fresh);
        if (!fresh) return NULL;
        if (pthread_setspecific(key, fresh) != 0) {
            free(fresh);
            return NULL;
        }
        mine = fresh;
    }
    if (!mine->memory || mine->size < size) {
        free(mine->memory);
        mine->size = 0;
        size_t rounded = (size + 4095) / 4096 * 4096 + 4096;
        mine->memory = aligned_alloc(4096, rounded);
        if (!mine->memory) return NULL;
        mine->size = rounded;
    }
    return mine->memory;
}
