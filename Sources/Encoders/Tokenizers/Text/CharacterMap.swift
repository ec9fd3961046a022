import SystemSupport

/// SentencePiece's precompiled character map: a double-array trie of byte strings, and what each becomes.
///
/// Layout (sentencepiece's normalizer.cc and darts-clone): a little-endian number of bytes, as many bytes of
/// 32-bit trie units, then the replacements, each ended by a NUL.
struct CharacterMap: Sendable {
    private let units: [UInt32]
    private let replacements: [UInt8]

    /// Reads a map; nil when it is none.
    init?(_ blob: [UInt8]) {
        let parsed = blob.withUnsafeBytes { bytes -> ([UInt32], [UInt8])? in
            var reader = ByteReader(bytes)
            guard let size = reader.read(UInt32.self), size % 4 == 0,
                let trie = reader.read(count: Int(size)),
                let rest = reader.read(count: reader.remaining)
            else {
                return nil
            }
            var trieReader = ByteReader(trie), units: [UInt32] = []
            units.reserveCapacity(trie.count / 4)
            while let unit = trieReader.read(UInt32.self) { units.append(unit) }
            return (units, Array(rest))
        }
        guard let parsed, !parsed.0.isEmpty else { return nil }
        (units, replacements) = parsed
    }

    /// What the shortest entry that `key` begins with becomes, nil when there is none.
    func replacement(for key: UnsafeBufferPointer<UInt8>) -> ArraySlice<UInt8>? {
        func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }
        var node = offset(units[0])
        for byte in key where byte != 0 {
            node ^= Int(byte)
            guard node < units.count else { return nil }
            let unit = units[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= offset(unit)
            guard node < units.count else { return nil }
            if unit >> 8 & 1 == 1 {
                let start = Int(units[node] & 0x7FFF_FFFF)
                guard start <= replacements.count else { return nil }
                let end = replacements[start...].firstIndex(of: 0) ?? replacements.count
                return replacements[start..<end]
            }
        }
        return nil
    }

    /// The text with every grapheme of fewer than six bytes, or else every scalar, replaced that has an entry.
    func applied(to bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        func append(_ text: UnsafeBufferPointer<UInt8>) {
            if let replacement = replacement(for: text) {
                result.append(contentsOf: replacement)
            } else {
                result.append(contentsOf: text)
            }
        }
        for grapheme in String(decoding: bytes, as: UTF8.self) {
            Array(grapheme.utf8).withText { text in
                if text.count < 6, let replacement = replacement(for: text) {
                    result.append(contentsOf: replacement)
                } else {
                    text.forEachScalar { _, range in append(text.part(range)) }
                }
            }
        }
        return String(decoding: result, as: UTF8.self).utf8.map { $0 }
    }
}
