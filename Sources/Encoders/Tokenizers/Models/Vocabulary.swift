/// The pieces of a model and their numbers, both ways.
struct Vocabulary: Sendable {
    private let table: ByteStringTable
    private let entries: [Int32]  // entry of the table by token, -1 where there is none

    /// The largest token number that is read from a file.
    static let largestToken: Int32 = 1 << 22

    /// Takes pieces with numbers in 0..<`largestToken`; two pieces with one number are an error.
    init(_ table: ByteStringTable, file: String) throws(TokenizerError) {
        var largest: Int32 = -1
        for index in 0..<table.count { largest = max(largest, table.value(index)) }
        var entries = [Int32](repeating: -1, count: Int(largest) + 1)
        for index in 0..<table.count {
            let token = Int(table.value(index))
            guard entries[token] < 0 else { throw .file(file, "token \(token) has two pieces") }
            entries[token] = Int32(index)
        }
        self.table = table
        self.entries = entries
    }

    /// Number of pieces.
    var count: Int { table.count }
    /// One more than the largest token.
    var end: Int { entries.count }

    /// The number of a piece.
    @inline(__always)
    func token(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? { table.find(UnsafeRawBufferPointer(piece)) }

    /// The number of a piece.
    func token(_ piece: [UInt8]) -> Int32? { piece.withUnsafeBytes { table.find($0) } }

    /// The number of a piece.
    func token(_ piece: String) -> Int32? { token(Array(piece.utf8)) }

    /// The piece of a token, nil when there is none.
    func piece(_ token: Int32) -> ArraySlice<UInt8>? {
        guard token >= 0, token < entries.count, entries[Int(token)] >= 0 else { return nil }
        return table.entry(Int(entries[Int(token)])).key
    }

    /// Whether a token's piece is `left` followed by `right` without its first bytes.
    func isPiece(
        _ token: Int32, _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>,
        skipping skipped: Int
    ) -> Bool {
        guard token >= 0, token < entries.count, entries[Int(token)] >= 0, skipped <= right.count else {
            return false
        }
        return table.isEntry(
            Int(entries[Int(token)]), left, UnsafeBufferPointer(rebasing: right[skipped...]))
    }

    /// The tokens of `<0x00>` … `<0xFF>`, nil for those that are missing.
    func byteTokens() -> [Int32?] {
        (0..<256).map { byte in
            let digits = String(byte, radix: 16, uppercase: true)
            return token("<0x\(byte < 16 ? "0" : "")\(digits)>")
        }
    }
}
