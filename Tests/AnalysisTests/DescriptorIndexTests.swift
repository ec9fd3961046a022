import Analysis
import TestSupport
import Testing

@Suite struct DescriptorIndexTests {
    private struct Collection {
        var pictures: [DescriptorIndex.Patches]
        let seed: UInt64

        /// Random descriptors, turned and sized alike, `shared` of each even picture repeated in the next one with `flips`
        /// bits changed.
        init(pictures count: Int, descriptors: Int, shared: Int, flips: Int) {
            seed = UInt64.random(in: .min ... .max)
            var random = SeededRandom(seed: seed)
            pictures = (0..<count).map { _ in
                DescriptorIndex.Patches((0..<4 * descriptors).map { _ in random.next() })
            }
            for even in stride(from: 0, to: count - 1, by: 2) {
                for descriptor in 0..<shared {
                    for word in 0..<4 {
                        pictures[even + 1].words[4 * descriptor + word] =
                            pictures[even].words[4 * descriptor + word]
                    }
                    for bit in Array(0..<256).shuffled(using: &random).prefix(flips) {
                        pictures[even + 1].words[4 * descriptor + bit / 64] ^= 1 << UInt64(bit % 64)
                    }
                }
            }
        }

        /// How many descriptors of a picture have one within the limit in another, all compared with all.
        func shared(_ a: Int, _ b: Int) -> Int {
            stride(from: 0, to: pictures[a].words.count, by: 4).count { i in
                stride(from: 0, to: pictures[b].words.count, by: 4).contains { j in
                    (0..<4).reduce(0) {
                        $0 + (pictures[a].words[i + $1] ^ pictures[b].words[j + $1]).nonzeroBitCount
                    }
                        <= DescriptorIndex.distance
                }
            }
        }
    }

    @Test func everyVoteIsOneThatBruteForceGives() {
        let collection = Collection(pictures: 30, descriptors: 40, shared: 20, flips: 20)
        let index = DescriptorIndex(collection.pictures)
        var scratch = DescriptorIndex.Scratch()
        for (position, patches) in collection.pictures.enumerated() {
            let votes = index.votes(for: patches, below: position, least: 1, limit: 100, scratch: &scratch)
            #expect(votes == votes.sorted { ($1.weight, $0.position) < ($0.weight, $1.position) })
            for vote in votes {
                #expect(vote.position < position, "seed \(collection.seed)")
                // Of 30 pictures that one has, a descriptor counts five at most.
                #expect(
                    vote.weight <= 5 * collection.shared(position, vote.position),
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
            // Each is found in one of 30 pictures or more, or 60 at most.
            if flips == 0 {
                #expect(
                    votes.first.map { (40...40 * 6).contains($0.weight) } == true, "seed \(collection.seed)")
            }
        }
    }

    @Test func picturesWithoutDescriptorsAreNoneAndNobodysNeighbours() {
        let collection = Collection(pictures: 2, descriptors: 5, shared: 5, flips: 0)
        let none = DescriptorIndex.Patches([])
        let index = DescriptorIndex([none, collection.pictures[0], none])
        var scratch = DescriptorIndex.Scratch()
        #expect(index.votes(for: none, below: 3, least: 0, limit: 9, scratch: &scratch).isEmpty)
        let votes = index.votes(for: collection.pictures[1], below: 3, least: 1, limit: 9, scratch: &scratch)
        #expect(votes.map(\.position) == [1] && votes.map(\.weight) == [10])
        #expect(
            DescriptorIndex([]).votes(
                for: DescriptorIndex.Patches([1, 2, 3, 4]), below: 0, least: 0, limit: 9, scratch: &scratch
            )
            .isEmpty)
    }

    /// What very many pictures have, plain edges, tells nothing of any of them.
    @Test func descriptorsOfEveryPictureDoNotCount() {
        let pictures = [DescriptorIndex.Patches](
            repeating: DescriptorIndex.Patches([1, 2, 3, 4]), count: 600)
        var scratch = DescriptorIndex.Scratch()
        #expect(
            DescriptorIndex(pictures).votes(
                for: pictures[0], below: 600, least: 1, limit: 600, scratch: &scratch
            )
            .isEmpty)
    }

    /// Patches of one photograph agree on how it was turned and scaled; those that are alike by chance do not.
    @Test func onlyPatchesTurnedAndScaledAlikeAddUp() {
        let collection = Collection(pictures: 2, descriptors: 64, shared: 64, flips: 0)
        func weight(_ turns: (Int) -> Int, _ sizes: (Int) -> Int) -> Int {
            var asked = collection.pictures[1]
            for index in asked.turns.indices {
                asked.turns[index] = UInt8(truncatingIfNeeded: turns(index))
                asked.sizes[index] = UInt8(sizes(index))
            }
            var scratch = DescriptorIndex.Scratch()
            return DescriptorIndex([collection.pictures[0]]).votes(
                for: asked, below: 1, least: 1, limit: 1, scratch: &scratch
            ).first?.weight ?? 0
        }
        let all = weight({ _ in 0 }, { _ in 5 })
        #expect(all == 64)
        // A right angle and an octave, the same for all of them: nothing is lost.
        #expect(weight({ _ in 64 }, { _ in 8 }) == all)
        // Across the turn of the circle too.
        #expect(weight({ $0 % 2 == 0 ? 3 : -3 }, { _ in 5 }) == all)
        #expect(weight({ 32 * $0 }, { _ in 5 }) <= all / 4)
        #expect(weight({ _ in 0 }, { 1 + 3 * ($0 % 4) }) <= all * 5 / 8)
    }

    /// A patch that one picture has says more than one that all have.
    @Test func rareDescriptorsWeighMore() {
        var random = SeededRandom(seed: 7)
        func words(_ count: Int) -> [UInt64] { (0..<4 * count).map { _ in random.next() } }
        let (common, rare) = (words(10), words(4))
        let pictures = (0..<32).map { DescriptorIndex.Patches(common + ($0 == 5 ? rare : words(4))) }
        var scratch = DescriptorIndex.Scratch()
        let votes = DescriptorIndex(pictures).votes(
            for: DescriptorIndex.Patches(common + rare), below: 32, least: 1, limit: 2, scratch: &scratch)
        #expect(votes.first == DescriptorIndex.Vote(position: 5, weight: 10 + 4 * 6))
        #expect(votes.last?.weight == 10)
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

extension DescriptorIndex.Patches {
    /// Descriptors that are all turned and sized alike.
    fileprivate init(_ words: [UInt64]) {
        let count = words.count / DescriptorIndex.words
        self.init(
            words: words, turns: [UInt8](repeating: 0, count: count),
            sizes: [UInt8](repeating: 5, count: count))
    }
}
