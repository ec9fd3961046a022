/// A text cut into pieces, on its way through the steps before the model.
struct TextPieces: Sendable {
    /// The text as UTF-8; pieces are ranges of it.
    private(set) var bytes: [UInt8]
    /// The pieces in their order, none of them empty.
    private(set) var ranges: [Range<Int>]
    /// Whether the first piece begins where the original text begins.
    let startsText: Bool

    /// A text as one piece.
    init(_ bytes: [UInt8], startsText: Bool) {
        self.bytes = bytes
        ranges = bytes.isEmpty ? [] : [0..<bytes.count]
        self.startsText = startsText
    }

    /// Whether a range is the first piece and begins the original text.
    private func startsText(_ range: Range<Int>) -> Bool { startsText && range.lowerBound == 0 }

    /// Cuts each piece further; `cut` gives ranges within the piece, and what it leaves out is gone.
    mutating func divide<Failure: Error>(
        _ cut: (UnsafeBufferPointer<UInt8>) throws(Failure) -> [Range<Int>]
    ) throws(Failure) {
        var divided: [Range<Int>] = []
        divided.reserveCapacity(ranges.count)
        for range in ranges {
            let start = range.lowerBound
            let parts = try bytes.withText { (text) throws(Failure) in try cut(text.part(range)) }
            for part in parts where !part.isEmpty {
                divided.append(start + part.lowerBound..<start + part.upperBound)
            }
        }
        ranges = divided
    }

    /// Writes each piece anew.
    mutating func rewrite(
        _ write: (_ piece: UnsafeBufferPointer<UInt8>, _ startsText: Bool, _ into: inout [UInt8]) -> Void
    ) {
        var written: [UInt8] = [], places: [Range<Int>] = []
        written.reserveCapacity(bytes.count * 5 / 4 + 8)
        places.reserveCapacity(ranges.count)
        bytes.withText { text in
            for range in ranges {
                let start = written.count
                write(text.part(range), startsText(range), &written)
                if written.count > start { places.append(start..<written.count) }
            }
        }
        bytes = written
        ranges = places
    }
}

/// What becomes of the places that a pattern matches, as `tokenizers` names it.
enum SplitBehavior: String, Sendable {
    case removed = "Removed", isolated = "Isolated", contiguous = "Contiguous"
    case mergedWithPrevious = "MergedWithPrevious", mergedWithNext = "MergedWithNext"

    /// Cuts a text of `count` bytes at matches that stand in order.
    func cut(_ count: Int, at matches: [Range<Int>], inverted: Bool = false) -> [Range<Int>] {
        var parts: [(range: Range<Int>, isMatch: Bool)] = []
        parts.reserveCapacity(matches.count * 2 + 1)
        var end = 0
        for match in matches {
            if match.lowerBound > end { parts.append((end..<match.lowerBound, inverted)) }
            parts.append((match, !inverted))
            end = match.upperBound
        }
        if end < count { parts.append((end..<count, inverted)) }
        switch self {
        case .isolated: return parts.map(\.range)
        case .removed: return parts.filter { !$0.isMatch }.map(\.range)
        case .contiguous:
            var result: [Range<Int>] = [], previous: Bool?
            for part in parts {
                if part.isMatch == previous, let last = result.popLast() {
                    result.append(last.lowerBound..<part.range.upperBound)
                } else {
                    result.append(part.range)
                }
                previous = part.isMatch
            }
            return result
        case .mergedWithPrevious:
            var result: [Range<Int>] = [], afterMatch = false
            for part in parts {
                if part.isMatch, !afterMatch, let last = result.popLast() {
                    result.append(last.lowerBound..<part.range.upperBound)
                } else {
                    result.append(part.range)
                }
                afterMatch = part.isMatch
            }
            return result
        case .mergedWithNext:
            var result: [Range<Int>] = [], beforeMatch = false
            for part in parts.reversed() {
                if part.isMatch, !beforeMatch, let last = result.popLast() {
                    result.append(part.range.lowerBound..<last.upperBound)
                } else {
                    result.append(part.range)
                }
                beforeMatch = part.isMatch
            }
            return result.reversed()
        }
    }
}
