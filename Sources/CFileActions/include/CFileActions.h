// File system calls that exist under other names on Linux and macOS, or that Swift cannot see.
#ifndef IMGVEC_FILE_ACTIONS_H
#define IMGVEC_FILE_ACTIONS_H

// Renames without ever replacing anything: -1 and EEXIST when the new name is taken; -1 and ENOTSUP when the
// file system cannot promise that.
int imgvec_rename_exclusively(int from_folder, const char *_Nonnull from, int to_folder, const char *_Nonnull to);

// The number of the mount that a path (relative to a folder, or with an empty path the folder itself) is reached
// through; 0 where the system does not tell. One device may be mounted at several places, and rename(2) does not go
// from one to another.
unsigned long long imgvec_mount(int folder, const char *_Nonnull path);

// Makes a file of its own that shares an open file's blocks (copy on write): -1 and EOPNOTSUPP, EXDEV or EINVAL
// where the file system cannot. The name must be free.
int imgvec_clone(int file, int folder, const char *_Nonnull name, unsigned permissions);

// Sets an open file's modification time; its time of last access stays.
int imgvec_set_modified(int file, long long seconds, long nanoseconds);

// Gives an open file the extended attributes of another (the user's ones on Linux), as far as its file system holds
// such: 0, or -1 and a reason when one that could be held was not copied.
int imgvec_copy_attributes(int from, int to);

#endif
