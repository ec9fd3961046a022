import Analysis
import TestSupport
import Testing

@Suite struct DescriptorIndexTests {
    private struct Collection {
        var pictures: [[UInt64]]
        let seed: UInt64

        /// Random descriptors, `shared` of each even picture repeated in the next one with `flips` bits changed.
        init(pictures count: Int, descriptors: Int, shared: Int, flips: Int) {
            seed = UInt64.random(in: .min ... .max)
            var random = SeededRandom(seed: seed)
            pictures = (0..<count).map { _ in (0..<4 * descriptors).map { _ in random.next() } }
            for even in stride(from: 0, to: count - 1, by: 2) {
                for descriptor in 0..<shared {
                    for word in 0..<4 {
                        pictures[even + 1][4 * descriptor + word] = pictures[even][4 * descriptor + word]
                    }
                    for bit in Array(0..<256).shuffled(using: &random).prefix(flips) {
                        pictures[even + 1][4 * descriptor + bit / 64] ^= 1 << UInt64(bit % 64)
                    }
                }
            }
        }

        /// How many descriptors of a picture have one within the limit in another, all compared with all.
        func shared(_ a: Int, _ b: Int) -> Int {
            stride(from: 0, to: pictures[a].count, by: 4).count { i in
                stride(from: 0, to: pictures[b].count, by: 4).contains { j in
                    (0..<4).reduce(0) { $0 + (pictures[a][i + $1] ^ pictures[b][j + $1]).nonzeroBitCount }
                        <= DescriptorIndex.distance
                }
            }
        }
    }

    @Test func everyVoteIsOneThatBruteForceGives() {
        let collection = Collection(pictures: 30, descriptors: 40, shared: 20, flips: 20)
        let index = DescriptorIndex(collection.pictures)
        var scratch = DescriptorIndex.Scratch()
        for (position, words) in collection.pictures.enumerated() {
            let votes = index.votes(for: words, below: position, least: 1, limit: 100, scratch: &scratch)
            #expect(votes == votes.sorted { ($1.count, $0.position) < ($0.count, $1.position) })
            for vote in votes {
                #expect(vote.position < position, "seed \(collection.seed)")
                #expect(
                    vote.count <= collection.shared(position, vote.position),
                    "seed \(collection.seed), \(position) and \(vote.position)")
            }
        }
    }

    @Test(arguments: [0, 10, 20]) func picturesThatShareDescriptorsFindEachOther(flips: Int) {
        let collection = Collection(pictures: 60, descriptors: 100, shared: 40, flips: flips)
        let index = DescriptorIndex(collection.pictures)
        var scratch = DescriptorIndex.Scratch()
        for odd in stride(from: 1, to: 60, by: 2) {
            let votes = index.votes(
                for: collection.pictures[odd], below: odd, least: 3, limit: 1, scratch: &scratch)
            #expect(votes.first?.position == odd - 1, "seed \(collection.seed), \(flips) bits")
            if flips == 0 { #expect(votes.first?.count == 40, "seed \(collection.seed)") }
        }
    }

    @Test func picturesWithoutDescriptorsAreNoneAndNobodysNeighbours() {
        let collection = Collection(pictures: 2, descriptors: 5, shared: 5, flips: 0)
        let index = DescriptorIndex([[], collection.pictures[0], []])
        var scratch = DescriptorIndex.Scratch()
        #expect(index.votes(for: [], below: 3, least: 0, limit: 9, scratch: &scratch).isEmpty)
        let votes = index.votes(for: collection.pictures[1], below: 3, least: 1, limit: 9, scratch: &scratch)
        #expect(votes.map(\.position) == [1] && votes.map(\.count) == [5])
        #expect(
            DescriptorIndex([]).votes(for: [1, 2, 3, 4], below: 0, least: 0, limit: 9, scratch: &scratch)
                .isEmpty)
    }

    /// What very many pictures have, plain edges, tells nothing of any of them.
    @Test func descriptorsOfEveryPictureDoNotCount() {
        let pictures = [[UInt64]](repeating: [1, 2, 3, 4], count: 600)
        var scratch = DescriptorIndex.Scratch()
        #expect(
            DescriptorIndex(pictures).votes(
                for: pictures[0], below: 600, least: 1, limit: 600, scratch: &scratch
            )
            .isEmpty)
    }

    @Test func joinOfTwoListsIsThatOfBruteForce() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let first = (0..<200).map { _ in SIMD4(random.next(), random.next(), random.next(), random.next()) }
        var second = first.shuffled(using: &random)
        for index in second.indices {
            for bit in Array(0..<256).shuffled(using: &random).prefix(index % 40) {
                second[index][bit / 64] ^= 1 << UInt64(bit % 64)
            }
        }
        var expected: [HashJoin.Pair] = []
        for a in first.indices {
            for b in second.indices where a != b && HashJoin.distance(first[a], second[b]) <= 31 {
                expected.append(
                    HashJoin.Pair(first: a, second: b, distance: HashJoin.distance(first[a], second[b])))
            }
        }
        #expect(expected.count > 100)
        #expect(HashJoin.pairs(first, with: second, within: 31) == expected, "seed \(seed)")
        #expect(HashJoin.pairs([], with: second, within: 31).isEmpty)
        #expect(HashJoin.pairs(first, with: [], within: 31).isEmpty)
    }
}
