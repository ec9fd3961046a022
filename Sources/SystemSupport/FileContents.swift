public import SystemPackage

/// Reading a whole file into memory, with a limit.
public enum FileContents {
    /// Reads a regular file of at most `limit` bytes.
    ///
    /// A file that shrinks while being read gives the bytes that were there; one that grows is cut at the size
    /// it had when opened. The status is the one of the open file, taken before reading.
    public static func read(
        _ path: FilePath, limit: Int = .max
    ) throws(SystemError) -> (bytes: [UInt8], status: FileStatus) {
        // Non-blocking: opening a pipe that nobody writes to must not hang; it is refused by its kind below.
        let file = try naming("open", path) {
            try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        }
        defer { try? file.close() }
        let status = try FileStatus.of(file, path: path)
        guard status.kind == .regular else {
            throw SystemError(
                "read", path: path, errno: status.kind == .directory ? .isDirectory : .invalidArgument)
        }
        guard let size = Int(exactly: status.size), size <= limit else {
            throw SystemError("read", path: path, errno: .fileTooLarge)
        }
        let bytes = try naming("read", path) {
            try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
                while count < size {
                    let rest = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                    let read = try file.read(into: rest)
                    if read == 0 { break }
                    count += read
                }
            }
        }
        return (bytes, status)
    }

    /// Asks the system to read a file that will be wanted soon, up to 64 MiB of it; does not wait, and cannot fail.
    public static func announce(_ path: FilePath) {
        // Non-blocking: a pipe must not hang.
        guard
            let file = try? FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        else { return }
        Platform.willRead(file.rawValue, first: 64 << 20)
        try? file.close()
    }

    /// Reads everything from an open file (a pipe, standard input) up to `limit` bytes; more is an error.
    public static func readAll(
        _ file: FileDescriptor, limit: Int, path: FilePath = "-"
    ) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try naming("read", path) {
                try chunk.withUnsafeMutableBytes { try file.read(into: $0) }
            }
            if count == 0 { return bytes }
            guard bytes.count <= limit - count else {
                throw SystemError("read", path: path, errno: .fileTooLarge)
            }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
