import SystemPackage
import SystemSupport

/// The `.del` file of a segment: which of its rows are deleted.
enum Deletions {
    static let magic = Array("imgvdel\u{1A}".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 64

    /// The file's bytes; the last four are the CRC of those before.
    static func encoded(_ deleted: RowBitmap, segment: UInt64) -> [UInt8] {
        var fields = FieldWriter()
        fields.append(magic)
        fields.append(version)
        fields.append(UInt32(headerBytes))
        fields.append(segment)
        fields.append(UInt64(deleted.rows))
        fields.append(UInt64(deleted.count))
        fields.pad(to: headerBytes)
        for word in deleted.words { fields.append(word) }
        fields.append(Kernels.checksum(fields.bytes))
        return fields.bytes
    }

    /// Reads the deleted rows of a segment of `rows` rows.
    static func read(
        _ path: FilePath, segment: UInt64, rows: Int
    ) throws(IndexError) -> (deleted: RowBitmap, checksum: UInt32) {
        // One bit per row, and no segment has more rows than 31 bits can count.
        let bytes = try asIndexError(path) { try FileContents.read(path, limit: 1 << 30).bytes }
        return try asIndexError(path) {
            try bytes.withUnsafeBytes { try decode($0, path: path, segment: segment, rows: rows) }
        }
    }

    private static func decode(
        _ buffer: UnsafeRawBufferPointer, path: FilePath, segment: UInt64, rows: Int
    ) throws(IndexError) -> (deleted: RowBitmap, checksum: UInt32) {
        let wordCount = (rows + 63) / 64
        let wanted = headerBytes + wordCount * 8 + 4
        var reader = ByteReader(buffer)
        guard let found = reader.read(count: 8), found.elementsEqual(magic),
            let version = reader.read(UInt32.self)
        else { throw .damaged(path, "it does not begin as a list of deleted rows") }
        guard version <= Self.version else {
            throw .newerVersion(path, found: version, supported: Self.version)
        }
        guard buffer.count == wanted else {
            throw .damaged(path, "it has \(buffer.count) bytes, not \(wanted)")
        }
        var end = ByteReader(buffer, offset: wanted - 4)
        guard version == Self.version, let checksum = end.read(UInt32.self),
            checksum == Kernels.checksum(UnsafeRawBufferPointer(rebasing: buffer[..<(wanted - 4)]))
        else { throw .damaged(path, "the checksum does not match") }
        guard reader.read(UInt32.self) == UInt32(headerBytes), reader.read(UInt64.self) == segment,
            reader.read(UInt64.self) == UInt64(rows), let count = reader.read(UInt64.self),
            reader.skip(headerBytes - reader.offset)
        else { throw .damaged(path, "it belongs to another segment") }
        var words: [UInt64] = []
        words.reserveCapacity(wordCount)
        for _ in 0..<wordCount { words.append(reader.read(UInt64.self) ?? 0) }
        guard let deleted = RowBitmap(rows: rows, words: words), UInt64(deleted.count) == count else {
            throw .damaged(path, "it names rows that the segment does not have")
        }
        return (deleted, checksum)
    }
}
