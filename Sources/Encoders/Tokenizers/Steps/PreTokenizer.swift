/// A cut of the text before the model: the `pre_tokenizer` of tokenizer.json.
indirect enum PreTokenizer: Sendable {
    case sequence([PreTokenizer])
    case byteLevel(addsPrefixSpace: Bool, cutsWords: Bool)
    case split(TextMatcher, SplitBehavior, isInverted: Bool)
    case whitespace, whitespaceSplit, bert
    case punctuation(SplitBehavior)
    case digits(isEachAlone: Bool)
    case metaspace(replacement: [UInt8], prepends: MetaspacePrefix, splits: Bool)
    case delimiter([UInt8])
    case fixedLength(Int)

    /// When a text gets the replacement for a space in front.
    enum MetaspacePrefix: String, Sendable { case always, never, first }

    /// GPT-2's word pattern.
    private static let words = Result { () throws(PatternError) in
        try Pattern(#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#)
    }

    /// Cuts the pieces further.
    func apply(to pieces: inout TextPieces) throws(PatternError) {
        switch self {
        case .sequence(let steps): for step in steps { try step.apply(to: &pieces) }
        case .byteLevel(let addsPrefixSpace, let cutsWords):
            if addsPrefixSpace {
                pieces.rewrite { piece, _, written in
                    if piece.first != 0x20 { written.append(0x20) }
                    written.append(contentsOf: piece)
                }
            }
            if cutsWords {
                let words = try PreTokenizer.words.get()
                try cut(&pieces, .pattern(words), .isolated)
            }
            pieces.rewrite { piece, _, written in
                for byte in piece { written.append(contentsOf: ByteAlphabet.characters[Int(byte)]) }
            }
        case .split(let matcher, let behavior, let isInverted):
            try cut(&pieces, matcher, behavior, isInverted)
        case .whitespace:
            cut(&pieces, .removed) { ScalarClasses.isWhitespace($0.value) }
            pieces.divide { PreTokenizer.runs(of: $0) { PreTokenizer.isWordForRust($0) } }
        case .whitespaceSplit: cut(&pieces, .removed) { ScalarClasses.isWhitespace($0.value) }
        case .bert:
            cut(&pieces, .removed) { ScalarClasses.isWhitespace($0.value) }
            cut(&pieces, .isolated, BertText.isPunctuation)
        case .punctuation(let behavior): cut(&pieces, behavior, BertText.isPunctuation)
        case .digits(let isEachAlone):
            cut(&pieces, isEachAlone ? .isolated : .contiguous) {
                !ScalarClasses.uncutCategory($0).isDisjoint(with: .numbers)
            }
        case .metaspace(let replacement, let prepends, let splits):
            pieces.rewrite { piece, startsText, written in
                let start = written.count
                for byte in piece {
                    if byte == 0x20 { written.append(contentsOf: replacement) } else { written.append(byte) }
                }
                let isWanted = prepends == .always || (prepends == .first && startsText)
                if isWanted, !written[start...].starts(with: replacement) {
                    written.insert(contentsOf: replacement, at: start)
                }
            }
            if splits { try cut(&pieces, .literal(replacement), .mergedWithNext) }
        case .delimiter(let delimiter): try cut(&pieces, .literal(delimiter), .removed)
        case .fixedLength(let length):
            pieces.divide { text in
                var parts: [Range<Int>] = [], start = 0, taken = 0
                text.forEachScalar { _, range in
                    taken += 1
                    if taken == length || range.upperBound == text.count {
                        parts.append(start..<range.upperBound)
                        start = range.upperBound
                        taken = 0
                    }
                }
                return parts
            }
        }
    }

    private func cut(
        _ pieces: inout TextPieces, _ matcher: TextMatcher, _ behavior: SplitBehavior,
        _ isInverted: Bool = false
    ) throws(PatternError) {
        try pieces.divide { (text) throws(PatternError) in
            behavior.cut(text.count, at: try matcher.matches(in: text), inverted: isInverted)
        }
    }

    /// Cuts at each scalar that is of a kind.
    private func cut(
        _ pieces: inout TextPieces, _ behavior: SplitBehavior, _ isOfKind: (Unicode.Scalar) -> Bool
    ) {
        pieces.divide { text in
            var matches: [Range<Int>] = []
            text.forEachScalar { scalar, range in if isOfKind(scalar) { matches.append(range) } }
            return behavior.cut(text.count, at: matches)
        }
    }

    /// Runs of scalars of a kind, and runs of the others.
    private static func runs(
        of text: UnsafeBufferPointer<UInt8>, _ isOfKind: (Unicode.Scalar) -> Bool
    ) -> [Range<Int>] {
        var runs: [Range<Int>] = [], previous: Bool?
        text.forEachScalar { scalar, range in
            let kind = isOfKind(scalar)
            if kind == previous, let last = runs.popLast() {
                runs.append(last.lowerBound..<range.upperBound)
            } else {
                runs.append(range)
            }
            previous = kind
        }
        return runs
    }

    /// Rust's `\w` takes the two joiners besides.
    private static func isWordForRust(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == 0x200C || scalar.value == 0x200D || ScalarClasses.isWord(scalar)
    }
}
