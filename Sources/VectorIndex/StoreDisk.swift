package import SystemPackage
import SystemSupport

/// What a store does to the disk; tests put a layer in between that fails, or that remembers everything so that a
/// crash can be played at any point.
package protocol StoreDisk: Sendable {
    /// Opens a new file for writing and reading; throws when it is there, unless it may be replaced.
    func create(_ path: FilePath, replacing: Bool) throws -> FileDescriptor
    /// Writes bytes at an offset.
    func write(_ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, at offset: Int, path: FilePath)
        throws
    /// Waits until what was written to a file is durable.
    func flush(_ file: FileDescriptor, path: FilePath) throws
    /// Renames a file over another.
    func rename(_ from: FilePath, to: FilePath) throws
    /// Removes a file if it is there.
    func remove(_ path: FilePath)
    /// Waits until the names in a folder are durable.
    func flushFolder(_ path: FilePath) throws
}

extension StoreDisk {
    /// Creates a file, lets `body` write to it, and flushes and closes it; a file that failed is removed.
    func writeFile(
        _ path: FilePath, replacing: Bool = false, _ body: (FileDescriptor) throws -> Void
    ) throws {
        let file = try create(path, replacing: replacing)
        do {
            do {
                try body(file)
                try flush(file, path: path)
            } catch {
                try? file.close()
                throw error
            }
            try file.close()
        } catch {
            remove(path)
            throw error
        }
    }
}

/// The disk itself.
package struct DirectDisk: StoreDisk {
    package init() {}

    package func create(_ path: FilePath, replacing: Bool) throws -> FileDescriptor {
        try FileDescriptor.open(
            path, .readWrite,
            options: [.create, replacing ? .truncate : .exclusiveCreate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
    }

    package func write(
        _ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, at offset: Int, path: FilePath
    ) throws {
        _ = try file.writeAll(toAbsoluteOffset: Int64(offset), bytes)
    }

    package func flush(_ file: FileDescriptor, path: FilePath) throws {
        try AtomicFile.flush(file, path: path)
    }

    package func rename(_ from: FilePath, to: FilePath) throws { try AtomicFile.rename(from, to: to) }

    package func remove(_ path: FilePath) { AtomicFile.unlink(path) }

    package func flushFolder(_ path: FilePath) throws { try AtomicFile.flushFolder(path) }
}
