import SystemPackage
import SystemSupport

/// A file that is being downloaded: its bytes from the start up to where it stopped, kept between runs.
final class PartFile {
    let path: FilePath
    /// How many bytes are there.
    private(set) var size: Int64
    /// Whether all bytes came in this run, from one answer; if not, damage may come from an earlier one.
    private(set) var isFresh: Bool
    private let file: FileDescriptor

    /// Opens or creates a part. One that is longer than the file can be is emptied.
    init(_ path: FilePath, most: Int64) throws {
        self.path = path
        file = try naming("open", path) {
            try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        }
        size = try FileStatus.of(file, path: path).size
        isFresh = size == 0
        if size > most { try clear() }
    }

    deinit { try? file.close() }

    /// Adds bytes at the end. On a full disk what was written stays.
    func append(_ bytes: UnsafeRawBufferPointer) throws {
        do {
            size += Int64(try file.writeAll(toAbsoluteOffset: size, bytes))
        } catch let error as Errno {
            // Part of it may have been written.
            size = (try? FileStatus.of(file, path: path).size) ?? size
            throw SystemError("write", path: path, errno: error)
        }
    }

    /// Empties the part.
    func clear() throws {
        do { try file.resize(to: 0) } catch let error as Errno {
            throw SystemError("empty", path: path, errno: error)
        }
        size = 0
        isFresh = true
    }

    /// Says that the next bytes come from another answer than those that are there.
    func goOn() { if size > 0 { isFresh = false } }

    /// Waits until the bytes are on the disk.
    func flush() throws { try AtomicFile.flush(file, path: path) }
}
