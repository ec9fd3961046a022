extension Tokenizer {
    /// A token's piece as the vocabulary writes it ("photo</w>", "Ġdog"), nil when there is no such token.
    ///
    /// Bytes that are no UTF-8, which the pieces of `.tiktoken` files may be, show as U+FFFD.
    public func piece(_ token: Int32) -> String? {
        guard let piece = pieceBytes(token) else { return nil }
        return String(decoding: piece, as: UTF8.self)
    }

    private func pieceBytes(_ token: Int32) -> [UInt8]? {
        added[token]?.content ?? model.vocabulary.piece(token).map { Array($0) }
    }

    /// The number of a piece, added tokens before the model's.
    public func token(_ piece: String) -> Int32? {
        let bytes = Array(piece.utf8)
        return added.number(of: bytes) ?? model.vocabulary.token(bytes)
    }

    /// Whether a token is one of those that `decode` leaves out.
    public func isSpecial(_ token: Int32) -> Bool { added[token]?.isSpecial ?? false }

    /// The text that tokens stand for; numbers without a piece, and special tokens unless asked for, are left
    /// out.
    ///
    /// Lossless for byte-level and tiktoken tokenizers without a normalizer; others give the normalised text
    /// as well as their pieces keep it.
    public func decode(
        _ tokens: some Sequence<Int32>, keepingSpecialTokens: Bool = false
    ) throws(TokenizerError) -> String {
        var pieces: [[UInt8]] = []
        for token in tokens {
            guard keepingSpecialTokens || !isSpecial(token), let piece = pieceBytes(token) else { continue }
            pieces.append(piece)
        }
        var bytes: [UInt8]
        if let decoder {
            let decoded = try step("decoder") { () throws(PatternError) in try decoder.apply(to: pieces) }
            bytes = Array(decoded.joined())
        } else {
            bytes = Array(pieces.joined(separator: [0x20]))
        }
        if stripsDecoded { bytes = Tokenizer.stripped(bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// As Python's strip(), which takes four separators more than Unicode's white space.
    private static func stripped(_ bytes: [UInt8]) -> [UInt8] {
        let isSpace = { (scalar: Unicode.Scalar) in
            ScalarClasses.isWhitespace(scalar.value) || (scalar.value >= 0x1C && scalar.value <= 0x1F)
        }
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.drop(while: isSpace)
        guard let last = text.lastIndex(where: { !isSpace($0) }) else { return [] }
        return Array(String(text[...last]).utf8)
    }
}
