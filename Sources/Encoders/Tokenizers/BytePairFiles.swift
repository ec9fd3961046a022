import Inference

extension BytePairTokenizer {
    /// Reads `vocab.json` (piece to number) and `merges.txt` (one pair of pieces a line, best first).
    ///
    /// A vocabulary of 49,408 pieces takes about 15 ms.
    public init(
        vocabulary: UnsafeRawBufferPointer, merges: UnsafeRawBufferPointer, maximumLength: Int,
        name: String = "vocab.json"
    ) throws(TokenizerError) {
        let table: ByteStringTable
        do throws(JSONError) {
            var scanner = JSONScanner(vocabulary)
            table = try BytePairTokenizer.readVocabulary(&scanner, expected: vocabulary.count / 12)
            try scanner.end()
        } catch {
            throw .file(name, error.description)
        }
        try self.init(
            vocabulary: table, merges: try BytePairTokenizer.readMerges(merges, name: name),
            maximumLength: maximumLength, file: name)
    }

    /// Reads `tokenizer.json` of a CLIP model: a byte-level BPE whose words end in `</w>`.
    public init(
        tokenizer: UnsafeRawBufferPointer, maximumLength: Int, name: String = "tokenizer.json"
    ) throws(TokenizerError) {
        var vocabulary: ByteStringTable?
        var merges = ByteStringTable(capacity: 1 << 16)
        var kind: JSON?, suffix: JSON?
        do throws(JSONError) {
            var scanner = JSONScanner(tokenizer)
            try scanner.members { (member, scanner) throws(JSONError) in
                guard member == Array("model".utf8) else { return try scanner.skipValue() }
                try scanner.members { (field, scanner) throws(JSONError) in
                    switch String(decoding: field, as: UTF8.self) {
                    case "type": kind = try scanner.value()
                    case "end_of_word_suffix": suffix = try scanner.value()
                    case "vocab":
                        vocabulary = try BytePairTokenizer.readVocabulary(&scanner, expected: 1 << 16)
                    case "merges": try BytePairTokenizer.readMergeList(&scanner, into: &merges)
                    default: try scanner.skipValue()
                    }
                }
            }
            try scanner.end()
        } catch {
            throw .file(name, error.description)
        }
        guard kind == nil || kind == .string("BPE"), suffix == .string("</w>"), let vocabulary else {
            throw .file(name, "not a tokenizer of the CLIP kind (BPE with the word end '</w>')")
        }
        try self.init(vocabulary: vocabulary, merges: merges, maximumLength: maximumLength, file: name)
    }

    private static let largestVocabulary = 1 << 22

    private static func readVocabulary(
        _ scanner: inout JSONScanner, expected: Int
    ) throws(JSONError) -> ByteStringTable {
        var table = ByteStringTable(capacity: min(expected, 1 << 17))
        try scanner.members { (piece, scanner) throws(JSONError) in
            let token = try scanner.integer()
            guard token >= 0, token < largestVocabulary, let token = Int32(exactly: token) else {
                throw scanner.failure("a token number below \(largestVocabulary)")
            }
            guard piece.withUnsafeBytes({ table.insert($0, token) }) else {
                throw scanner.failure("each piece only once")
            }
        }
        return table
    }

    private static func readMergeList(
        _ scanner: inout JSONScanner, into table: inout ByteStringTable
    ) throws(JSONError) {
        var text: [UInt8] = [], rank: Int32 = 0
        try scanner.elements { (scanner) throws(JSONError) in
            // Older files write a pair as one string with a space, newer ones as a list of two.
            if scanner.startsArray() {
                var parts: [[UInt8]] = []
                try scanner.elements { (scanner) throws(JSONError) in
                    try scanner.text(into: &text)
                    parts.append(text)
                }
                guard parts.count == 2 else { throw scanner.failure("a pair of pieces") }
                text = parts[0] + [UInt8(ascii: " ")] + parts[1]
            } else {
                try scanner.text(into: &text)
            }
            _ = text.withUnsafeBytes { table.insert($0, rank) }
            rank += 1
        }
    }

    private static func readMerges(
        _ bytes: UnsafeRawBufferPointer, name: String
    ) throws(TokenizerError) -> ByteStringTable {
        var table = ByteStringTable(capacity: min(bytes.count / 6, 1 << 17))
        var start = 0, rank: Int32 = 0, line = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            var text = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if text.last == UInt8(ascii: "\r") { text = UnsafeRawBufferPointer(rebasing: text.dropLast()) }
            start = end + 1
            line += 1
            if text.isEmpty || (line == 1 && text.starts(with: "#version".utf8)) { continue }
            guard text.count(where: { $0 == UInt8(ascii: " ") }) == 1, text.first != UInt8(ascii: " "),
                text.last != UInt8(ascii: " ")
            else {
                throw .file("merges.txt beside \(name)", "line \(line) is not a pair of pieces")
            }
            _ = table.insert(text, rank)
            rank += 1
        }
        return table
    }
}
