import Inference
import SystemSupport
import TestSupport
import Testing

/// The texts of Fixtures/generate_tokenizers.py, draw by draw: captions, code, many scripts, emoji, marks, controls,
/// unassigned scalars, long words, broken UTF-8.
struct TokenizerTexts {
    private let words: [String: [String]]
    private let languages: [[String]]
    private let ranges: [(UInt32, UInt32)]

    init() throws {
        let file = try JSON.parse(try FileContents.read(Fixtures.path("tokenizers/words.json")).bytes)
        var words: [String: [String]] = [:]
        for name in ["captions", "code", "emoji", "spaces", "special"] {
            words[name] = try #require(file[name]?.array).compactMap(\.string)
        }
        self.words = words
        languages = try #require(file["languages"]?.array).map { ($0.array ?? []).compactMap(\.string) }
        ranges = try #require(file["ranges"]?.array).map {
            let ends = $0.numbers ?? []
            return (UInt32(ends[0]), UInt32(ends[1]))
        }
    }

    /// Whole-number draws as the generator makes them.
    private struct Draws {
        var random: SeededRandom

        mutating func below(_ count: Int) -> Int {
            Int(truncatingIfNeeded: ((random.next() >> 32) &* UInt64(count)) >> 32)
        }

        mutating func one<Item>(_ items: [Item]) -> Item { items[below(items.count)] }

        mutating func scalar(_ first: UInt32, _ last: UInt32) -> String {
            let value = first + UInt32(below(Int(last - first) + 1))
            return String(Unicode.Scalar(value).map(Character.init) ?? "\u{FFFD}")
        }
    }

    /// Text number `index`, as bytes that need not be UTF-8.
    func text(_ index: Int) -> [UInt8] {
        var draws = Draws(random: SeededRandom(seed: UInt64(index)))
        if draws.below(200) == 0 { return [] }
        switch draws.below(17) {
        case 0...3: return caption(&draws)
        case 4, 5: return code(&draws)
        case 6...8: return foreign(&draws)
        case 9: return emoji(&draws)
        case 10: return marks(&draws)
        case 11, 12: return anything(&draws)
        case 13: return controls(&draws)
        case 14: return special(&draws)
        case 15: return longWord(&draws)
        default: return broken(&draws)
        }
    }

    /// Caption number `index`, without the other kinds between.
    func captionText(_ index: Int) -> [UInt8] {
        var draws = Draws(random: SeededRandom(seed: UInt64(index)))
        return caption(&draws)
    }

    private func list(_ name: String) -> [String] { words[name] ?? [] }

    private func caption(_ draws: inout Draws) -> [UInt8] {
        var parts: [String] = []
        for _ in 0..<2 + draws.below(9) {
            var word = draws.one(list("captions"))
            if draws.below(8) == 0 {
                word =
                    draws.below(2) == 1
                    ? word.uppercased() : word.prefix(1).uppercased() + word.dropFirst().lowercased()
            }
            parts.append(word)
        }
        let end = draws.one(["", ".", "!", "?", "...", ", 2024", "'s", " - "])
        return Array((parts.joined(separator: " ") + end).utf8)
    }

    private func code(_ draws: inout Draws) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(12) {
            text += draws.one(list("code")).utf8
            text += draws.one([" ", "", "\n", "    ", "\t", "\r\n", "  ", " = "]).utf8
        }
        return text
    }

    private func foreign(_ draws: inout Draws) -> [UInt8] {
        let words = draws.one(languages)
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(9) {
            text += draws.one(words).utf8
            text += draws.one([" ", " ", "", "\u{3000}", "\u{A0}", ", ", "。", "\u{200B}"]).utf8
        }
        return text
    }

    private func emoji(_ draws: inout Draws) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(6) {
            text += draws.one(list("emoji")).utf8
            text += draws.one(["", " ", "", "\u{FE0F}", "\u{200D}", "!"]).utf8
        }
        return text
    }

    private func marks(_ draws: inout Draws) -> [UInt8] {
        let marks: [(UInt32, UInt32)] = [
            (0x300, 0x36F), (0x1AB0, 0x1ACE), (0x20D0, 0x20F0), (0x591, 0x5BD), (0x64B, 0x65F),
            (0x93C, 0x94D),
            (0xE31, 0xE3A), (0xE47, 0xE4E), (0x3099, 0x309A), (0x1D165, 0x1D172),
        ]
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(8) {
            text += draws.scalar(0x61, 0x7A).utf8
            for _ in 0..<draws.below(4) {
                let (first, last) = draws.one(marks)
                text += draws.scalar(first, last).utf8
            }
        }
        return text
    }

    private func anything(_ draws: inout Draws) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(16) {
            let (first, last) = draws.one(ranges)
            text += draws.scalar(first, last).utf8
            if draws.below(4) == 0 { text += draws.one([" ", "a", "'", "\n", "1"]).utf8 }
        }
        return text
    }

    private func controls(_ draws: inout Draws) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(10) {
            switch draws.below(3) {
            case 0: text += draws.scalar(0, 0x1F).utf8
            case 1: text += draws.scalar(0x7F, 0xA0).utf8
            default: text += draws.one(list("spaces")).utf8
            }
            text += draws.one(["", "x", "photo ", "7"]).utf8
        }
        return text
    }

    private func special(_ draws: inout Draws) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<1 + draws.below(6) {
            text += draws.one(list("special")).utf8
            text += draws.one(["", " ", "a", "  ", "dog", "\n"]).utf8
        }
        return text
    }

    private func longWord(_ draws: inout Draws) -> [UInt8] {
        let part = draws.one(list("captions") + ["ab", "x", "ß", "漢", "-", "=", "aa"])
        return Array(String(repeating: part, count: 20 + draws.below(60)).utf8)
    }

    private func broken(_ draws: inout Draws) -> [UInt8] {
        var text = draws.below(2) == 1 ? caption(&draws) : foreign(&draws)
        for _ in 0..<1 + draws.below(4) {
            let place = draws.below(text.count + 1)
            text.insert(
                draws.one([0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, 0xA0, 0x98] as [UInt8]),
                at: place)
        }
        return text
    }
}

/// 64-bit FNV-1a over 32-bit numbers, each row ended by 0xFFFFFFFF.
struct NumberDigest {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ row: some Sequence<UInt32>) {
        for number in row { add(number) }
        add(0xFFFF_FFFF)
    }

    private mutating func add(_ number: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            value = (value ^ UInt64(number >> UInt32(shift) & 0xFF)) &* 0x100_0000_01B3
        }
    }

    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
