/// What BERT's normalizer and pre-tokenizer do to a text (google-research/bert, tokenization.py).
///
/// The reference decides categories with the tables of the Rust crate `unicode_categories`, which are those of
/// Unicode 8.
enum BertText {
    private static let categoryVersion = 8

    /// The category in the crate's version; `unassigned` for what came later.
    private static func category(_ scalar: Unicode.Scalar) -> CategorySet {
        // Those that later versions moved from or to marks and punctuation.
        switch scalar.value {
        case 0x1734, 0x1171E: return .nonspacingMark
        case 0xA9BD: return .spacingMark
        case 0x1885, 0x1886: return .otherLetter
        case 0x166D, 0x111C9: return .otherPunctuation
        default: break
        }
        return ScalarClasses.isTooNew(scalar, after: categoryVersion)
            ? .unassigned : ScalarClasses.uncutCategory(scalar)
    }

    static func isNonspacingMark(_ scalar: Unicode.Scalar) -> Bool {
        !scalar.isASCII && category(scalar) == .nonspacingMark
    }

    /// A mark of any kind, as `StripAccents` removes it (Unicode 9).
    static func isCombiningMark(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return false }
        if scalar.value == 0x1CF2 || scalar.value == 0x1CF3 { return true }  // letters since Unicode 12
        return !ScalarClasses.isTooNew(scalar, after: 9)
            && !ScalarClasses.uncutCategory(scalar).isDisjoint(with: .marks)
    }

    static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            switch scalar.value {
            case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
            default: return false
            }
        }
        return !category(scalar).isDisjoint(with: .punctuation)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A, 0x0D, 0x20..<0x7F: return false
        default:
            let category = ScalarClasses.uncutCategory(scalar)
            return !category.isDisjoint(with: [.control, .format, .privateUse])
                && !ScalarClasses.isTooNew(scalar, after: categoryVersion)
        }
    }

    /// Without control characters, and with every white space as a space.
    static func cleaned(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                if scalar.value == 0xFFFD || isControl(scalar) { return }
                if ScalarClasses.isWhitespace(scalar.value) {
                    result.append(0x20)
                } else {
                    result.append(contentsOf: text[range])
                }
            }
        }
        return result
    }

    /// With a space on both sides of each Chinese character, so that it is a word of its own.
    static func withSpacedChinese(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                switch scalar.value {
                // The reference leaves out 0x2B820…0x2B91F, by a slip that its ids depend on.
                case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
                    0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
                    result.append(0x20)
                    result.append(contentsOf: text[range])
                    result.append(0x20)
                default: result.append(contentsOf: text[range])
                }
            }
        }
        return result
    }
}

/// SentencePiece's rules for texts of neural machine translation, without the character map.
enum NMTText {
    static func cleaned(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                switch scalar.value {
                case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
                case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
                    result.append(0x20)
                default: result.append(contentsOf: text[range])
                }
            }
        }
        return result
    }
}
