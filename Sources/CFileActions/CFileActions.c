#define _GNU_SOURCE
#include "CFileActions.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#include <sys/clonefile.h>
#else
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
