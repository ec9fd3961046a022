/// How many columns of a terminal a text takes.
enum TextWidth {
    /// Two for East Asian wide characters and emoji, none for marks on other characters, else one.
    ///
    /// Goes by the character a reader sees (a letter with its accents, a family emoji), as terminals that follow
    /// Unicode's annexes 11 and 29 do.
    static func columns(_ text: String) -> Int { text.reduce(0) { $0 + columns($1) } }

    /// The longest start of a text that takes no more than so many columns.
    static func prefix(_ text: String, columns limit: Int) -> Substring {
        var taken = 0
        return text.prefix { character in
            taken += columns(character)
            return taken <= limit
        }
    }

    private static func columns(_ character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        if first.isASCII { return 1 }
        if first.properties.isEmojiPresentation || isWide(first) { return 2 }
        // A symbol becomes an emoji by the variation selector after it.
        if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return 1
        }
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x1100 else { return false }
        return wide.contains { $0.contains(scalar.value) }
    }

    /// "W" and "F" of Unicode 14's EastAsianWidth.txt, but for emoji; unassigned characters between two such belong
    /// to them.
    private static let wide: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2329...0x232A, 0x2E80...0x303E, 0x3041...0x3247, 0x3250...0x4DBF, 0x4E00...0xA4C6,
        0xA960...0xA97C, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6B, 0xFF01...0xFF60,
        0xFFE0...0xFFE6, 0x16FE0...0x1B2FB, 0x1F200...0x1F265, 0x20000...0x3FFFD,
    ]
}
