/// CLIP's tokenizer: byte-level byte-pair encoding (Sennrich et al., 2016) with a mark at the end of each
/// word.
///
/// Gives the numbers that transformers' CLIPTokenizer gives for the same files.
public struct BytePairTokenizer: Sendable {
    /// The token that begins every sequence, and the one that ends it.
    public let startToken: Int32, endToken: Int32
    /// The largest number of tokens in a sequence, start and end included.
    public let maximumLength: Int

    private let vocabulary: ByteStringTable
    private let merges: ByteStringTable
    private let pieceIndex: [Int32]  // entry of the vocabulary by token, -1 where there is none

    private static let startText = "<|startoftext|>", endText = "<|endoftext|>"
    private static let wordEnd = Array("</w>".utf8)

    /// Number of tokens in the vocabulary.
    public var count: Int { vocabulary.count }

    init(vocabulary: ByteStringTable, merges: ByteStringTable, maximumLength: Int, file: String)
        throws(TokenizerError)
    {
        func special(_ text: String) throws(TokenizerError) -> Int32 {
            guard let token = Array(text.utf8).withUnsafeBytes({ vocabulary.find($0) }) else {
                throw .file(file, "the vocabulary lacks '\(text)'")
            }
            return token
        }
        guard maximumLength >= 2 else {
            throw .file(file, "sequences of \(maximumLength) tokens hold no text")
        }
        startToken = try special(BytePairTokenizer.startText)
        endToken = try special(BytePairTokenizer.endText)
        var largest: Int32 = -1
        for index in 0..<vocabulary.count { largest = max(largest, vocabulary.entry(index).value) }
        var pieceIndex = [Int32](repeating: -1, count: Int(largest) + 1)
        for index in 0..<vocabulary.count {
            let token = Int(vocabulary.entry(index).value)
            guard pieceIndex[token] < 0 else { throw .file(file, "token \(token) has two pieces") }
            pieceIndex[token] = Int32(index)
        }
        self.vocabulary = vocabulary
        self.merges = merges
        self.maximumLength = maximumLength
        self.pieceIndex = pieceIndex
    }

    /// The tokens of a text between start and end token, cut to `maximumLength` with the end token kept.
    public func encode(_ text: String) throws(TokenizerError) -> [Int32] {
        var tokens = [startToken] + (try self.tokens(text))
        if tokens.count >= maximumLength { tokens.removeSubrange((maximumLength - 1)...) }
        tokens.append(endToken)
        return tokens
    }

    /// All tokens of a text, without start and end.
    public func tokens(_ text: String) throws(TokenizerError) -> [Int32] {
        var tokens: [Int32] = [], rest = text[...]
        while true {
            // Start and end token written out in the text count as themselves.
            let marker = BytePairTokenizer.firstMarker(in: rest)
            for word in CLIPText.words(
                CLIPText.normalize(marker.map { rest[..<$0.range.lowerBound] } ?? rest))
            {
                tokens += try merge(word)
            }
            guard let marker else { return tokens }
            tokens.append(marker.isStart ? startToken : endToken)
            rest = rest[marker.range.upperBound...]
        }
    }

    /// The pieces of a whole text as the vocabulary writes them ("photo</w>"), without start and end.
    public func pieces(_ text: String) throws(TokenizerError) -> [String] {
        try tokens(text).map { piece($0) ?? "" }
    }

    /// A token's piece as the vocabulary writes it, nil when there is no such token.
    public func piece(_ token: Int32) -> String? {
        guard token >= 0, token < pieceIndex.count, pieceIndex[Int(token)] >= 0 else { return nil }
        return String(decoding: vocabulary.entry(Int(pieceIndex[Int(token)])).key, as: UTF8.self)
    }

    /// The text that tokens stand for, normalised as the tokenizer does; start and end tokens are left out.
    public func decode(_ tokens: some Sequence<Int32>) -> String {
        var bytes: [UInt8] = []
        for token in tokens where token != startToken && token != endToken {
            guard let piece = piece(token) else { continue }
            let text = Array(piece.utf8)
            if text.suffix(4) == BytePairTokenizer.wordEnd[...] {
                bytes += ByteAlphabet.decode(text.dropLast(4))
                bytes.append(UInt8(ascii: " "))
            } else {
                bytes += ByteAlphabet.decode(text[...])
            }
        }
        // Python's strip(), which the reference ends with, takes four separators more than Unicode's white
        // space.
        let isSpace = { (scalar: Unicode.Scalar) in
            scalar.properties.isWhitespace || (scalar.value >= 0x1C && scalar.value <= 0x1F)
        }
        let text = String(decoding: bytes, as: UTF8.self).unicodeScalars.drop(while: isSpace)
        guard let last = text.lastIndex(where: { !isSpace($0) }) else { return "" }
        return String(text[...last])
    }

