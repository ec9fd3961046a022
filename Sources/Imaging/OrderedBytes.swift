/// Bytes with a byte order; every read is checked, and nil means that it would leave them.
struct OrderedBytes {
    let bytes: UnsafeRawBufferPointer
    let bigEndian: Bool

    init(_ bytes: UnsafeRawBufferPointer, bigEndian: Bool) {
        self.bytes = bytes
        self.bigEndian = bigEndian
    }

    func uint8(at offset: Int) -> UInt8? { bytes.indices.contains(offset) ? bytes[offset] : nil }
    func uint16(at offset: Int) -> UInt16? { load(at: offset) }
    func uint32(at offset: Int) -> UInt32? { load(at: offset) }
    func int32(at offset: Int) -> Int32? { uint32(at: offset).map { Int32(bitPattern: $0) } }

    /// `count` bytes from an offset.
    func slice(at offset: Int, count: Int) -> UnsafeRawBufferPointer? {
        guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
    }

    private func load<T: FixedWidthInteger>(at offset: Int) -> T? {
        let size = MemoryLayout<T>.size
        guard offset >= 0, bytes.count >= size, offset <= bytes.count - size else { return nil }
        let value = bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
        return bigEndian ? T(bigEndian: value) : T(littleEndian: value)
    }
}
