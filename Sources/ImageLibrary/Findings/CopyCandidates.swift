import Analysis
import Imaging
import SystemSupport
import Synchronization
import VectorIndex

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A pair of pictures that may be copies.
struct CopyCandidate: Sendable {
    /// Positions of the two in the list that is searched, the smaller first.
    let first: Int, second: Int
    /// The cosine of their vectors, when they are near neighbours.
    let similarity: Float?
    /// How one may lie on the other, as far as that is known.
    let ways: LocalFeatures.Ways
}

/// Collects candidates, each pair once. 16 bytes a pair.
struct CandidateList {
    private struct Entry {
        var first: UInt32, second: UInt32
        var similarity: Float
        var ways: LocalFeatures.Ways
    }

    private var entries: [Entry] = []

    mutating func add(_ a: Int, _ b: Int, similarity: Float? = nil, ways: LocalFeatures.Ways = .both) {
        guard a != b else { return }
        entries.append(
            Entry(
                first: UInt32(min(a, b)), second: UInt32(max(a, b)), similarity: similarity ?? -.infinity,
                ways: ways))
    }

    /// The pairs in the order of their positions, each with all that was said of it.
    consuming func sorted() -> [CopyCandidate] {
        var entries = entries
        entries.sort { ($0.first, $0.second) < ($1.first, $1.second) }
        var candidates: [CopyCandidate] = []
        var rest = entries[...]
        while let entry = rest.first {
            let same = rest.prefix { $0.first == entry.first && $0.second == entry.second }
            let similarity = same.reduce(entry.similarity) { max($0, $1.similarity) }
            candidates.append(
                CopyCandidate(
                    first: Int(entry.first), second: Int(entry.second),
                    similarity: similarity.isFinite ? similarity : nil,
                    ways: same.reduce(entry.ways) { $0.union($1.ways) }))
            rest = rest.dropFirst(same.count)
        }
        return candidates
    }
}

extension CandidateList {
    /// So many pictures may be found for each by its local features, and as many by those of its mirror image.
    private static let featureCandidates = 6
    /// So many where more than chance speaks for each: a photograph may be in a dozen collages, and screenshots and
    /// captioned pictures share what is written on them.
    private static let likelyCandidates = 24
    /// A picture needs the weight of so many descriptors that nearly all pictures have.
    private static let leastWeight = 16
    /// A picture with the weight of so many descriptors that no other has is more than chance.
    private static let likelyDescriptors = 16
    /// Descriptors that are indexed together; 72 bytes each.
    private static let indexedDescriptors = 3_000_000

    /// Adds pictures that share patches with each other, as they are or mirrored.
    ///
    /// In collections of more than 10,000 pictures only the strongest corners of each take part, 64 at least, so that
    /// the work grows with the number of pictures to the power of one and a half. The pictures are indexed in parts
    /// of 3 million descriptors, which bounds the memory to some 290 MB and that of the sketches in use.
    mutating func addSharedPatches(
        count: Int, threads: Int, sketch: @Sendable (Int) -> PictureSketch?, onProgress: (Int) -> Void
    ) {
        let share = (10_000 / Double(max(count, 10_000))).squareRoot()
        let corners = max(64, Int(Double(LocalFeatures.limit) * share))
        let part = max(1, Self.indexedDescriptors / corners)
        var done = 0
        for start in stride(from: 0, to: count, by: part) {
            if Interruption.isRequested { return }
            let indexed = start..<min(start + part, count)
            let lists = Mutex(
                [DescriptorIndex.Patches](
                    repeating: DescriptorIndex.Patches(words: [], turns: [], sizes: []), count: indexed.count)
            )
            WorkerThreads.forEach(indexed.count, threads: threads) { offset in
                guard let features = sketch(start + offset)?.features else { return }
                let patches = features.strongest(corners).patches
                lists.withLock { $0[offset] = patches }
            }
            let index = DescriptorIndex(lists.withLock { $0 })
            let likely = Self.likelyDescriptors * (Int.bitWidth - indexed.count.leadingZeroBitCount)
            let block = 512
            for first in stride(from: start, to: count, by: block) {
                if Interruption.isRequested { return }
                let asking = first..<min(first + block, count)
                let found = Mutex([(Int, Int, LocalFeatures.Ways)]())
                let next = Mutex(asking.lowerBound)
                WorkerThreads.run(threads: threads) { _ in
                    var scratch = DescriptorIndex.Scratch()
                    while let position = next.withLock({ value -> Int? in
                        guard value < asking.upperBound else { return nil }
                        defer { value += 1 }
                        return value
                    }) {
                        guard let features = sketch(position)?.features.strongest(corners) else { continue }
                        let end = min(position - start, indexed.count)
                        let asked: [(DescriptorIndex.Patches, LocalFeatures.Ways)] = [
                            (features.patches, .plain), (features.mirrored.patches, .mirrored),
                        ]
                        for (patches, ways) in asked {
                            let votes = index.votes(
                                for: patches, below: end, least: Self.leastWeight,
                                limit: Self.likelyCandidates, scratch: &scratch
                            ).enumerated().filter { rank, vote in
                                rank < Self.featureCandidates || vote.weight >= likely
                            }.map(\.element)
                            found.withLock { $0 += votes.map { (start + $0.position, position, ways) } }
                        }
                    }
                }
                for (a, b, ways) in found.withLock({ $0 }) { add(a, b, ways: ways) }
                done += asking.count
                onProgress(done)
            }
        }
    }

