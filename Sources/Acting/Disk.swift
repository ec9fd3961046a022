import CFileActions
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import SystemPackage
package import SystemSupport

/// Every way in which acting changes a disk. The one real implementation is `SystemDisk`; tests put one before it
/// that stops or fails at a chosen call.
package protocol Disk: Sendable {
    /// Gives a file another name on the same file system; an existing name is never replaced.
    func rename(_ from: Place, to: Place) throws(SystemError)
    /// Gives a file a further name.
    func link(_ from: Place, to: Place) throws(SystemError)
    /// Makes a symbolic link.
    func symlink(to target: FilePath, at place: Place) throws(SystemError)
    /// Makes a file that shares an open file's blocks.
    func clone(_ file: FileDescriptor, to place: Place, permissions: UInt32) throws(SystemError)
    /// Makes a new, empty file; an existing name is refused.
    func create(_ place: Place, permissions: UInt32) throws(SystemError) -> FileDescriptor
    /// Appends bytes to an open file.
    func write(_ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, path: FilePath) throws(SystemError)
    /// Cuts an open file to a length and goes on writing there.
    func truncate(_ file: FileDescriptor, to length: Int64, path: FilePath) throws(SystemError)
    /// Gives an open file permissions, and the owner where the system allows it, and its modification time.
    func set(_ status: FileStatus, on file: FileDescriptor, path: FilePath) throws(SystemError)
    /// Gives an open file the extended attributes of another, as far as its file system holds such.
    func setAttributes(of source: FileDescriptor, on file: FileDescriptor, path: FilePath) throws(SystemError)
    /// Waits until an open file's data are on the disk.
    func flush(_ file: FileDescriptor, path: FilePath) throws(SystemError)
    /// Waits until a folder's names are on the disk.
    func flush(_ folder: OpenFolder) throws(SystemError)
    /// Removes a name.
    func remove(_ place: Place) throws(SystemError)
    /// Makes a folder, and those above it that are missing; an existing one is no error.
    func createFolder(_ path: FilePath, permissions: UInt32) throws(SystemError)
}

/// The disk as the operating system has it.
package struct SystemDisk: Disk {
    package init() {}

    package func rename(_ from: Place, to: Place) throws(SystemError) {
        let result = from.withName { a in
            to.withName { b in
                imgvec_rename_exclusively(from.folder.file.rawValue, a, to.folder.file.rawValue, b)
            }
        }
        if result == 0 { return }
        guard errno == ENOTSUP else {
            throw SystemError("rename", path: from.path, errno: Errno(rawValue: errno))
        }
        // Old file systems: a second name and the removal of the first replace nothing either.
        do { try link(from, to: to) } catch
            where error.errno == .notSupported || error.errno == .notPermitted
        {
            // No links either (FAT): what remains is to look first.
            guard try to.status() == nil else {
                throw SystemError("rename", path: from.path, errno: .fileExists)
            }
            try check("rename", from.path) {
                from.withName { a in
                    to.withName { b in renameat(from.folder.file.rawValue, a, to.folder.file.rawValue, b) }
                }
            }
            return
        }
        try remove(from)
    }

    package func link(_ from: Place, to: Place) throws(SystemError) {
        try check("link", from.path) {
            from.withName { a in
                to.withName { b in linkat(from.folder.file.rawValue, a, to.folder.file.rawValue, b, 0) }
            }
        }
    }

    package func symlink(to target: FilePath, at place: Place) throws(SystemError) {
        try check("link", place.path) {
            target.withPlatformString { a in
                place.withName { b in symlinkat(a, place.folder.file.rawValue, b) }
            }
        }
    }

    package func clone(_ file: FileDescriptor, to place: Place, permissions: UInt32) throws(SystemError) {
        try check("share the blocks of the kept file with", place.path) {
            place.withName {
                imgvec_clone(file.rawValue, place.folder.file.rawValue, $0, permissions)
            }
        }
    }

    package func create(_ place: Place, permissions: UInt32) throws(SystemError) -> FileDescriptor {
        let flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let made = place.withName {
            openat(place.folder.file.rawValue, $0, flags, mode_t(permissions))
        }
        guard made >= 0 else {
            throw SystemError("create", path: place.path, errno: Errno(rawValue: errno))
        }
        return FileDescriptor(rawValue: made)
    }

    package func write(
        _ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, path: FilePath
    ) throws(SystemError) {
        _ = try naming("write", path) { try file.writeAll(bytes) }
    }

    package func truncate(
        _ file: FileDescriptor, to length: Int64, path: FilePath
    ) throws(SystemError) {
        try naming("cut", path) {
            try file.resize(to: length)
            try file.seek(offset: length, from: .start)
        }
    }

    package func set(_ status: FileStatus, on file: FileDescriptor, path: FilePath) throws(SystemError) {
        // Only root may give files away; a copy made by somebody else is the copier's, as with cp.
        _ = fchown(file.rawValue, status.owner, gid_t.max)
        try check("set the permissions of", path) { fchmod(file.rawValue, mode_t(status.permissions)) }
        let (seconds, rest) = status.modifiedNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let isBefore1970 = rest < 0
        try check("set the time of", path) {
            imgvec_set_modified(
                file.rawValue, isBefore1970 ? seconds - 1 : seconds,
                Int(isBefore1970 ? rest + 1_000_000_000 : rest))
        }
    }

    package func setAttributes(
        of source: FileDescriptor, on file: FileDescriptor, path: FilePath
    ) throws(SystemError) {
        try check("set the extended attributes of", path) {
            imgvec_copy_attributes(source.rawValue, file.rawValue)
        }
    }

    package func flush(_ file: FileDescriptor, path: FilePath) throws(SystemError) {
        try AtomicFile.flush(file, path: path)
    }

    package func flush(_ folder: OpenFolder) throws(SystemError) {
        // Some network file systems cannot flush a folder and say so; there is nothing better to do on them.
        guard fsync(folder.file.rawValue) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw SystemError("flush", path: folder.path, errno: Errno(rawValue: errno))
        }
    }

    package func remove(_ place: Place) throws(SystemError) {
        try check("remove", place.path) {
            place.withName { unlinkat(place.folder.file.rawValue, $0, 0) }
        }
    }

    package func createFolder(_ path: FilePath, permissions: UInt32) throws(SystemError) {
        if path.withPlatformString({ mkdir($0, mode_t(permissions)) }) == 0 || errno == EEXIST { return }
        let parent = path.removingLastComponent()
        guard errno == ENOENT, parent != path, !parent.isEmpty else {
            throw SystemError("create the folder", path: path, errno: Errno(rawValue: errno))
        }
        try createFolder(parent, permissions: 0o755)
        guard path.withPlatformString({ mkdir($0, mode_t(permissions)) }) == 0 || errno == EEXIST else {
            throw SystemError("create the folder", path: path, errno: Errno(rawValue: errno))
        }
    }

    private func check(_ operation: String, _ path: FilePath, _ call: () -> Int32) throws(SystemError) {
        guard call() == 0 else { throw SystemError(operation, path: path, errno: Errno(rawValue: errno)) }
    }
}
