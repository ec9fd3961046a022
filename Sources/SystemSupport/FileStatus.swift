#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// What `stat` tells about a file, as far as imgvec looks at it.
public struct FileStatus: Sendable, Hashable {
    /// What kind of thing stands at a path.
    public enum Kind: Sendable, Hashable { case regular, directory, symbolicLink, other }

    /// The kind of file.
    public let kind: Kind
    /// Size in bytes.
    public let size: Int64
    /// Time of last modification in nanoseconds since 1970.
    public private(set) var modifiedNanoseconds: Int64
    /// The device the file stands on.
    public let device: UInt64
    /// The file's number on that device; hard links share it.
    public let inode: UInt64
    /// How many names the file has.
    public let linkCount: UInt64
    /// Time of the last change of content, names or permissions, in nanoseconds since 1970; nobody can set it.
    public let changedNanoseconds: Int64
    /// The permission bits, as `chmod` takes them.
    public private(set) var permissions: UInt32
    /// The user the file belongs to.
    public let owner: UInt32

    /// Asks for a path's status; `followingLinks` decides whether a symbolic link is looked through.
    public static func of(
        _ path: FilePath, followingLinks: Bool = true
    ) throws(SystemError) -> FileStatus {
        var raw = stat()
        let result = path.withPlatformString { name in
            followingLinks ? stat(name, &raw) : lstat(name, &raw)
        }
        guard result == 0 else {
            throw SystemError("read the status of", path: path, errno: Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// Asks for an open file's status.
    public static func of(_ file: FileDescriptor, path: FilePath) throws(SystemError) -> FileStatus {
        var raw = stat()
        guard fstat(file.rawValue, &raw) == 0 else {
            throw SystemError("read the status of", path: path, errno: Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// Asks for the status of a name in an open folder; a symbolic link is not followed.
    package static func of(
        _ name: FilePath.Component, in folder: FileDescriptor, path: FilePath
    ) throws(SystemError) -> FileStatus {
        var raw = stat()
        let result = FilePath(root: nil, [name]).withPlatformString {
            fstatat(folder.rawValue, $0, &raw, AT_SYMLINK_NOFOLLOW)
        }
        guard result == 0 else {
            throw SystemError("read the status of", path: path, errno: Errno(rawValue: errno))
        }
        return FileStatus(raw)
    }

    /// The same status with another time and other permissions, for giving to a copy.
    package func with(modified: Int64, permissions: UInt32) -> FileStatus {
        var status = self
        status.modifiedNanoseconds = modified
        status.permissions = permissions
        return status
    }

    private init(_ raw: stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        size = Int64(raw.st_size)
        #if os(Linux)
            let time = raw.st_mtim, change = raw.st_ctim
        #else
            let time = raw.st_mtimespec, change = raw.st_ctimespec
        #endif
        // Wrapping on purpose: a file system may hand out any 64-bit time, and it is only compared.
        modifiedNanoseconds = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        changedNanoseconds = Int64(change.tv_sec) &* 1_000_000_000 &+ Int64(change.tv_nsec)
        device = UInt64(truncatingIfNeeded: raw.st_dev)
        inode = UInt64(raw.st_ino)
        linkCount = UInt64(raw.st_nlink)
        permissions = UInt32(raw.st_mode & 0o7777)
        owner = UInt32(raw.st_uid)
    }
}