    /// Adds for each very small picture the larger ones whose perceptual hashes are near enough for a look at what is left of
    /// it: so far its own differs from its photograph's.
    ///
    /// Compares each very small picture's hash with all.
    mutating func addVerySmall(_ contents: [ContentRecord], among positions: [Int], threads: Int) {
        let small = positions.filter { contents[$0].longerSide <= PicturePlanes.verySmallSide }
        guard !small.isEmpty else { return }
        let larger = positions.filter { contents[$0].longerSide > PicturePlanes.verySmallSide }
        let hashes = HashList(larger.map { contents[$0].pdq.words })
        let found = Mutex([[Int]](repeating: [], count: small.count))
        WorkerThreads.forEach(small.count, threads: threads) { number in
            let near = hashes.positions(
                within: PicturePlanes.explainedDistance, of: contents[small[number]].pdq.words)
            found.withLock { $0[number] = near }
        }
        for (position, near) in zip(small, found.withLock({ $0 })) {
            for other in near { add(position, larger[other], ways: .plain) }
        }
    }

    /// The ways to turn and mirror a picture that are to be looked at: all but the picture's own, which is found by the
    /// catalog's hashes, and one of the two quarter turns, which say the same of each other's pairs.
    private static let turned: [Orientation] = [
        .upMirrored, .down, .downMirrored, .leftMirrored, .right, .rightMirrored,
    ]

    /// Adds pictures whose perceptual hashes match when one is turned or mirrored; `hashes` are those of a sketch.
    mutating func addTurned(_ hashes: [[PDQHash]], positions: [Int], distance: Int, threads: Int) {
        let upright = hashes.map { $0[0].words }
        let found = Mutex([[HashJoin.Pair]](repeating: [], count: Self.turned.count))
        WorkerThreads.forEach(Self.turned.count, threads: threads) { number in
            let orientation = Self.turned[number]
            let pairs = HashJoin.pairs(
                upright, with: hashes.map { $0[Int(orientation.rawValue) - 1].words }, within: distance,
                isSymmetric: orientation != .right)
            found.withLock { $0[number] = pairs }
        }
        for (orientation, pairs) in zip(Self.turned, found.withLock({ $0 })) {
            for pair in pairs {
                add(
                    positions[pair.first], positions[pair.second],
                    ways: orientation.isMirrored ? .mirrored : .plain)
            }
        }
    }
}

extension ContentRecord {
    fileprivate var longerSide: Int { max(width, height) }
}

extension LocalFeatures {
    /// The corners as an index of them takes them.
    fileprivate var patches: DescriptorIndex.Patches {
        DescriptorIndex.Patches(
            words: descriptors,
            turns: points.map { UInt8(truncatingIfNeeded: Int(($0.angle / (2 * .pi) * 256).rounded())) },
            sizes: points.map { UInt8(max(0, min(255, (3 * log2($0.size * 512)).rounded()))) })
    }
}
