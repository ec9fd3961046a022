import CKernels
import TestSupport
import Testing

/// The kernels that compare hashes and descriptors, beside the same in plain Swift.
@Suite struct HammingKernelTests {
    private static func distance(_ a: ArraySlice<UInt64>, _ b: ArraySlice<UInt64>) -> Int {
        zip(a, b).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    }

    /// Descriptors of which every second one is the one before with some bits changed.
    private static func descriptors(_ count: Int, _ random: inout SeededRandom) -> [UInt64] {
        var words: [UInt64] = []
        for number in 0..<count {
            if number % 2 == 1 {
                words += words.suffix(4)
                for _ in 0..<Int.random(in: 0...90, using: &random) {
                    let bit = Int.random(in: 0..<256, using: &random)
                    words[4 * number + bit / 64] ^= 1 << UInt64(bit % 64)
                }
            } else {
                words += (0..<4).map { _ in random.next() }
            }
        }
        return words
    }

    @Test func rowsWithinADistanceAreThoseOfBruteForce() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let words = Self.descriptors(101, &random)
        for limit in [0, 31, 60, 128, 256] {
            for query in 0..<101 {
                var places = [UInt32](repeating: 0, count: 101)
                let count = ck_hamming_within(
                    Array(words[(4 * query)..<(4 * query + 4)]), words, 101, UInt32(limit), &places)
                let expected = (0..<101).filter {
                    Self.distance(words[(4 * query)..<(4 * query + 4)], words[(4 * $0)..<(4 * $0 + 4)])
                        <= limit
                }
                #expect(places[..<count].map { Int($0) } == expected, "seed \(seed), limit \(limit)")
            }
        }
    }

    @Test(arguments: [8, 16, 19, 22]) func keysTellDescriptorsApartByTheBitsOfTheirMasks(bits: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        var masks = ck_descriptor_key_masks(UInt32(bits))
        let words = Self.descriptors(64, &random)
        for table in 0..<Int(CK_DESCRIPTOR_TABLES) {
            let mask = withUnsafeBytes(of: masks) { bytes in
                (0..<4).map { bytes.loadUnaligned(fromByteOffset: 32 * table + 8 * $0, as: UInt64.self) }
            }
            #expect(mask.reduce(0) { $0 + $1.nonzeroBitCount } == bits)
            var keys = [UInt32](repeating: 0, count: 64)
            ck_descriptor_keys(words, 64, &masks, table, &keys)
            #expect(keys.allSatisfy { $0 < 1 << UInt32(bits) })
            for a in 0..<64 {
                for b in 0..<a {
                    let isSame = (0..<4).allSatisfy {
                        (words[4 * a + $0] ^ words[4 * b + $0]) & mask[$0] == 0
                    }
                    #expect((keys[a] == keys[b]) == isSame, "seed \(seed), table \(table)")
                }
            }
        }
    }
}
