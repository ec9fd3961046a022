#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// Copying files of any size, sharing their blocks where the file system can.
public enum FileCopy {
    /// Copies a regular file's content to a new file, which must not exist, and waits until it is on the disk.
    ///
    /// On Btrfs and XFS under Linux no data are copied. On failure nothing is left. `isStopped` is asked every
    /// 1 MiB; when it says yes, an `interrupted` error is thrown.
    public static func copy(
        _ source: FilePath, to target: FilePath, isStopped: () -> Bool = { false }
    ) throws(SystemError) {
        // Non-blocking: opening a pipe that nobody writes to must not hang; it is refused by its kind.
        let from = try naming("open", source) {
            try FileDescriptor.open(source, .readOnly, options: [.closeOnExec, .nonBlocking])
        }
        defer { try? from.close() }
        let kind = try FileStatus.of(from, path: source).kind
        guard kind == .regular else {
            throw SystemError(
                "copy", path: source, errno: kind == .directory ? .isDirectory : .invalidArgument)
        }
        let to = try naming("create", target) {
            try FileDescriptor.open(
                target, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        }
        defer { try? to.close() }
        do {
            try copy(from, to, source: source, target: target, isStopped: isStopped)
            try AtomicFile.flush(to, path: target)
        } catch {
            AtomicFile.unlink(target)
            throw error
        }
    }

    private static func copy(
        _ from: FileDescriptor, _ to: FileDescriptor, source: FilePath, target: FilePath,
        isStopped: () -> Bool
    ) throws(SystemError) {
        #if os(Linux)
            // FICLONE of <linux/fs.h>: both files share their blocks until one is written to.
            if ioctl(to.rawValue, 0x4004_9409, from.rawValue) == 0 { return }
        #endif
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            if isStopped() { throw SystemError("copy", path: source, errno: .interrupted) }
            let count = try naming("read", source) {
                try buffer.withUnsafeMutableBytes { try from.read(into: $0) }
            }
            if count == 0 { return }
            _ = try naming("write", target) { try to.writeAll(buffer[..<count]) }
        }
    }
}
