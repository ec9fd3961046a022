/// A change to the text before it is cut: the `normalizer` of tokenizer.json.
indirect enum Normalizer: Sendable {
    case sequence([Normalizer])
    case form(UnicodeForm)
    case lowercase
    case strip(left: Bool, right: Bool)
    case stripAccents
    case replace(TextMatcher, [UInt8])
    case prepend([UInt8])
    case append([UInt8])
    case bert(cleansText: Bool, spacesChinese: Bool, stripsAccents: Bool, lowercases: Bool)
    case characterMap(CharacterMap)
    case nmt
    case byteLevel

    /// Changes a text. `startsText` is true while its first scalar is the first of the original text.
    func apply(to bytes: inout [UInt8], startsText: inout Bool) throws(PatternError) {
        switch self {
        case .sequence(let steps):
            for step in steps { try step.apply(to: &bytes, startsText: &startsText) }
        case .form(let form): bytes = form.applied(to: bytes)
        case .lowercase: bytes = Normalizer.lowercased(bytes)
        case .strip(let left, let right):
            let count = bytes.count
            bytes = Normalizer.stripped(bytes, left: left, right: false)
            if bytes.count < count { startsText = false }
            bytes = Normalizer.stripped(bytes, left: false, right: right)
        case .stripAccents: bytes = Normalizer.filtered(bytes) { !BertText.isCombiningMark($0) }
        case .replace(let matcher, let replacement):
            bytes = try Normalizer.replaced(bytes, matcher, replacement)
        case .prepend(let prefix): if !bytes.isEmpty { bytes = prefix + bytes }
        case .append(let suffix): if !bytes.isEmpty { bytes += suffix }
        case .bert(let cleansText, let spacesChinese, let stripsAccents, let lowercases):
            if cleansText { bytes = BertText.cleaned(bytes) }
            if spacesChinese { bytes = BertText.withSpacedChinese(bytes) }
            if stripsAccents {
                bytes = Normalizer.filtered(UnicodeForm.nfd.applied(to: bytes)) {
                    !BertText.isNonspacingMark($0)
                }
            }
            if lowercases { bytes = Normalizer.lowercased(bytes) }
        case .characterMap(let map): bytes = map.applied(to: bytes)
        case .nmt: bytes = NMTText.cleaned(bytes)
        case .byteLevel: bytes = bytes.flatMap { ByteAlphabet.characters[Int($0)] }
        }
    }

    /// Lower case, scalar by scalar: a final sigma gets no special form.
    static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                let value = scalar.value
                if value < 0x80 {
                    result.append(UInt8(value) + (value >= 0x41 && value <= 0x5A ? 0x20 : 0))
                } else {
                    result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
                }
            }
        }
        return result
    }

    private static func stripped(_ bytes: [UInt8], left: Bool, right: Bool) -> [UInt8] {
        bytes.withText { text in
            var start = 0, end = text.count
            while left, start < end, case let next = text.scalar(at: start),
                ScalarClasses.isWhitespace(next.value)
            {
                start += next.length
            }
            while right, end > start, case let last = text.scalarStart(before: end),
                ScalarClasses.isWhitespace(text.scalar(at: last).value)
            {
                end = last
            }
            return Array(text[start..<end])
        }
    }

    static func filtered(_ bytes: [UInt8], _ keeps: (Unicode.Scalar) -> Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                if keeps(scalar) { result.append(contentsOf: text[range]) }
            }
        }
        return result
    }

    private static func replaced(
        _ bytes: [UInt8], _ matcher: TextMatcher, _ replacement: [UInt8]
    ) throws(PatternError) -> [UInt8] {
        let matches = try bytes.withText { (text) throws(PatternError) in try matcher.matches(in: text) }
        if matches.isEmpty { return bytes }
        var result: [UInt8] = [], end = 0
        for match in matches {
            result.append(contentsOf: bytes[end..<match.lowerBound])
            result.append(contentsOf: replacement)
            end = match.upperBound
        }
        result.append(contentsOf: bytes[end...])
        return result
    }
}

/// What a step looks for: a text written out, or a regular expression.
enum TextMatcher: Sendable {
    case literal([UInt8])
    case pattern(Pattern)

    /// All matches in order, without overlap.
    func matches(in text: UnsafeBufferPointer<UInt8>) throws(PatternError) -> [Range<Int>] {
        switch self {
        case .pattern(let pattern): return try pattern.matches(in: text)
        case .literal(let literal):
            guard let first = literal.first, literal.count <= text.count else { return [] }
            var matches: [Range<Int>] = [], start = 0
            while start <= text.count - literal.count {
                if text[start] == first, text[start..<start + literal.count].elementsEqual(literal) {
                    matches.append(start..<start + literal.count)
                    start += literal.count
                } else {
                    start += 1
                }
            }
            return matches
        }
    }
}
