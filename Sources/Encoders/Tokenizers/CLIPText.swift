#if canImport(Darwin)
    import Foundation
#else
    @_spi(_Unicode) import Swift
#endif

/// How CLIP's tokenizer prepares a text: normalisation, and the cut into words that are never merged.
enum CLIPText {
    /// Composes (NFC), turns each run of white space into one space, and lower-cases character by character.
    static func normalize(_ text: Substring) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(text.utf8.count)
        var afterSpace = false
        for scalar in composed(text) {
            if scalar.isASCII {
                let value = scalar.value
                if value == 0x20 || (value >= 0x09 && value <= 0x0D) {
                    if !afterSpace { result.append(" ") }
                    afterSpace = true
                    continue
                }
                result.append(value >= 0x41 && value <= 0x5A ? Unicode.Scalar(UInt8(value) + 0x20) : scalar)
            } else if scalar.properties.isWhitespace {
                if !afterSpace { result.append(" ") }
                afterSpace = true
                continue
            } else {
                // Character by character: a final sigma gets no special form, as in the reference.
                result.append(contentsOf: scalar.properties.lowercaseMapping.unicodeScalars)
            }
            afterSpace = false
        }
        return result
    }

    private static func composed(_ text: Substring) -> [Unicode.Scalar] {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return Array(text.unicodeScalars) }
        #if canImport(Darwin)
            return Array(text.precomposedStringWithCanonicalMapping.unicodeScalars)
        #else
            return Array(String(text)._nfc)
        #endif
    }

    private enum Kind { case letter, number, space, other }

    private static func kind(_ scalar: Unicode.Scalar) -> Kind {
        if scalar.isASCII {
            switch scalar.value {
            case 0x41...0x5A, 0x61...0x7A: return .letter
            case 0x30...0x39: return .number
            case 0x20, 0x09...0x0D: return .space
            default: return .other
            }
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: return scalar.properties.isWhitespace ? .space : .other
        }
    }

    private static let contractions: [[Unicode.Scalar]] = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map {
        Array($0.unicodeScalars)
    }
    // Written out in a text in capitals, these are no tokens any more, but still end the word before them.
    private static let markers: [[[Unicode.Scalar]]] = [
        ["<|", "startoftext", "|>"], ["<|", "endoftext", "|>"],
    ].map { $0.map { Array($0.unicodeScalars) } }

    /// The words of a normalised text, in order; white space is dropped. This is the tokenizer's expression
    /// `<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`.
    static func words(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        var words: [ArraySlice<Unicode.Scalar>] = []
        var position = 0
        func stands(_ part: [Unicode.Scalar], at start: Int) -> Bool {
            start + part.count <= text.count && text[start..<start + part.count].elementsEqual(part)
        }
        scan: while position < text.count {
            if text[position] == "<" {
                for parts in markers where stands(Array(parts.joined()), at: position) {
                    for part in parts {
                        words.append(text[position..<position + part.count])
                        position += part.count
                    }
                    continue scan
                }
            }
            if text[position] == "'", let part = contractions.first(where: { stands($0, at: position) }) {
                words.append(text[position..<position + part.count])
                position += part.count
                continue
            }
            let kind = kind(text[position])
            var end = position + 1
            if kind == .letter || kind == .other {
                while end < text.count, self.kind(text[end]) == kind { end += 1 }
            }
            if kind != .space { words.append(text[position..<end]) }
            position = end
        }
        return words
    }
}
