/// Files changed for fuzz tests.
public enum Mutation {
    private static let numbers = [
        "0", "-1", "1", "255", "65536", "4294967296", "9007199254740993", "9223372036854775807",
        "9223372036854775808", "18446744073709551616", "1e308", "1e999", "-0", "0.5", "00", "1e-400", "4e9",
    ].map { Array($0.utf8) }
    private static let words =
        [
            "null", "true", "[]", "{}", "\"\"", "[[[[[[[[[[", "}}", "\"F8_E4M3\"", "\"F4\"", "\"dtype\"",
            "\"X\"", "\\u0000",
            "\\ud83d", "\\n", ",", ":", "\"", "\u{0}", "é",
        ].map { Array($0.utf8) } + [[0xFF], [0xC3], [0xED, 0xA0, 0x80]]

    /// A changed copy of a file drawn from the corpus; texts and numbers are changed as such now and then.
    public static func of(_ corpus: [[UInt8]], using random: inout SeededRandom) -> [UInt8] {
        var bytes = corpus.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            let end = min(bytes.count, start + Int.random(in: 1...24, using: &random))
            switch Int.random(in: 0..<9, using: &random) {
            case 0: bytes[start] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[start] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 2: bytes.removeSubrange(start..<end)
            case 3: bytes.insert(contentsOf: bytes[start..<end], at: start)
            case 4: bytes.removeLast(Int.random(in: 0...bytes.count / 3, using: &random))
            case 5, 6: replaceNumber(in: &bytes, after: start, using: &random)
            case 7: bytes.insert(contentsOf: words.randomElement(using: &random) ?? [], at: start)
            default:
                // A piece of another file.
                let other = corpus.randomElement(using: &random) ?? []
                guard !other.isEmpty else { continue }
                let from = Int.random(in: 0..<other.count, using: &random)
                bytes.replaceSubrange(
                    start..<end,
                    with: other[from..<min(other.count, from + Int.random(in: 1...64, using: &random))])
            }
        }
        return bytes
    }

    private static func replaceNumber(
        in bytes: inout [UInt8], after start: Int, using random: inout SeededRandom
    ) {
        func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
        guard let first = bytes[start...].firstIndex(where: isDigit) else { return }
        let end = bytes[first...].firstIndex { !isDigit($0) } ?? bytes.count
        bytes.replaceSubrange(first..<end, with: numbers.randomElement(using: &random) ?? [])
    }
}
