#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage

/// A whole file mapped read-only into memory; the mapping lives as long as the object.
///
/// A file that shrinks while it is mapped reads as zeros behind its new end where `TruncationGuard` is installed,
/// and ends the process where it is not.
public final class MappedFile: @unchecked Sendable {
    // Unchecked: the bytes are never written, and the pointer is only released in deinit.

    /// How the pages are going to be read; passed on to the kernel as advice.
    public enum Access: Sendable { case normal, sequential, random, willNeed }

    /// The file's path, for messages.
    public let path: FilePath
    /// The file's bytes; valid while this object lives.
    public let bytes: UnsafeRawBufferPointer
    private let guarded: Int?

    /// Maps a regular file. Costs a few microseconds, whatever the size; pages are read when touched.
    public init(_ path: FilePath) throws(SystemError) {
        let file = try naming("open", path) { try FileDescriptor.open(path, .readOnly) }
        defer { try? file.close() }
        let status = try FileStatus.of(file, path: path)
        guard status.kind == .regular else {
            throw SystemError(
                "map", path: path, errno: status.kind == .directory ? .isDirectory : .invalidArgument)
        }
        guard let count = Int(exactly: status.size) else {
            throw SystemError("map", path: path, errno: .fileTooLarge)
        }
        self.path = path
        guard count > 0 else {
            bytes = UnsafeRawBufferPointer(start: nil, count: 0)
            guarded = nil
            return
        }
        guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, file.rawValue, 0), base != MAP_FAILED else {
            throw SystemError("map", path: path, errno: Errno(rawValue: errno))
        }
        bytes = UnsafeRawBufferPointer(start: base, count: count)
        guarded = TruncationGuard.add(bytes, path: path)
    }

    deinit {
        if let guarded { TruncationGuard.remove(guarded) }
        if let base = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }

    /// Tells the kernel how a range of the file is going to be read; never fails.
    public func advise(_ access: Access, in range: Range<Int>? = nil) {
        guard let base = bytes.baseAddress else { return }
        let page = 4096
        let wanted = (range ?? 0..<bytes.count).clamped(to: 0..<bytes.count)
        let start = wanted.lowerBound / page * page
        guard start < wanted.upperBound else { return }
        let advice: Int32 =
            switch access {
            case .normal: Int32(MADV_NORMAL)
            case .sequential: Int32(MADV_SEQUENTIAL)
            case .random: Int32(MADV_RANDOM)
            case .willNeed: Int32(MADV_WILLNEED)
            }
        madvise(UnsafeMutableRawPointer(mutating: base + start), wanted.upperBound - start, advice)
    }
}
