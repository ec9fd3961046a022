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

    @Test(arguments: [0, 5, 100, 256]) func listsAreAskedAtAnyDistance(distance: Int) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let hashes = (0..<301).map { _ in
            SIMD4<UInt64>(random.next(), random.next(), random.next(), random.next())
        }
        let list = HashList(hashes), query = hashes[17]
        let expected = hashes.indices.filter { HashJoin.distance(hashes[$0], query) <= distance }
        #expect(list.positions(within: distance, of: query) == expected, "seed \(seed)")
        #expect(HashList([]).positions(within: distance, of: query).isEmpty)
    }

    @Test func pairsOfTwoListsAreThoseOfBruteForce() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        func word() -> UInt64 { random.next() }
        let hashes = (0..<120).map { _ in SIMD4(word(), word(), word(), word()) }
        // Hash i and other 119 - i are alike, and the other way round: they are as far apart.
        let change = SIMD4<UInt64>(0b1011, 1 << 63, 0, 0b11 << 20)
        let others = hashes.reversed().map { $0 ^ change }
        func expected(_ isWanted: (Int, Int) -> Bool) -> [HashJoin.Pair] {
            hashes.indices.flatMap { a in
                others.indices.filter { isWanted(a, $0) }.compactMap { b in
                    let distance = HashJoin.distance(hashes[a], others[b])
                    return distance <= 31 ? HashJoin.Pair(first: a, second: b, distance: distance) : nil
                }
            }
        }
        #expect(expected { $0 != $1 }.count >= 120, "seed \(seed)")
        #expect(HashJoin.pairs(hashes, with: others, within: 31) == expected { $0 != $1 }, "seed \(seed)")
        #expect(
            HashJoin.pairs(hashes, with: others, within: 31, isSymmetric: true) == expected { $0 < $1 },
            "seed \(seed)")
    }
}
