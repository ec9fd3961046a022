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
    private let descriptor: FileDescriptor?

    /// Maps a regular file. Costs a few microseconds, whatever the size; pages are read when touched.
    ///
    /// With `keepsOpen` the descriptor stays open for `copy(of:)`.
    public init(_ path: FilePath, keepsOpen: Bool = false) throws(SystemError) {
        let file = try naming("open", path) { try FileDescriptor.open(path, .readOnly) }
        var kept = false
        defer { if !kept { try? file.close() } }
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
            descriptor = nil
            return
        }
        guard let base = mmap(nil, count, PROT_READ, MAP_SHARED, file.rawValue, 0), base != MAP_FAILED else {
            throw SystemError("map", path: path, errno: Errno(rawValue: errno))
        }
        bytes = UnsafeRawBufferPointer(start: base, count: count)
        guarded = TruncationGuard.add(bytes, path: path)
        kept = keepsOpen
        descriptor = keepsOpen ? file : nil
    }

    deinit {
        try? descriptor?.close()
        if let guarded { TruncationGuard.remove(guarded) }
        if let base = bytes.baseAddress {
            munmap(UnsafeMutableRawPointer(mutating: base), bytes.count)
        }
    }

    /// Copies a range of the file that lies within `bytes`.
    ///
    /// Of a file that is kept open it is read with a call instead of through the mapping. A touched page brings its
    /// neighbours along, up to the 2 MiB that the kernel may keep in one piece: a few bytes from each of 600
    /// tensors cost 420 MB of resident memory so.
    public func copy(of range: Range<Int>) throws(SystemError) -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
        guard let descriptor else { return Array(bytes[range]) }
        return try naming("read", path) {
            try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
                while count < range.count {
                    let part = UnsafeMutableRawBufferPointer(buffer)[count..<range.count]
                    let read = try descriptor.read(
                        fromAbsoluteOffset: Int64(range.lowerBound + count),
                        into: UnsafeMutableRawBufferPointer(rebasing: part))
                    guard read > 0 else { throw Errno.ioError }  // It was cut short since it was mapped.
                    count += read
                }
            }
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

    /// Whether a short range (up to 16 pages) is in memory and need not come from the disk; false where that is not known.
    public func isInMemory(_ range: Range<Int>) -> Bool {
        let page = max(sysconf(Int32(_SC_PAGESIZE)), 4096)
        let wanted = range.clamped(to: 0..<bytes.count)
        guard let base = bytes.baseAddress, !wanted.isEmpty else { return true }
        let start = wanted.lowerBound / page * page
        let count = (wanted.upperBound - start + page - 1) / page
        guard count <= 16 else { return false }
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { pages in
            pages.initialize(repeating: 0)
            let memory = UnsafeMutableRawPointer(mutating: base + start)
            #if canImport(Darwin)
                let found = pages.withMemoryRebound(to: CChar.self) {
                    mincore(memory, count * page, $0.baseAddress)
                }
            #else
                let found = mincore(memory, count * page, pages.baseAddress)
            #endif
            return found == 0 && pages.prefix(count).allSatisfy { $0 & 1 == 1 }
        }
    }

    /// Gives back the memory of the pages that lie wholly within bytes of a mapped file; they are read from the file
    /// again when they are touched again.
    public static func forgetPages(of bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        let page = UInt(max(sysconf(Int32(_SC_PAGESIZE)), 4096))
        let begin = UInt(bitPattern: base), end = begin + UInt(bytes.count)
        let first = (begin + page - 1) / page * page, last = end / page * page
        guard first < last, let start = UnsafeMutableRawPointer(bitPattern: first) else { return }
        madvise(start, Int(last - first), Int32(MADV_DONTNEED))
    }
}
