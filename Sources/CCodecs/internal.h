// What the codec files share.
#ifndef CC_INTERNAL_H
#define CC_INTERNAL_H

#include "CCodecs.h"

// Writes a formatted reason; control characters and non-ASCII bytes become '?'.
void cc_fail(cc_failure *failure, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Bytes in memory with a reading position; `ended` is set by a read past the end.
typedef struct cc_reader {
    const uint8_t *data;
    size_t count, offset;
    bool ended;
} cc_reader;

// Copies up to `wanted` bytes and returns how many there were.
size_t cc_read(cc_reader *reader, uint8_t *into, size_t wanted);

#define CC_SAME_SIZE(header, w, h) ((header)->width == (w) && (header)->height == (h))

// Names under which a library is looked for: the versioned one that packages install, then the development link,
// then where Homebrew puts it.
#if defined(__APPLE__)
#define CC_LIBRARY_NAMES(name, version)                                                                               \
    {"lib" name "." version ".dylib", "lib" name ".dylib", "/opt/homebrew/lib/lib" name ".dylib",                     \
     "/usr/local/lib/lib" name ".dylib", NULL}
#else
#define CC_LIBRARY_NAMES(name, version) {"lib" name ".so." version, "lib" name ".so", NULL}
#endif

// A table of function pointers with the types the library's own header declares.
#define CC_MEMBER(name) __typeof__(name) *name;
#define CC_ENTRY(name) {#name, (void **)&library.name},

#endif
