/// SentencePiece's unigram language model (Kudo, 2018): the segmentation with the best sum of scores.
struct UnigramModel: TokenModel {
    let vocabulary: Vocabulary
    private let scores: [Double]
    private let trie: ByteTrie
    private let unknown: Int32?
    private let unknownScore: Double
    private let bytes: [Int32?]

    /// Takes a score for each token of the vocabulary.
    init(
        _ vocabulary: Vocabulary, scores: [Double], unknown: Int32?, fallsBackToBytes: Bool, file: String
    ) throws(TokenizerError) {
        guard scores.count == vocabulary.end else {
            throw .file(file, "\(scores.count) scores for \(vocabulary.end) pieces")
        }
        if let unknown, unknown < 0 || Int(unknown) >= scores.count {
            throw .file(file, "unk_id \(unknown) is outside the vocabulary of \(scores.count)")
        }
        var trie = ByteTrie(capacity: vocabulary.count)
        for token in 0..<Int32(vocabulary.end) {
            if let piece = vocabulary.piece(token), !piece.isEmpty { trie.insert(piece, token) }
        }
        self.vocabulary = vocabulary
        self.scores = scores.map(SerdeNumber.rounded)
        self.trie = trie
        self.unknown = unknown
        unknownScore = (self.scores.min() ?? 0) - 10
        bytes = fallsBackToBytes ? vocabulary.byteTokens() : []
    }

    /// The best way to reach an offset.
    private struct Node {
        var score = 0.0
        var start = -1
        var token: Int32 = -1
    }

    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError) {
        var nodes = [Node](repeating: Node(), count: piece.count + 1)
        var offset = 0
        while offset < piece.count {
            let length = piece.scalar(at: offset).length
            let before = nodes[offset].score
            var hasSingle = false
            func offer(_ end: Int, _ score: Double, _ token: Int32) {
                let sum = before + score
                if nodes[end].start < 0 || sum > nodes[end].score {
                    nodes[end] = Node(score: sum, start: offset, token: token)
                }
            }
            trie.forEachPrefix(of: piece, at: offset) { end, token in
                offer(end, scores[Int(token)], token)
                if end == offset + length { hasSingle = true }
            }
            if !hasSingle {
                guard let unknown else { throw .missingPiece("<unk>") }
                offer(offset + length, unknownScore, unknown)
            }
            offset += length
        }
        // Back from the end; neighbouring unknown characters are one.
        var ranges: [(range: Range<Int>, token: Int32)] = []
        var end = piece.count
        while end > 0 {
            let node = nodes[end]
            guard node.start >= 0 else { throw .missingPiece("<unk>") }
            if node.token == unknown, let last = ranges.last, last.token == unknown {
                ranges[ranges.count - 1].range = node.start..<last.range.upperBound
            } else {
                ranges.append((node.start..<end, node.token))
            }
            end = node.start
        }
        for (range, token) in ranges.reversed() {
            guard token == unknown else {
                tokens.append(token)
                continue
            }
            let text = piece.part(range)
            if let known = vocabulary.token(text) {
                tokens.append(known)
            } else if !bytes.isEmpty, text.allSatisfy({ bytes[Int($0)] != nil }) {
                tokens += text.compactMap { bytes[Int($0)] }
            } else {
                tokens.append(token)
            }
        }
    }
}

/// Numbers as Rust's serde_json reads them.
enum SerdeNumber {
    /// The number that its default parser makes of this number's decimal digits: digits as a whole number, then one
    /// division. It may differ in the last bit, which decides between segmentations whose scores are equal.
    static func rounded(_ value: Double) -> Double {
        var digits: UInt64 = 0, exponent = 0, afterPoint = false, isNegative = false
        let text = Array("\(value)".utf8)
        var index = 0
        scan: while index < text.count {
            switch text[index] {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): afterPoint = true
            case 0x30...0x39:
                let (product, overflow) = digits.multipliedReportingOverflow(by: 10)
                let (sum, carry) = product.addingReportingOverflow(UInt64(text[index] - 0x30))
                if overflow || carry { return value }
                digits = sum
                if afterPoint { exponent -= 1 }
            case UInt8(ascii: "e"):
                guard let power = Int(String(decoding: text[(index + 1)...], as: UTF8.self)) else {
                    return value
                }
                exponent += power
                break scan
            default: return value
            }
            index += 1
        }
        guard exponent >= -308, exponent <= 308, let power = Double("1e\(abs(exponent))") else {
            return value
        }
        let magnitude = exponent < 0 ? Double(digits) / power : Double(digits) * power
        return isNegative ? -magnitude : magnitude
    }
}
