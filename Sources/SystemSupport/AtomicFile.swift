#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// A file that appears whole or not at all: written beside its place, flushed, renamed over it.
public enum AtomicFile {
    /// Replaces the file at `path` by what `write` puts into a temporary file in the same folder.
    ///
    /// The data are on the disk when this returns (file and folder are flushed). When anything fails, the old
    /// file is untouched and the temporary one is removed. A crash leaves at most `<name>.tmp-<pid>` behind.
    public static func write(
        to path: FilePath, permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead],
        _ write: (FileDescriptor) throws -> Void
    ) throws {
        var temporary = path.removingLastComponent()
        temporary.append("\(path.lastComponent?.string ?? "file").tmp-\(getpid())")
        let file = try naming("create", temporary) {
            try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .truncate], permissions: permissions)
        }
        do {
            do {
                try write(file)
                try flush(file, path: temporary)
            } catch {
                try? file.close()
                throw error
            }
            try naming("close", temporary) { try file.close() }
            try rename(temporary, to: path)
            try flushFolder(path.removingLastComponent())
        } catch let error as Errno {
            unlink(temporary)
            throw SystemError("write", path: path, errno: error)
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Replaces the file at `path` by `bytes`.
    public static func write(_ bytes: UnsafeRawBufferPointer, to path: FilePath) throws {
        try write(to: path) { file in _ = try file.writeAll(bytes) }
    }

    /// Renames a file, replacing the target.
    public static func rename(_ from: FilePath, to: FilePath) throws(SystemError) {
        let result = from.withPlatformString { a in to.withPlatformString { b in systemRename(a, b) } }
        guard result == 0 else { throw SystemError("rename", path: from, errno: Errno(rawValue: errno)) }
    }

    /// Removes a file if it is there; whether it was is not reported.
    public static func unlink(_ path: FilePath) {
        _ = path.withPlatformString { systemUnlink($0) }
    }

    /// Waits until a file's data are on the disk.
    public static func flush(_ file: FileDescriptor, path: FilePath) throws(SystemError) {
        guard fsync(file.rawValue) == 0 else {
            throw SystemError("flush", path: path, errno: Errno(rawValue: errno))
        }
    }

    /// Waits until a folder's entries (created, renamed, removed names) are on the disk.
    public static func flushFolder(_ path: FilePath) throws(SystemError) {
        let folder = path.isEmpty ? FilePath(".") : path
        let file = try naming("open", folder) { try FileDescriptor.open(folder, .readOnly) }
        defer { try? file.close() }
        // Some network file systems cannot flush a folder and say so; there is nothing better to do on them.
        guard fsync(file.rawValue) == 0 || errno == EINVAL || errno == ENOTSUP else {
            throw SystemError("flush", path: folder, errno: Errno(rawValue: errno))
        }
    }
}

private func systemRename(_ from: UnsafePointer<CChar>, _ to: UnsafePointer<CChar>) -> Int32 {
    rename(from, to)
}
private func systemUnlink(_ path: UnsafePointer<CChar>) -> Int32 { unlink(path) }
