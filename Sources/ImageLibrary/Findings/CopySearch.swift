import Analysis
import Imaging
import SystemSupport
import Synchronization
import VectorIndex

/// Finds the pairs of pictures that are copies of each other: candidates by hash, by vector and, for edits, by local
/// features; each of them checked on the pixels.
struct CopySearch: Sendable {
    /// PDQ's own figures: a distance up to 31 of 256 is a match, hashes of a quality below 50 say nothing.
    static let hashDistance = 31
    static let hashQuality = 50
    /// Pairs whose vectors are at least this similar are looked at on the pixels.
    static let candidateCosine: Float = 0.70
    /// So many nearest neighbours of each picture are candidates: a bound on the work in collections where
    /// everything is alike. Copies of one picture find each other through the best of them. Edits are found by their
    /// patches, nearly all of them, and each pair of them costs more to look at.
    private var candidateCount: Int { options.level == .edits ? 6 : 16 }
    /// Pictures that match one picture are compared with each other as well, up to so many of them.
    static let familyLimit = 24

    let reader: LibraryReader
    let options: DuplicateOptions
    /// The pictures to search among.
    let contents: [ContentRecord]
    /// The files that hold each picture.
    let files: [[FileRecord]]

    /// The pairs that match on the pixels, as loosely as the options allow; same bytes are one picture already.
    ///
    /// `onProgress` is told what is done of what: first pictures, when they have to be sketched, then pairs.
    func matches(snapshot: VectorSnapshot, onProgress: (Int, Int) -> Void) throws -> [CopyMatch] {
        let store = options.level >= .edits ? try SketchStore(reader.paths) : nil
        let check = CopyCheck(search: self, store: store)
        if let store { check.makeSketches(in: store, onProgress: onProgress) }
        let candidates = try candidates(snapshot: snapshot, check: check, onProgress: onProgress)
        var matches = check.matches(among: candidates, done: 0, onProgress: onProgress)
        let relatives = Self.relatives(of: matches, besides: candidates)
        matches += check.matches(among: relatives, done: candidates.count, onProgress: onProgress)
        return matches
    }

    private func candidates(
        snapshot: VectorSnapshot, check: CopyCheck, onProgress: (Int, Int) -> Void
    ) throws -> [CopyCandidate] {
        let position = Dictionary(uniqueKeysWithValues: contents.enumerated().map { ($1.id, $0) })
        var list = CandidateList()
        var searching = SearchOptions()
        searching.filter = snapshot.filter { position[$0] != nil }
        if options.level < .edits { searching.minimum = Self.candidateCosine }
        let graph = try snapshot.neighbors(
            count: candidateCount, threads: options.threads, options: searching)
        for row in 0..<graph.count {
            guard let a = position[graph.ids[row]] else { continue }
            for neighbor in graph.neighbors(of: row) {
                if let b = position[neighbor.id] { list.add(a, b, similarity: neighbor.similarity) }
            }
        }
        let reliable = contents.indices.filter { contents[$0].pdqQuality >= Self.hashQuality }
        for pair in HashJoin.pairs(reliable.map { contents[$0].pdq.words }, within: Self.hashDistance) {
            list.add(reliable[pair.first], reliable[pair.second], ways: .plain)
        }
        list.addVerySmall(contents, among: reliable, threads: options.threads)
        guard options.level >= .edits else { return list.sorted() }
        var positions: [Int] = [], hashes: [[PDQHash]] = []
        for index in contents.indices {
            guard let sketch = check.sketch(index), sketch.hashQuality >= Self.hashQuality else { continue }
            positions.append(index)
            hashes.append(sketch.hashes)
        }
        list.addTurned(
            hashes, positions: positions, distance: Self.hashDistance, threads: options.threads)
        list.addSharedPatches(
            count: contents.count, threads: options.threads, sketch: { check.sketch($0) },
            onProgress: { onProgress($0, contents.count) })
        return list.sorted()
    }

    /// The pairs of pictures that both match a third one and were not compared yet.
    private static func relatives(of matches: [CopyMatch], besides known: [CopyCandidate]) -> [CopyCandidate]
    {
        var family: [Int: [Int]] = [:]
        for match in matches {
            family[match.first, default: []].append(match.second)
            family[match.second, default: []].append(match.first)
        }
        var list = CandidateList()
        for members in family.values {
            let members = members.sorted().prefix(familyLimit)
            for a in members { for b in members where a < b { list.add(a, b) } }
        }
        let compared = Set(
            known.filter { family[$0.first] != nil && family[$0.second] != nil }
                .map { PicturePair($0.first, $0.second) })
        return list.sorted().filter { !compared.contains(PicturePair($0.first, $0.second)) }
    }
}
