/// Scalars of a UTF-8 buffer by byte offset; every read stays inside the buffer, whatever its bytes are.
extension UnsafeBufferPointer<UInt8> {
    /// The scalar that begins at `offset` and its length in bytes; bytes that are no UTF-8 count one by one as
    /// U+FFFD.
    @inline(__always)
    func scalar(at offset: Int) -> (value: UInt32, length: Int) {
        let first = UInt32(self[offset])
        if first < 0x80 { return (first, 1) }
        let rest = count - offset
        func next(_ place: Int) -> UInt32 { UInt32(self[offset + place] & 0x3F) }
        if first >= 0xC2, first < 0xE0, rest >= 2 { return ((first & 0x1F) << 6 | next(1), 2) }
        if first >= 0xE0, first < 0xF0, rest >= 3 {
            return ((first & 0x0F) << 12 | next(1) << 6 | next(2), 3)
        }
        if first >= 0xF0, first < 0xF5, rest >= 4 {
            return ((first & 0x07) << 18 | next(1) << 12 | next(2) << 6 | next(3), 4)
        }
        return (0xFFFD, 1)
    }

    /// Where the scalar that ends before `offset` begins.
    @inline(__always)
    func scalarStart(before offset: Int) -> Int {
        var start = offset - 1
        while start > 0, self[start] & 0xC0 == 0x80, offset - start < 4 { start -= 1 }
        return Swift.max(start, 0)
    }

    /// A part of the buffer with offsets of its own.
    @inline(__always)
    func part(_ range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: self[range])
    }

    /// Calls `body` for each scalar with its place.
    @inline(__always)
    func forEachScalar(_ body: (_ scalar: Unicode.Scalar, _ range: Range<Int>) -> Void) {
        var offset = 0
        while offset < count {
            let (value, length) = scalar(at: offset)
            body(Unicode.Scalar(value) ?? "\u{FFFD}", offset..<offset + length)
            offset += length
        }
    }
}

extension [UInt8] {
    /// Appends a scalar as UTF-8.
    @inline(__always)
    mutating func append(_ scalar: Unicode.Scalar) {
        if scalar.isASCII {
            append(UInt8(truncatingIfNeeded: scalar.value))
        } else {
            append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        }
    }

    /// The whole array as a buffer.
    @inline(__always)
    func withText<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer(body)
    }
}
