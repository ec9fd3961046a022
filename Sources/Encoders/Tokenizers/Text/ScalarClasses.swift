/// General categories as bits of a set, so that `\p{L}` is one mask.
struct CategorySet: OptionSet, Sendable {
    let rawValue: UInt32

    static let letters: CategorySet = [
        .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
    ]
    static let marks: CategorySet = [.nonspacingMark, .spacingMark, .enclosingMark]
    static let numbers: CategorySet = [.decimalNumber, .letterNumber, .otherNumber]
    static let punctuation: CategorySet = [
        .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation,
    ]
    static let symbols: CategorySet = [.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol]
    static let separators: CategorySet = [.spaceSeparator, .lineSeparator, .paragraphSeparator]
    static let others: CategorySet = [.control, .format, .surrogate, .privateUse, .unassigned]

    static let uppercaseLetter = CategorySet(rawValue: 1 << 0)
    static let lowercaseLetter = CategorySet(rawValue: 1 << 1)
    static let titlecaseLetter = CategorySet(rawValue: 1 << 2)
    static let modifierLetter = CategorySet(rawValue: 1 << 3)
    static let otherLetter = CategorySet(rawValue: 1 << 4)
    static let nonspacingMark = CategorySet(rawValue: 1 << 5)
    static let spacingMark = CategorySet(rawValue: 1 << 6)
    static let enclosingMark = CategorySet(rawValue: 1 << 7)
    static let decimalNumber = CategorySet(rawValue: 1 << 8)
    static let letterNumber = CategorySet(rawValue: 1 << 9)
    static let otherNumber = CategorySet(rawValue: 1 << 10)
    static let connectorPunctuation = CategorySet(rawValue: 1 << 11)
    static let dashPunctuation = CategorySet(rawValue: 1 << 12)
    static let openPunctuation = CategorySet(rawValue: 1 << 13)
    static let closePunctuation = CategorySet(rawValue: 1 << 14)
    static let initialPunctuation = CategorySet(rawValue: 1 << 15)
    static let finalPunctuation = CategorySet(rawValue: 1 << 16)
    static let otherPunctuation = CategorySet(rawValue: 1 << 17)
    static let mathSymbol = CategorySet(rawValue: 1 << 18)
    static let currencySymbol = CategorySet(rawValue: 1 << 19)
    static let modifierSymbol = CategorySet(rawValue: 1 << 20)
    static let otherSymbol = CategorySet(rawValue: 1 << 21)
    static let spaceSeparator = CategorySet(rawValue: 1 << 22)
    static let lineSeparator = CategorySet(rawValue: 1 << 23)
    static let paragraphSeparator = CategorySet(rawValue: 1 << 24)
    static let control = CategorySet(rawValue: 1 << 25)
    static let format = CategorySet(rawValue: 1 << 26)
    static let surrogate = CategorySet(rawValue: 1 << 27)
    static let privateUse = CategorySet(rawValue: 1 << 28)
    static let unassigned = CategorySet(rawValue: 1 << 29)

    /// The set a name of Unicode's (`L`, `Nd`, `Letter`) stands for, nil for any other name.
    static func named(_ name: String) -> CategorySet? {
        switch name {
        case "L", "Letter": .letters
        case "Lu", "Uppercase_Letter": .uppercaseLetter
        case "Ll", "Lowercase_Letter": .lowercaseLetter
        case "Lt", "Titlecase_Letter": .titlecaseLetter
        case "Lm", "Modifier_Letter": .modifierLetter
        case "Lo", "Other_Letter": .otherLetter
        case "LC", "L&", "Cased_Letter": [.uppercaseLetter, .lowercaseLetter, .titlecaseLetter]
        case "M", "Mark": .marks
        case "Mn", "Nonspacing_Mark": .nonspacingMark
        case "Mc", "Spacing_Mark": .spacingMark
        case "Me", "Enclosing_Mark": .enclosingMark
        case "N", "Number": .numbers
        case "Nd", "Decimal_Number": .decimalNumber
        case "Nl", "Letter_Number": .letterNumber
        case "No", "Other_Number": .otherNumber
        case "P", "Punctuation", "Punct": .punctuation
        case "Pc", "Connector_Punctuation": .connectorPunctuation
        case "Pd", "Dash_Punctuation": .dashPunctuation
        case "Ps", "Open_Punctuation": .openPunctuation
        case "Pe", "Close_Punctuation": .closePunctuation
        case "Pi", "Initial_Punctuation": .initialPunctuation
        case "Pf", "Final_Punctuation": .finalPunctuation
        case "Po", "Other_Punctuation": .otherPunctuation
        case "S", "Symbol": .symbols
        case "Sm", "Math_Symbol": .mathSymbol
        case "Sc", "Currency_Symbol": .currencySymbol
        case "Sk", "Modifier_Symbol": .modifierSymbol
        case "So", "Other_Symbol": .otherSymbol
        case "Z", "Separator": .separators
        case "Zs", "Space_Separator": .spaceSeparator
        case "Zl", "Line_Separator": .lineSeparator
        case "Zp", "Paragraph_Separator": .paragraphSeparator
        case "C", "Other": .others
        case "Cc", "Control": .control
        case "Cf", "Format": .format
        case "Co", "Private_Use": .privateUse
        case "Cn", "Unassigned": .unassigned
        default: nil
        }
    }
}

