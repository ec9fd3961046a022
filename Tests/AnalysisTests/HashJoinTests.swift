import Analysis
import TestSupport
import Testing

@Suite struct HashJoinTests {
    @Test func findsExactlyThePairsOfBruteForce() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        func word() -> UInt64 { random.next() }
        var hashes = (0..<300).map { _ in SIMD4(word(), word(), word(), word()) }
        // Families at every distance around the limit.
        for distance in 0...40 {
            var copy = hashes[distance]
            for bit in Array(0..<256).shuffled(using: &random).prefix(distance) {
                copy[bit / 64] ^= 1 << UInt64(bit % 64)
            }
            hashes.append(copy)
        }
        hashes.shuffle(using: &random)
        for limit in [0, 1, 8, 31] {
            var expected: [HashJoin.Pair] = []
            for a in hashes.indices {
                for b in hashes.indices where b > a {
                    let distance = HashJoin.distance(hashes[a], hashes[b])
                    if distance <= limit {
                        expected.append(HashJoin.Pair(first: a, second: b, distance: distance))
                    }
                }
            }
            #expect(HashJoin.pairs(hashes, within: limit) == expected, "seed \(seed), limit \(limit)")
        }
        #expect(HashJoin.pairs([], within: 31).isEmpty)
    }
}
