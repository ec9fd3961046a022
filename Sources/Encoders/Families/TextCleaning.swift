/// What OpenCLIP does to a text before a tokenizer of transformers' sees it.
///
/// It also repairs wrongly decoded text with the Python library ftfy and replaces HTML entities, which is left
/// out here: "caf\u{C3}\u{A9}" and "&amp;amp;" stay what they are.
package enum TextCleaning: String, Sendable, CaseIterable {
    /// Runs of white space become one space, at the ends none.
    case whitespace
    /// The same, in lower case.
    case lower
    /// The same, without ASCII punctuation; a low line is a space.
    case canonicalize

    /// The cleaned text.
    package func callAsFunction(_ text: String) -> String {
        var words: [String] = [], word = ""
        for scalar in text.unicodeScalars {
            if TextCleaning.isSpace(scalar) || (self == .canonicalize && scalar == "_") {
                if !word.isEmpty { words.append(word) }
                word = ""
            } else if self == .whitespace {
                word.unicodeScalars.append(scalar)
            } else if self == .lower || !TextCleaning.isPunctuation(scalar) {
                word += scalar.properties.lowercaseMapping
            }
        }
        if !word.isEmpty { words.append(word) }
        return words.joined(separator: " ")
    }

    /// Python's `str.isspace`.
    private static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }

    /// Python's `string.punctuation`.
    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
        default: false
        }
    }
}