/// What the reference tokenizers know about a scalar: Swift's Unicode tables, cut to the version they have.
///
/// Oniguruma 6.9.10 and Rust's `regex` hold Unicode 16; a scalar that came later counts as unassigned, as it
/// does there.
enum ScalarClasses {
    /// The newest Unicode version that counts.
    static let newestVersion = 16

    /// Whether the scalar came with a later version than the reference's tables.
    @inline(__always)
    static func isTooNew(_ scalar: Unicode.Scalar, after version: Int = newestVersion) -> Bool {
        // Nothing was added to these ranges since Unicode 8, and they hold almost all text.
        switch scalar.value {
        case 0..<0x500, 0x4E00..<0x9FCD, 0xAC00..<0xD7A4: return false
        default: return (scalar.properties.age?.major ?? 0) > version
        }
    }

    /// The category as a set of one.
    static func category(_ scalar: Unicode.Scalar) -> CategorySet {
        if isTooNew(scalar) { return .unassigned }
        return uncutCategory(scalar)
    }

    /// The category in Swift's own version of Unicode.
    static func uncutCategory(_ scalar: Unicode.Scalar) -> CategorySet {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter: .uppercaseLetter
        case .lowercaseLetter: .lowercaseLetter
        case .titlecaseLetter: .titlecaseLetter
        case .modifierLetter: .modifierLetter
        case .otherLetter: .otherLetter
        case .nonspacingMark: .nonspacingMark
        case .spacingMark: .spacingMark
        case .enclosingMark: .enclosingMark
        case .decimalNumber: .decimalNumber
        case .letterNumber: .letterNumber
        case .otherNumber: .otherNumber
        case .connectorPunctuation: .connectorPunctuation
        case .dashPunctuation: .dashPunctuation
        case .openPunctuation: .openPunctuation
        case .closePunctuation: .closePunctuation
        case .initialPunctuation: .initialPunctuation
        case .finalPunctuation: .finalPunctuation
        case .otherPunctuation: .otherPunctuation
        case .mathSymbol: .mathSymbol
        case .currencySymbol: .currencySymbol
        case .modifierSymbol: .modifierSymbol
        case .otherSymbol: .otherSymbol
        case .spaceSeparator: .spaceSeparator
        case .lineSeparator: .lineSeparator
        case .paragraphSeparator: .paragraphSeparator
        case .control: .control
        case .format: .format
        case .surrogate: .surrogate
        case .privateUse: .privateUse
        case .unassigned: .unassigned
        @unknown default: .unassigned
        }
    }

    /// White space: the Unicode property of 25 scalars, which no version has changed since 6.3.
    @inline(__always)
    static func isWhitespace(_ value: UInt32) -> Bool {
        switch value {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
            true
        default: false
        }
    }

    /// What `\w` takes: letters, marks, decimal digits, connectors and other alphabetic scalars (Unicode
    /// Technical Standard 18, annex C).
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            switch scalar.value {
            case 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: return true
            default: return false
            }
        }
        if isTooNew(scalar) { return false }
        return scalar.properties.isAlphabetic
            || !uncutCategory(scalar).isDisjoint(
                with: CategorySet.marks.union([.decimalNumber, .connectorPunctuation]))
    }
}
