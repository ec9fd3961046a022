#include "library.h"

static _Thread_local int last_failure;
static _Thread_local int wanted_threads = 1;

int cdnn_last_failure(void) { return last_failure; }
void cdnn_set_threads(int count) { wanted_threads = count > 1 ? count : 1; }
int cdnn_threads(void) { return wanted_threads; }

#if CDNN_HAS_HEADERS

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

// Only the major version that the table was compiled against: the next one has other signatures.
static const char *const names[] = {
#if defined(__APPLE__)
    "libdnnl." TEXT(DNNL_VERSION_MAJOR) ".dylib",
    "/opt/homebrew/lib/libdnnl." TEXT(DNNL_VERSION_MAJOR) ".dylib",
    "/usr/local/lib/libdnnl." TEXT(DNNL_VERSION_MAJOR) ".dylib",
#else
    "libdnnl.so." TEXT(DNNL_VERSION_MAJOR),
#endif
};

static cdnn_table table;
static const cdnn_table *loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;

// What a thread keeps between calls; freed when it ends.
typedef struct thread_state {
    dnnl_stream_t stream;
    int threads;
} thread_state;

static _Thread_local thread_state *state;

static void end_thread(void *pointer) {
    thread_state *ended = pointer;
    if (ended->stream) table.dnnl_stream_destroy(ended->stream);
    free(ended);
}

static void load(void) {
    void *handle = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !handle; i++)
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle) return;
#define CDNN_FIND(name) \
    table.name = (__typeof__(table.name))dlsym(handle, #name); \
    if (!table.name) return;
    CDNN_FUNCTIONS(CDNN_FIND)
#undef CDNN_FIND
    const dnnl_version_t *version = table.dnnl_version();
    if (version->major != DNNL_VERSION_MAJOR) return;
    table.version = version->major * 10000 + version->minor * 100 + version->patch;
    // The OpenMP that the library itself is linked to, found through its own dependencies.
    if (version->cpu_runtime == DNNL_RUNTIME_OMP)
        table.omp_set_num_threads = (void (*)(int))dlsym(handle, "omp_set_num_threads");
    if (table.dnnl_engine_create(&table.engine, dnnl_cpu, 0) != dnnl_success) return;
    if (pthread_key_create(&thread_key, end_thread) != 0) return;
    loaded = &table;
}

const cdnn_table *cdnn_library(void) {
    pthread_once(&once, load);
    return loaded;
}

static thread_state *current(void) {
    if (state) return state;
    thread_state *fresh = calloc(1, sizeof *fresh);
    if (!fresh) return NULL;
    if (pthread_setspecific(thread_key, fresh) != 0) {
        free(fresh);
        return NULL;
    }
    return state = fresh;
}

dnnl_stream_t cdnn_stream(const cdnn_table *library) {
    thread_state *mine = current();
    if (!mine) return NULL;
    if (!mine->stream) {
        dnnl_status_t status =
            library->dnnl_stream_create(&mine->stream, library->engine, dnnl_stream_default_flags);
        if (status != dnnl_success) mine->stream = NULL;
    }
    if (mine->threads != wanted_threads && library->omp_set_num_threads) {
        library->omp_set_num_threads(wanted_threads);
        mine->threads = wanted_threads;
    }
    return mine->stream;
}

cdnn_status cdnn_check(dnnl_status_t status) {
    if (status == dnnl_success) return CDNN_OK;
    last_failure = (int)status;
    if (status == dnnl_out_of_memory) return CDNN_OUT_OF_MEMORY;
    return status == dnnl_unimplemented ? CDNN_UNAVAILABLE : CDNN_FAILED;
}

int cdnn_available(void) { return cdnn_library() != NULL; }
int cdnn_version(void) { return cdnn_library() ? table.version : 0; }

#else

int cdnn_available(void) { return 0; }
int cdnn_version(void) { return 0; }

#endif
