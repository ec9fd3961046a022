/// WordPiece (Schuster and Nakajima, 2012) as BERT uses it: the longest piece first, from left to right.
struct WordPieceModel: TokenModel {
    let vocabulary: Vocabulary
    private let unknown: Int32
    private let continuingPrefix: [UInt8]
    private let longestWord: Int

    init(
        _ vocabulary: Vocabulary, unknown: String, continuingPrefix: String, longestWord: Int, file: String
    ) throws(TokenizerError) {
        guard let token = vocabulary.token(unknown) else {
            throw .file(file, "the vocabulary lacks '\(unknown)'")
        }
        self.vocabulary = vocabulary
        self.unknown = token
        self.continuingPrefix = Array(continuingPrefix.utf8)
        self.longestWord = longestWord
    }

    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError) {
        if let token = vocabulary.token(piece), piece.count <= longestWord {
            tokens.append(token)
            return
        }
        let first = tokens.count
        func giveUp() {
            tokens.removeSubrange(first...)
            tokens.append(unknown)
        }
        if piece.count(where: { $0 & 0xC0 != 0x80 }) > longestWord { return giveUp() }
        // Each continuing piece is looked up with its prefix in front, in one buffer for the whole word.
        let word = continuingPrefix + Array(piece)
        let prefix = continuingPrefix.count
        word.withText { word in
            var start = prefix
            while start < word.count {
                var end = word.count, found: Int32?
                while end > start {
                    found =
                        start == prefix
                        ? vocabulary.token(word.part(start..<end)) : continuing(word, start, end)
                    if found != nil { break }
                    end = word.scalarStart(before: end)
                }
                guard let found else { return giveUp() }
                tokens.append(found)
                start = end
            }
        }
    }

    private func continuing(_ word: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Int32? {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: continuingPrefix.count + end - start) { key in
            for (index, byte) in continuingPrefix.enumerated() { key[index] = byte }
            for index in start..<end { key[continuingPrefix.count + index - start] = word[index] }
            return vocabulary.token(UnsafeBufferPointer(key))
        }
    }
}

/// A word is a token, or unknown.
struct WordLevelModel: TokenModel {
    let vocabulary: Vocabulary
    private let unknown: Int32?
    private let unknownPiece: String

    init(_ vocabulary: Vocabulary, unknown: String) {
        self.vocabulary = vocabulary
        self.unknown = vocabulary.token(unknown)
        unknownPiece = unknown
    }

    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError) {
        guard let token = vocabulary.token(piece) ?? unknown else { throw .missingPiece(unknownPiece) }
        tokens.append(token)
    }
}
