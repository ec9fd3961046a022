import Crypto
public import SystemPackage
import SystemSupport

/// SHA-256 of files and bytes.
public enum FileDigest {
    /// The 32 bytes of a file's SHA-256, read in pieces of 1 MiB; costs about 1 s per GB.
    public static func sha256(of path: FilePath) throws -> [UInt8] {
        let file: FileDescriptor
        do {
            // Non-blocking: opening a pipe that nobody writes to must not hang.
            file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        } catch let error as Errno {
            throw SystemError("open", path: path, errno: error)
        }
        defer { try? file.close() }
        guard try FileStatus.of(file, path: path).kind == .regular else {
            throw SystemError("read", path: path, errno: .invalidArgument)
        }
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count: Int
            do {
                count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            } catch let error as Errno {
                throw SystemError("read", path: path, errno: error)
            }
            if count == 0 { break }
            buffer.withUnsafeBytes {
                hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count]))
            }
        }
        return Array(hash.finalize())
    }

    /// The 32 bytes of the SHA-256 of bytes in memory.
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = SHA256()
        hash.update(bufferPointer: bytes)
        return Array(hash.finalize())
    }

    /// Bytes as lower-case hexadecimal digits.
    public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}
