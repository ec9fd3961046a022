/// How pieces become text again: the `decoder` of tokenizer.json.
indirect enum TokenDecoder: Sendable {
    case sequence([TokenDecoder])
    case byteLevel
    case bytePair(suffix: [UInt8])
    case wordPiece(prefix: [UInt8], cleansUp: Bool)
    case metaspace(replacement: [UInt8], dropsFirst: Bool)
    case byteFallback
    case fuse
    case strip(scalar: Unicode.Scalar, start: Int, stop: Int)
    case replace(TextMatcher, [UInt8])
    case ctc(pad: [UInt8], wordDelimiter: [UInt8], cleansUp: Bool)

    /// Changes the pieces; joined, they are the text.
    func apply(to pieces: [[UInt8]]) throws(PatternError) -> [[UInt8]] {
        switch self {
        case .sequence(let steps):
            var pieces = pieces
            for step in steps { pieces = try step.apply(to: pieces) }
            return pieces
        case .byteLevel:
            return [TokenDecoder.repaired(pieces.flatMap { ByteAlphabet.decode($0[...]) })]
        case .bytePair(let suffix):
            return pieces.enumerated().map { index, piece in
                TokenDecoder.replacing(suffix, with: index == pieces.count - 1 ? [] : [0x20], in: piece)
            }
        case .wordPiece(let prefix, let cleansUp):
            return pieces.enumerated().map { index, piece in
                var piece = piece
                if index > 0 {
                    piece = piece.starts(with: prefix) ? Array(piece.dropFirst(prefix.count)) : [0x20] + piece
                }
                return cleansUp ? TokenDecoder.cleanedUp(piece) : piece
            }
        case .metaspace(let replacement, let dropsFirst):
            return pieces.enumerated().map { index, piece in
                TokenDecoder.replacing(replacement, with: index == 0 && dropsFirst ? [] : [0x20], in: piece)
            }
        case .byteFallback: return TokenDecoder.joiningBytes(pieces)
        case .fuse: return [Array(pieces.joined())]
        case .strip(let scalar, let start, let stop):
            return pieces.map { piece in
                var scalars = Array(String(decoding: piece, as: UTF8.self).unicodeScalars)[...]
                let leading = scalars.prefix(start).prefix { $0 == scalar }.count
                scalars = scalars.dropFirst(leading)
                let trailing = scalars.suffix(stop).reversed().prefix { $0 == scalar }.count
                return Array(String(String.UnicodeScalarView(scalars.dropLast(trailing))).utf8)
            }
        case .replace(let matcher, let replacement):
            var result: [[UInt8]] = []
            for piece in pieces {
                var changed = piece, startsText = false
                try Normalizer.replace(matcher, replacement).apply(to: &changed, startsText: &startsText)
                result.append(changed)
            }
            return result
        case .ctc(let pad, let wordDelimiter, let cleansUp):
            var result: [[UInt8]] = [], previous: [UInt8]?
            for piece in pieces {
                defer { previous = piece }
                if piece == previous { continue }
                var text = TokenDecoder.replacing(pad, with: [], in: piece)
                if cleansUp {
                    text = TokenDecoder.replacing(
                        wordDelimiter, with: [0x20], in: TokenDecoder.cleanedUp(text))
                }
                if !text.isEmpty { result.append(text) }
            }
            return result
        }
    }

    private static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        Array(String(decoding: bytes, as: UTF8.self).utf8)
    }

    private static func replacing(_ old: [UInt8], with new: [UInt8], in text: [UInt8]) -> [UInt8] {
        if old.isEmpty { return text }
        var result: [UInt8] = [], start = 0
        while start < text.count {
            if text[start...].starts(with: old) {
                result += new
                start += old.count
            } else {
                result.append(text[start])
                start += 1
            }
        }
        return result
    }

    /// Runs of `<0x41>` pieces as the UTF-8 they are; where they are none, U+FFFD for each.
    private static func joiningBytes(_ pieces: [[UInt8]]) -> [[UInt8]] {
        var result: [[UInt8]] = [], bytes: [UInt8] = []
        func finish() {
            if bytes.isEmpty { return }
            if String(validating: bytes, as: UTF8.self) != nil {
                result.append(bytes)
            } else {
                result += Array(repeating: Array("\u{FFFD}".utf8), count: bytes.count)
            }
            bytes = []
        }
        for piece in pieces {
            if piece.count == 6, piece.starts(with: "<0x".utf8), piece.last == UInt8(ascii: ">"),
                let byte = UInt8(String(decoding: piece[3..<5], as: UTF8.self), radix: 16)
            {
                bytes.append(byte)
            } else {
                finish()
                result.append(piece)
            }
        }
        finish()
        return result
    }

    /// English spaces before punctuation and contractions taken out.
    private static func cleanedUp(_ text: [UInt8]) -> [UInt8] {
        var text = text
        for (old, new) in [
            (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
            (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
        ] {
            text = replacing(Array(old.utf8), with: Array(new.utf8), in: text)
        }
        return text
    }
}
