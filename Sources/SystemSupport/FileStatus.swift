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
    public let modifiedNanoseconds: Int64
    /// The device the file stands on.
    public let device: UInt64
    /// The file's number on that device; hard links share it.
    public let inode: UInt64
    /// How many names the file has.
    public let linkCount: UInt64

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

    private init(_ raw: stat) {
        switch raw.st_mode & S_IFMT {
        case S_IFREG: kind = .regular
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        size = Int64(raw.st_size)
        #if os(Linux)
            let time = raw.st_mtim
        #else
            let time = raw.st_mtimespec
        #endif
        // Wrapping on purpose: a file system may hand out any 64-bit time, and it is only compared.
        modifiedNanoseconds = Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
        device = UInt64(truncatingIfNeeded: raw.st_dev)
        inode = UInt64(raw.st_ino)
        linkCount = UInt64(raw.st_nlink)
    }
}
