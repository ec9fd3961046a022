#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// An exclusive lock on a file, held until the object goes; the kernel releases it when the process dies.
public final class FileLock: Sendable {
    private let file: FileDescriptor

    /// Takes the lock, or returns nil at once when another process (or this one) holds it.
    ///
    /// The file is created when missing, is left in place afterwards, and holds the owner's process number,
    /// for people to read.
    public init?(_ path: FilePath) throws(SystemError) {
        let file = try naming("open the lock", path) {
            try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        }
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let reason = Errno(rawValue: errno)
            try? file.close()
            if reason == .wouldBlock || reason == .resourceTemporarilyUnavailable { return nil }
            throw SystemError("lock", path: path, errno: reason)
        }
        self.file = file
        ftruncate(file.rawValue, 0)
        _ = try? file.writeAll(toAbsoluteOffset: 0, "\(getpid())\n".utf8)
    }

    /// Unlocks before closing: a child between fork and exec holds a copy of the descriptor, and would keep the lock.
    deinit {
        flock(file.rawValue, LOCK_UN)
        try? file.close()
    }

    /// The process number written in a lock file, if it can be read.
    public static func owner(of path: FilePath) -> Int? {
        guard let file = try? FileDescriptor.open(path, .readOnly) else { return nil }
        defer { try? file.close() }
        var buffer = [UInt8](repeating: 0, count: 32)
        let count = (try? buffer.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
        return Int(String(decoding: buffer.prefix(count), as: UTF8.self).prefix { $0.isNumber })
    }
}
