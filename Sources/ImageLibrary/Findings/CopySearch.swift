import Analysis
import Imaging
import SystemSupport
import Synchronization
import VectorIndex

/// Finds the pairs of pictures that are copies of each other: candidates by hash and by vector, each of them
/// checked on the pixels.
struct CopySearch: Sendable {
    /// PDQ's own figures: a distance up to 31 of 256 is a match, hashes of a quality below 50 say nothing.
    static let hashDistance = 31
    static let hashQuality = 50
    /// Pairs whose vectors are at least this similar are looked at on the pixels.
    static let candidateCosine: Float = 0.70
    /// So many nearest neighbours of each picture are candidates: a bound on the work in collections where
    /// everything is alike. Copies of one picture find each other through the best of them.
    static let candidateCount = 16
    /// The agreement of the pixels that makes two pictures copies; beside a matching hash, less is enough.
    static let agreement: Float = 0.90
    static let agreementBesideHash: Float = 0.80

    let reader: LibraryReader
    let options: DuplicateOptions
    /// The pictures to search among.
    let contents: [ContentRecord]
    /// The files that hold each picture.
    let files: [[FileRecord]]

    /// The pairs that match on the pixels, as loosely as the options allow; same bytes are one picture already.
    func matches(snapshot: VectorSnapshot, onProgress: (Int, Int) -> Void) throws -> [CopyMatch] {
        check(try candidates(snapshot: snapshot), onProgress: onProgress)
    }

    /// A pair of pictures that may be copies.
    private struct Candidate: Sendable {
        let first: Int, second: Int
        let hashDistance: Int
    }

    private func candidates(snapshot: VectorSnapshot) throws -> [Candidate] {
        let position = Dictionary(uniqueKeysWithValues: contents.enumerated().map { ($1.id, $0) })
        var pairs: Set<PicturePair> = []
        let present = snapshot.filter { position[$0] != nil }
        var searching = SearchOptions()
        searching.filter = present
        searching.minimum = Self.candidateCosine
        let graph = try snapshot.neighbors(
            count: Self.candidateCount, threads: options.threads, options: searching)
        for row in 0..<graph.count {
            guard let a = position[graph.ids[row]] else { continue }
            for rank in 0..<graph.neighborCount(of: row) {
                guard let b = position[graph.ids[graph.neighborRow(of: row, rank: rank)]] else { continue }
                pairs.insert(PicturePair(a, b))
            }
        }
        let reliable = contents.indices.filter { contents[$0].pdqQuality >= Self.hashQuality }
        for pair in HashJoin.pairs(reliable.map { contents[$0].pdq.words }, within: Self.hashDistance) {
            pairs.insert(PicturePair(reliable[pair.first], reliable[pair.second]))
        }
        return pairs.map { pair in
            Candidate(
                first: pair.first, second: pair.second,
                hashDistance: HashJoin.distance(
                    contents[pair.first].pdq.words, contents[pair.second].pdq.words))
        }.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }

    /// Decides about each candidate by comparing the pictures themselves.
    private func check(
        _ candidates: [Candidate], onProgress: (Int, Int) -> Void
    ) -> [CopyMatch] {
        let cache = RegistrationCache(capacity: 4096) { index in registration(of: index) }
        var matches: [CopyMatch] = []
        // In slices, so that progress can be told between them on the caller's thread.
        let slice = 256
        var start = 0
        while start < candidates.count, !Interruption.isRequested {
            let end = min(start + slice, candidates.count)
            let base = start
            let found = Mutex([CopyMatch?](repeating: nil, count: end - start))
            WorkerThreads.forEach(end - start, threads: options.threads) { offset in
                let candidate = candidates[base + offset]
                if let match = match(of: candidate, cache: cache) {
                    found.withLock { $0[offset] = match }
                }
            }
            matches += found.withLock { $0 }.compactMap { $0 }
            start = end
            onProgress(end, candidates.count)
        }
        return matches
    }

    private func match(
        of pair: Candidate, cache: RegistrationCache
    ) -> CopyMatch? {
        let first = contents[pair.first], second = contents[pair.second]
        // The hash may come from a picture that was decoded smaller: equal pixels need not give equal hashes.
        let isHashNear = pair.hashDistance <= Self.hashDistance
        let isHashReliable = min(first.pdqQuality, second.pdqQuality) >= Self.hashQuality
        if isHashNear || !isHashReliable, first.width == second.width, first.height == second.height,
            first.isTruncated == second.isTruncated, havePixelsInCommon(pair.first, pair.second)
        {
            return CopyMatch(
                first: pair.first, second: pair.second, level: .pixels, agreement: 1, evidence: "")
        }
        guard options.level >= .copies, let a = cache[pair.first], let b = cache[pair.second] else {
            return nil
        }
        let needed = isHashNear && isHashReliable ? Self.agreementBesideHash : Self.agreement
        let agreement = a.agreement(with: b)
        guard agreement >= needed else { return nil }
        return CopyMatch(
            first: pair.first, second: pair.second, level: .copies, agreement: agreement, evidence: "")
    }

    private func registration(of index: Int) -> PictureRegistration? {
        guard let pixels = decode(index, minimumSide: 2 * PictureRegistration.side) else { return nil }
        return PictureRegistration(pixels)
    }

    private func havePixelsInCommon(_ a: Int, _ b: Int) -> Bool {
        guard let first = decode(a, minimumSide: nil), let second = decode(b, minimumSide: nil) else {
            return false
        }
        return first == second
    }

    /// Decodes a picture from any of its files that is still as it was indexed; nil when there is none.
    private func decode(_ index: Int, minimumSide: Int?) -> PixelBuffer? {
        for file in files[index] {
            guard
                let (bytes, status) = try? FileContents.read(
                    reader.path(of: file), limit: PictureReader.largestFile), file.isUnchanged(status)
            else { continue }
            let decoded = bytes.withUnsafeBytes {
                try? ImageDecoder.decode($0, minimumSide: minimumSide, limits: options.limits)
            }
            if let decoded { return decoded.pixels }
        }
        return nil
    }
}
