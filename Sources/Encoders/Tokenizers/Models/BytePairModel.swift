/// Byte-pair encoding (Sennrich et al., 2016) with the variations that `tokenizers` knows.
struct BytePairModel: TokenModel {
    /// The `model` section's settings.
    struct Options: Sendable {
        var unknown: String?
        var continuingPrefix: [UInt8] = []
        var wordEnd: [UInt8] = []
        var fusesUnknown = false
        var fallsBackToBytes = false
        var ignoresMerges = false
    }

    let vocabulary: Vocabulary
    private let options: Options
    private let unknownToken: Int32?
    private let bytes: [Int32?]
    private let merges: NumberTable

    /// Takes pairs of pieces, best first; each piece and what a pair makes must be in the vocabulary.
    init(
        _ vocabulary: Vocabulary, merges pairs: MergeList, _ options: Options, file: String
    ) throws(TokenizerError) {
        self.vocabulary = vocabulary
        self.options = options
        unknownToken = options.unknown.flatMap { vocabulary.token($0) }
        bytes = options.fallsBackToBytes ? vocabulary.byteTokens() : []
        let skipped = options.continuingPrefix.count
        var merges = NumberTable(capacity: pairs.count)
        var joined: [UInt8] = []
        var guess: Int32 = -2
        var rank: UInt64 = 0
        try pairs.forEach { (left, right) throws(TokenizerError) in
            func find(_ piece: UnsafeBufferPointer<UInt8>) throws(TokenizerError) -> Int32 {
                guard let token = vocabulary.token(piece) else { throw .file(file, lacking(piece)) }
                return token
            }
            let first = try find(left), second = try find(right)
            // Vocabularies list what merges make in the merges' order; that saves most look-ups.
            guess += 1
            if !vocabulary.isPiece(guess, left, right, skipping: skipped) {
                joined.removeAll(keepingCapacity: true)
                joined.append(contentsOf: left)
                joined.append(contentsOf: right.dropFirst(skipped))
                guess = try joined.withText { (text) throws(TokenizerError) in try find(text) }
            }
            merges.set(BytePairModel.key(first, second), rank << 32 | UInt64(UInt32(bitPattern: guess)))
            rank += 1
        }
        self.merges = merges
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError) {
        if options.ignoresMerges, let token = vocabulary.token(piece) {
            tokens.append(token)
            return
        }
        var word = WordMerging(capacity: piece.count)
        var offset = 0
        var pendingUnknown: Int?
        func flush() {
            if let start = pendingUnknown, let unknownToken { word.append(unknownToken, start: start) }
            pendingUnknown = nil
        }
        while offset < piece.count {
            let start = offset
            offset += piece.scalar(at: offset).length
            let isLast = offset == piece.count
            if let token = symbol(piece.part(start..<offset), isFirst: start == 0, isLast: isLast) {
                flush()
                word.append(token, start: start)
                continue
            }
            if options.fallsBackToBytes,
                let parts = byteTokens(piece.part(start..<offset), isFirst: start == 0, isLast: isLast)
            {
                // The reference writes an unknown character before these after them.
                for token in parts { word.append(token, start: start) }
                continue
            }
            guard options.unknown != nil else { continue }
            guard unknownToken != nil else { throw .missingPiece(options.unknown ?? "") }
            if pendingUnknown != nil, options.fusesUnknown { continue }
            flush()
            pendingUnknown = start
        }
        flush()
        word.finish(end: piece.count, into: &tokens) { left, right, _, _ in
            guard let found = merges[BytePairModel.key(left, right)] else { return nil }
            return (Int32(truncatingIfNeeded: found >> 32), Int32(truncatingIfNeeded: found))
        }
    }

    private func symbol(_ scalar: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool) -> Int32? {
        if (isFirst || options.continuingPrefix.isEmpty) && (!isLast || options.wordEnd.isEmpty) {
            return vocabulary.token(scalar)
        }
        return vocabulary.token(decorated(scalar, isFirst: isFirst, isLast: isLast))
    }

    private func decorated(
        _ scalar: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool
    ) -> [UInt8] {
        (isFirst ? [] : options.continuingPrefix) + Array(scalar) + (isLast ? options.wordEnd : [])
    }

    private func byteTokens(
        _ scalar: UnsafeBufferPointer<UInt8>, isFirst: Bool, isLast: Bool
    ) -> [Int32]? {
        var result: [Int32] = []
        for byte in decorated(scalar, isFirst: isFirst, isLast: isLast) {
            guard let token = bytes[Int(byte)] else { return nil }
            result.append(token)
        }
        return result
    }
}

/// A merge needs a piece that the vocabulary does not have.
private func lacking(_ piece: UnsafeBufferPointer<UInt8>) -> String {
    "the vocabulary lacks the piece '\(String(decoding: piece, as: UTF8.self))' that a merge needs"
}

/// Pairs of pieces in their order, all in one array.
struct MergeList: Sendable {
    private var arena: [UInt8] = []
    private var ends: [(left: UInt32, right: UInt32)] = []

    /// Number of pairs.
    var count: Int { ends.count }

    /// Makes room for pairs.
    mutating func reserve(_ count: Int) {
        ends.reserveCapacity(count)
        arena.reserveCapacity(count * 8)
    }

    /// Adds a pair; false when the list is full (4 GiB).
    mutating func append(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
        arena.append(contentsOf: left)
        let middle = arena.count
        arena.append(contentsOf: right)
        guard let end = UInt32(exactly: arena.count) else { return false }
        ends.append((UInt32(middle), end))
        return true
    }

    /// Calls `body` for each pair in order.
    func forEach(
        _ body: (
            _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
        ) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        try arena.withText { (arena) throws(TokenizerError) in
            var start = 0
            for (middle, end) in ends {
                try body(arena.part(start..<Int(middle)), arena.part(Int(middle)..<Int(end)))
                start = Int(end)
            }
        }
    }
}
