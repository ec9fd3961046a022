/// tiktoken's byte-pair encoding: pieces are byte strings, and a merge's rank is the number of what it makes.
struct RankedBytesModel: TokenModel {
    let vocabulary: Vocabulary
    private let single: [Int32]

    /// Needs a piece for each of the 256 bytes.
    init(_ vocabulary: Vocabulary, file: String) throws(TokenizerError) {
        var single: [Int32] = []
        for byte in 0...255 as ClosedRange<UInt8> {
            guard let token = vocabulary.token([byte]) else {
                throw .file(file, "the ranks lack the byte \(byte)")
            }
            single.append(token)
        }
        self.vocabulary = vocabulary
        self.single = single
    }

    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError) {
        if let token = vocabulary.token(piece) {
            tokens.append(token)
            return
        }
        var word = WordMerging(capacity: piece.count)
        for (offset, byte) in piece.enumerated() { word.append(single[Int(byte)], start: offset) }
        word.finish(end: piece.count, into: &tokens) { _, _, start, end in
            vocabulary.token(piece.part(start..<end)).map { ($0, $0) }
        }
    }
}
