#include "internal.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cc_failure_text(const cc_failure *failure) { return failure->text; }

void cc_fail(cc_failure *failure, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
    for (char *c = failure->text; *c; c++) {
        if (*c < 0x20 || *c > 0x7e) *c = '?';
    }
}

void cc_header_release(cc_header *header) {
    free(header->exif);
    header->exif = NULL;
    header->exif_count = 0;
}

size_t cc_read(cc_reader *reader, uint8_t *into, size_t wanted) {
    size_t available = reader->count - reader->offset;
    if (wanted > available) {
        reader->ended = true;
        wanted = available;
    }
    if (wanted > 0) memcpy(into, reader->data + reader->offset, wanted);
    reader->offset += wanted;
    return wanted;
}

bool cc_library_open(
    const char *const *names, const cc_symbol *symbols, size_t symbol_count, cc_failure *failure) {
    void *handle = NULL;
    for (size_t i = 0; names[i] != NULL && handle == NULL; i++) {
        handle = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
        if (handle == NULL && i == 0) {
            const char *reason = dlerror();
            cc_fail(failure, "%s", reason ? reason : names[i]);
        }
    }
    if (handle == NULL) return false;
    for (size_t i = 0; i < symbol_count; i++) {
        *symbols[i].address = dlsym(handle, symbols[i].name);
        if (*symbols[i].address == NULL) {
            cc_fail(failure, "the installed %s is too old: it has no %s", names[0], symbols[i].name);
            dlclose(handle);
            return false;
        }
    }
    return true; // the handle is kept: the library stays until the process ends
}
