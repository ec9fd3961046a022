#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// Making, listing and resolving folders.
public enum Folders {
    /// One name in a folder, with the kind the folder itself tells (nil when the file system does not say).
    public struct Entry: Sendable {
        /// The name, byte for byte.
        public let name: FilePath.Component
        /// The kind of file, nil when it takes a `stat` to know.
        public let kind: FileStatus.Kind?
    }

    /// Creates a folder and those above it that are missing; an existing one is no error.
    public static func create(_ path: FilePath) throws(SystemError) {
        if path.isEmpty { return }
        if path.withPlatformString({ mkdir($0, 0o755) }) == 0 { return }
        switch errno {
        case EEXIST:
            guard try FileStatus.of(path).kind == .directory else {
                throw SystemError("create the folder", path: path, errno: .notDirectory)
            }
        case ENOENT:
            let parent = path.removingLastComponent()
            guard parent != path, !parent.isEmpty else {
                throw SystemError("create the folder", path: path, errno: .noSuchFileOrDirectory)
            }
            try create(parent)
            if path.withPlatformString({ mkdir($0, 0o755) }) != 0, errno != EEXIST {
                throw SystemError("create the folder", path: path, errno: Errno(rawValue: errno))
            }
        default:
            throw SystemError("create the folder", path: path, errno: Errno(rawValue: errno))
        }
    }

    /// The entries of a folder without `.` and `..`, sorted by the bytes of their names.
    public static func list(_ path: FilePath) throws(SystemError) -> [Entry] {
        guard let folder = path.withPlatformString({ opendir($0) }) else {
            throw SystemError("list the folder", path: path, errno: Errno(rawValue: errno))
        }
        defer { closedir(folder) }
        var entries: [Entry] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else {
                if errno != 0 {
                    throw SystemError("list the folder", path: path, errno: Errno(rawValue: errno))
                }
                break
            }
            let kind: FileStatus.Kind? =
                switch Int32(entry.pointee.d_type) {
                case Int32(DT_REG): .regular
                case Int32(DT_DIR): .directory
                case Int32(DT_LNK): .symbolicLink
                case Int32(DT_UNKNOWN): nil
                default: .other
                }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(
                    to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)
                ) {
                    FilePath.Component(platformString: $0)
                }
            }
            guard let name, name.kind == .regular else { continue }
            entries.append(Entry(name: name, kind: kind))
        }
        // A name's bytes are copied each time they are asked for.
        return entries.map { (entry: $0, bytes: $0.name.bytes) }
            .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }.map(\.entry)
    }

    /// The absolute path with every symbolic link, `.` and `..` resolved; the file must exist.
    public static func resolve(_ path: FilePath) throws(SystemError) -> FilePath {
        guard let resolved = path.withPlatformString({ realpath($0, nil) }) else {
            throw SystemError("resolve", path: path, errno: Errno(rawValue: errno))
        }
        defer { free(resolved) }
        return FilePath(platformString: resolved)
    }

    /// Where a symbolic link points, as it is written in it.
    public static func linkTarget(_ link: FilePath) throws(SystemError) -> FilePath {
        var buffer = [CChar](repeating: 0, count: 4097)
        let count = link.withPlatformString { readlink($0, &buffer, buffer.count - 1) }
        guard count > 0, count < buffer.count - 1,
            let target = FilePath(bytes: buffer.prefix(count).map { UInt8(bitPattern: $0) })
        else {
            throw SystemError(
                "read the link", path: link, errno: count < 0 ? Errno(rawValue: errno) : .fileNameTooLong)
        }
        return target
    }

    /// The current folder.
    public static func current() throws(SystemError) -> FilePath { try resolve(".") }

    /// Removes a folder and everything in it; symbolic links are removed, not followed.
    public static func removeTree(_ path: FilePath) throws(SystemError) {
        let status = try FileStatus.of(path, followingLinks: false)
        if status.kind == .directory {
            for entry in try list(path) { try removeTree(path.appending(entry.name)) }
            guard path.withPlatformString({ rmdir($0) }) == 0 else {
                throw SystemError("remove", path: path, errno: Errno(rawValue: errno))
            }
        } else {
            guard path.withPlatformString({ unlink($0) }) == 0 else {
                throw SystemError("remove", path: path, errno: Errno(rawValue: errno))
            }
        }
    }
}

extension FilePath {
    /// The path's bytes, exactly as the file system has them.
    public var bytes: [UInt8] {
        withPlatformString { pointer in
            Array(UnsafeRawBufferPointer(start: pointer, count: strlen(pointer)))
        }
    }

    /// A path from bytes; nil when they hold a NUL.
    public init?(bytes: some Sequence<UInt8>) {
        var text = bytes.map { CChar(bitPattern: $0) }
        guard !text.contains(0) else { return nil }
        text.append(0)
        self = text.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath("")
        }
    }
}

extension FilePath.Component {
    /// The name's bytes, exactly as the file system has them.
    public var bytes: [UInt8] { FilePath(root: nil, [self]).bytes }
}
