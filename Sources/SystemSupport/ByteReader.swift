/// Reads little-endian fields from a byte buffer; every read is checked and nil means "past the end".
public struct ByteReader {
    /// The bytes read from.
    public let bytes: UnsafeRawBufferPointer
    /// Where the next read starts, in bytes.
    public private(set) var offset: Int

    /// Starts reading at an offset of a buffer; the buffer must outlive the reader.
    public init(_ bytes: UnsafeRawBufferPointer, offset: Int = 0) {
        self.bytes = bytes
        self.offset = max(0, min(offset, bytes.count))
    }

    /// Bytes left.
    public var remaining: Int { bytes.count - offset }

    /// Reads an unsigned or signed integer, little-endian.
    public mutating func read<T: FixedWidthInteger>(_ type: T.Type = T.self) -> T? {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { return nil }
        defer { offset += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Reads `count` bytes as a sub-buffer of the same memory.
    public mutating func read(count: Int) -> UnsafeRawBufferPointer? {
        guard count >= 0, remaining >= count else { return nil }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    /// Moves on by `count` bytes; false, and no move, when there are not as many.
    public mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, remaining >= count else { return false }
        offset += count
        return true
    }
}
