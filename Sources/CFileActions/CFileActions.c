#define _GNU_SOURCE
#include "CFileActions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#include <copyfile.h>
#include <sys/clonefile.h>
#else
#include <sys/xattr.h>
#include <sys/ioctl.h>
// linux/fs.h: _IOW(0x94, 9, int); the header itself is part of the kernel's development files.
#ifndef FICLONE
#define FICLONE _IOW(0x94, 9, int)
#endif
#endif

int imgvec_rename_exclusively(int from_folder, const char *from, int to_folder, const char *to) {
#ifdef __APPLE__
    return renameatx_np(from_folder, from, to_folder, to, RENAME_EXCL);
#else
    int result = renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE);
    // EINVAL: the file system knows no flags; ENOSYS: neither does the kernel.
    if (result != 0 && (errno == EINVAL || errno == ENOSYS)) errno = ENOTSUP;
    return result;
#endif
}

unsigned long long imgvec_mount(int folder, const char *path) {
#ifdef STATX_MNT_ID
    struct statx status;
    int result = statx(folder, path, AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &status);
    if (result == 0 && (status.stx_mask & STATX_MNT_ID)) return status.stx_mnt_id;
#else
    (void)folder;
    (void)path;
#endif
    return 0;
}

int imgvec_clone(int file, int folder, const char *name, unsigned permissions) {
#ifdef __APPLE__
    (void)permissions;
    return fclonefileat(file, folder, name, 0);
#else
    int made = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions);
    if (made < 0) return -1;
    if (ioctl(made, FICLONE, file) == 0 && fsync(made) == 0) return close(made);
    int reason = errno;
    close(made);
    unlinkat(folder, name, 0);
    errno = reason;
    return -1;
#endif
}

int imgvec_set_modified(int file, long long seconds, long nanoseconds) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)seconds, .tv_nsec = nanoseconds}};
    return futimens(file, times);
}

#ifdef __APPLE__
int imgvec_copy_attributes(int from, int to) {
    // fcopyfile(3) passes over what the other file system cannot hold.
    return fcopyfile(from, to, NULL, COPYFILE_XATTR);
}
#else
// One attribute; -1 and errno when it cannot be copied.
static int copy_attribute(int from, int to, const char *name) {
    for (int attempt = 0; attempt < 4; attempt++) {
        ssize_t size = fgetxattr(from, name, NULL, 0);
        if (size < 0) return errno == ENODATA ? 0 : -1;
        char *value = malloc((size_t)size + 1);
        if (!value) return -1;
        ssize_t count = fgetxattr(from, name, value, (size_t)size);
        int result = count < 0 ? -1 : fsetxattr(to, name, value, (size_t)count, 0);
        int reason = errno;
        free(value);
        if (result == 0) return 0;
        errno = reason;
        // It has grown meanwhile: once more.
        if (count >= 0 || reason != ERANGE) return reason == ENOTSUP ? 0 : -1;
    }
    return -1;
}

int imgvec_copy_attributes(int from, int to) {
    ssize_t size = flistxattr(from, NULL, 0);
    if (size <= 0) return size == 0 || errno == ENOTSUP ? 0 : -1;
    char *names = malloc((size_t)size);
    if (!names) return -1;
    ssize_t count = flistxattr(from, names, (size_t)size);
    int result = count < 0 ? -1 : 0;
    for (const char *name = names; result == 0 && name < names + count; name += strlen(name) + 1) {
        // The other name spaces are the system's: labels and access lists that mean something on their own disk only.
        if (strncmp(name, "user.", 5) == 0) result = copy_attribute(from, to, name);
    }
    int reason = errno;
    free(names);
    errno = reason;
    return result;
}
#endif
