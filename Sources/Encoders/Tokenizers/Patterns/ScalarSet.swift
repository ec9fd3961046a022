/// A set of scalars as a regular expression writes it: `[^\s\p{L}]`, `\d`, `.`.
struct ScalarSet: Sendable {
    /// One part of a set.
    indirect enum Item: Sendable {
        case range(UInt32, UInt32)
        case categories(CategorySet)
        case whitespace, word, han
        case set(ScalarSet)
        case intersection(ScalarSet, ScalarSet)
    }

    private let items: [Item]
    private let isNegated: Bool
    private let foldsCase: Bool
    private var ascii: (UInt64, UInt64) = (0, 0)

    init(_ items: [Item], isNegated: Bool = false, foldsCase: Bool = false) {
        self.items = items
        self.isNegated = isNegated
        self.foldsCase = foldsCase
        for value in 0..<128 as Range<UInt32> where decide(value) {
            if value < 64 { ascii.0 |= 1 << UInt64(value) } else { ascii.1 |= 1 << UInt64(value - 64) }
        }
    }

    /// Whether the scalar is in the set. ASCII costs one look into a bitmap.
    @inline(__always)
    func contains(_ value: UInt32) -> Bool {
        if value < 64 { return ascii.0 >> UInt64(value) & 1 != 0 }
        if value < 128 { return ascii.1 >> UInt64(value - 64) & 1 != 0 }
        return decide(value)
    }

    private func decide(_ value: UInt32) -> Bool {
        guard let scalar = Unicode.Scalar(value) else { return false }
        if has(scalar) { return !isNegated }
        if foldsCase {
            for variant in CaseFolding.variants(of: scalar) where has(variant) { return !isNegated }
        }
        return isNegated
    }

    /// Latin-1's superscripts and fractions, which Oniguruma counts as word characters, against the standard.
    private static func isLatinNumber(_ value: UInt32) -> Bool {
        switch value {
        case 0xB2, 0xB3, 0xB9, 0xBC...0xBE: true
        default: false
        }
    }

    private func has(_ scalar: Unicode.Scalar) -> Bool {
        let value = scalar.value
        var category: CategorySet?
        for item in items {
            let isIn: Bool
            switch item {
            case .range(let low, let high): isIn = value >= low && value <= high
            case .categories(let wanted):
                let own = category ?? ScalarClasses.category(scalar)
                category = own
                isIn = !wanted.isDisjoint(with: own)
            case .whitespace: isIn = ScalarClasses.isWhitespace(value)
            case .word: isIn = ScalarClasses.isWord(scalar) || ScalarSet.isLatinNumber(value)
            case .han: isIn = HanScript.contains(value)
            case .set(let set): isIn = set.contains(value)
            case .intersection(let first, let second): isIn = first.contains(value) && second.contains(value)
            }
            if isIn { return true }
        }
        return false
    }
}

/// Simple case folding, one scalar for one.
enum CaseFolding {
    /// The scalars that differ from this one only in case, as far as its mappings reach ("ſ" reaches "S" and
    /// "s").
    static func variants(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        func add(_ mapping: String) {
            let scalars = mapping.unicodeScalars
            if let only = scalars.first, scalars.count == 1, only != scalar { result.append(only) }
        }
        add(scalar.properties.lowercaseMapping)
        add(scalar.properties.uppercaseMapping)
        for first in result { add(first.properties.lowercaseMapping) }
        return result
    }
}

/// The Han script (Unicode 16, Scripts.txt).
private enum HanScript {
    static func contains(_ value: UInt32) -> Bool {
        switch value {
        case 0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005, 0x3007, 0x3021...0x3029,
            0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D, 0xFA70...0xFAD9,
            0x16FE2, 0x16FE3, 0x16FF0, 0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739, 0x2B740...0x2B81D,
            0x2B820...0x2CEA1, 0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D, 0x2F800...0x2FA1D, 0x30000...0x3134A,
            0x31350...0x323AF:
            true
        default: false
        }
    }
}