    private static func firstMarker(in text: Substring) -> (range: Range<String.Index>, isStart: Bool)? {
        let bytes = text.utf8
        var index = bytes.startIndex
        while let open = bytes[index...].firstIndex(of: UInt8(ascii: "<")) {
            for (marker, isStart) in [(startText, true), (endText, false)]
            where bytes[open...].starts(with: marker.utf8) {
                return (open..<bytes.index(open, offsetBy: marker.utf8.count), isStart)
            }
            index = bytes.index(after: open)
        }
        return nil
    }

    /// One symbol of a word being merged: a range of the word's characters, linked to its neighbours.
    private struct Symbol {
        var range: Range<Int>
        var previous: Int, next: Int
        var token: Int32
        var isAlive = true
    }

    /// The tokens of one word: of all neighbouring pairs the one with the lowest rank is merged, the leftmost
    /// first, until none is left. Costs n log n for n characters.
    private func merge(_ word: ArraySlice<Unicode.Scalar>) throws(TokenizerError) -> [Int32] {
        var text: [UInt8] = [], symbols: [Symbol] = []
        for byte in String(String.UnicodeScalarView(word)).utf8 {
            let start = text.count
            text += ByteAlphabet.characters[Int(byte)]
            symbols.append(
                Symbol(
                    range: start..<text.count, previous: symbols.count - 1, next: symbols.count + 1, token: -1
                ))
        }
        guard !symbols.isEmpty else { return [] }
        symbols[symbols.count - 1].next = -1
        text += BytePairTokenizer.wordEnd
        symbols[symbols.count - 1].range = symbols[symbols.count - 1].range.lowerBound..<text.count
        // A character that the vocabulary lacks counts as the unknown token, which is the end token, and
        // merges with nothing.
        for index in symbols.indices { symbols[index].token = find(text, symbols[index].range) ?? -1 }

        var queue = PairQueue()
        func push(_ left: Int) {
            guard left >= 0, symbols[left].next >= 0, let rank = rank(text, symbols, left) else { return }
            queue.push(PairQueue.Pair(rank: rank, left: Int32(left)))
        }
        for index in symbols.indices { push(index) }
        while let pair = queue.pop() {
            let left = Int(pair.left)
            // The pair may have changed since it was queued.
            guard symbols[left].isAlive, symbols[left].next >= 0, rank(text, symbols, left) == pair.rank
            else { continue }
            let right = symbols[left].next
            let range = symbols[left].range.lowerBound..<symbols[right].range.upperBound
            guard let token = find(text, range) else {
                throw .missingPiece(String(decoding: text[range], as: UTF8.self))
            }
            symbols[left].range = range
            symbols[left].token = token
            symbols[left].next = symbols[right].next
            if symbols[right].next >= 0 { symbols[symbols[right].next].previous = left }
            symbols[right].isAlive = false
            push(symbols[left].previous)
            push(left)
        }
        return symbols.filter(\.isAlive).map { $0.token < 0 ? endToken : $0.token }
    }

    private func find(_ text: [UInt8], _ range: Range<Int>) -> Int32? {
        text.withUnsafeBytes { vocabulary.find(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// The rank of the merge of a symbol with the next one, nil when there is none.
    private func rank(_ text: [UInt8], _ symbols: [Symbol], _ left: Int) -> Int32? {
        let first = symbols[left], second = symbols[first.next]
        guard first.token >= 0, second.token >= 0 else { return nil }
        return withUnsafeTemporaryAllocation(
            byteCount: first.range.count + 1 + second.range.count, alignment: 1
        ) { key in
            text.withUnsafeBytes { text in
                key.copyMemory(from: UnsafeRawBufferPointer(rebasing: text[first.range]))
                key[first.range.count] = UInt8(ascii: " ")
                UnsafeMutableRawBufferPointer(rebasing: key[(first.range.count + 1)...])
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: text[second.range]))
                return merges.find(UnsafeRawBufferPointer(key))
            }
        }
    }
}

/// Pairs by rank, then by place: a binary heap.
private struct PairQueue {
    struct Pair: Comparable {
        let rank: Int32, left: Int32
        static func < (a: Pair, b: Pair) -> Bool { (a.rank, a.left) < (b.rank, b.left) }
    }

    private var heap: [Pair] = []

    mutating func push(_ pair: Pair) {
        heap.append(pair)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Pair? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child] < heap[smallest] {
                smallest = child
            }
            if smallest == parent { return top }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
