import Analysis
import Encoders
import GRDB
import Imaging
import SystemPackage
import SystemSupport
import Synchronization
public import VectorIndex

/// Finds groups of copies: candidates by hash and by vector, each of them checked on the pixels.
public struct DuplicateFinder: Sendable {
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

    /// Pictures less colourful than this count as grey.
    private static let greyLimit = 3.0

    private let reader: LibraryReader
    private let options: DuplicateOptions
    private let contents: [ContentRecord]
    private let files: [[FileRecord]]

    /// Reads the catalog's pictures and files.
    public init(_ reader: LibraryReader, options: DuplicateOptions) throws {
        self.reader = reader
        self.options = options
        let catalog = reader.catalog
        var allowed: Set<UInt64>?
        if !options.folders.isEmpty {
            allowed = try options.folders.reduce(into: Set()) { $0.formUnion(try reader.contents(below: $1)) }
        }
        let folders = try options.folders.map { try LibraryPaths.absolute($0) }
        let contents = try catalog.read { try catalog.presentContents($0) }
            .filter { allowed?.contains($0.id) ?? true }
        var byContent: [UInt64: [FileRecord]] = [:]
        for file in try catalog.read({ try catalog.files(states: [.indexed], in: $0) }) {
            guard let content = file.contentID else { continue }
            let path = reader.path(of: file)
            if folders.isEmpty || folders.contains(where: { path.starts(with: $0) }) {
                byContent[content, default: []].append(file)
            }
        }
        self.contents = contents
        files = contents.map { content in
            (byContent[content.id] ?? []).sorted {
                ($0.modified, $0.relativePath.count) != ($1.modified, $1.relativePath.count)
                    ? ($0.modified, $0.relativePath.count) < ($1.modified, $1.relativePath.count)
                    : $0.relativePath.lexicographicallyPrecedes($1.relativePath)
            }
        }
    }

    /// The groups, in the order of their kept files' paths.
    ///
    /// Every member matches the kept file itself, so that no chain of small differences joins unlike pictures.
    public func groups(snapshot: VectorSnapshot, onProgress: (Int, Int) -> Void) throws -> [DuplicateGroup] {
        var edges: [Duplicates.Edge] = []
        if options.level > .bytes {
            let candidates = try candidates(snapshot: snapshot)
            edges = check(candidates, onProgress: onProgress)
        }
        let stars = Duplicates.groups(edges: edges, isPreferred: isBetter)
        var inStar = Set<Int>()
        var groups: [DuplicateGroup] = []
        for star in stars {
            inStar.formUnion([star.representative])
            inStar.formUnion(star.members.map(\.row))
            let kept = contents[star.representative].id
            groups.append(
                DuplicateGroup(
                    members: members(star.representative, level: .bytes, score: 1)
                        + star.members.flatMap {
                            members(
                                $0.row, level: CopyLevel(rawValue: $0.level) ?? .copies,
                                score: cosine(kept, contents[$0.row].id, snapshot))
                        }))
        }
        for index in contents.indices where files[index].count > 1 && !inStar.contains(index) {
            groups.append(DuplicateGroup(members: members(index, level: .bytes, score: 1)))
        }
        return groups.filter { $0.members.count > 1 }
            .sorted { $0.members[0].path.bytes.lexicographicallyPrecedes($1.members[0].path.bytes) }
    }

    private func members(_ index: Int, level: CopyLevel, score: Float) -> [DuplicateGroup.Member] {
        let content = contents[index]
        return files[index].map {
            DuplicateGroup.Member(
                path: reader.path(of: $0), level: level, score: score, size: content.size,
                width: content.width,
                height: content.height)
        }
    }

    /// Whether one picture is the better one to keep.
    private func isBetter(_ a: Int, _ b: Int) -> Bool {
        let first = contents[a], second = contents[b]
        if first.isTruncated != second.isTruncated { return second.isTruncated }
        // A grey copy has lost what the coloured original still has, whatever its size.
        let isGrey = (
            first.quality.colorfulness < Self.greyLimit, second.quality.colorfulness < Self.greyLimit
        )
        if isGrey.0 != isGrey.1 { return isGrey.1 }
        let pixels = (first.width * first.height, second.width * second.height)
        if pixels.0 != pixels.1 { return pixels.0 > pixels.1 }
        if first.size != second.size { return first.size > second.size }
        let times = (files[a].first?.modified ?? .max, files[b].first?.modified ?? .max)
        if times.0 != times.1 { return times.0 < times.1 }
        return first.id < second.id
    }

    /// A pair of pictures that may be copies.
    private struct Candidate: Sendable {
        let first: Int, second: Int
        let hashDistance: Int
    }

    private func candidates(snapshot: VectorSnapshot) throws -> [Candidate] {
        let position = Dictionary(uniqueKeysWithValues: contents.enumerated().map { ($1.id, $0) })
        var pairs: Set<Pair> = []
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
                pairs.insert(Pair(a, b))
            }
        }
        let reliable = contents.indices.filter { contents[$0].pdqQuality >= Self.hashQuality }
        for pair in HashJoin.pairs(reliable.map { contents[$0].pdq.words }, within: Self.hashDistance) {
            pairs.insert(Pair(reliable[pair.first], reliable[pair.second]))
        }
        return pairs.map { pair in
            Candidate(
                first: pair.first, second: pair.second,
                hashDistance: HashJoin.distance(
                    contents[pair.first].pdq.words, contents[pair.second].pdq.words))
        }.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }

    private struct Pair: Hashable {
        let first: Int, second: Int
        init(_ a: Int, _ b: Int) {
            first = min(a, b)
            second = max(a, b)
        }
    }

    private func cosine(_ a: UInt64, _ b: UInt64, _ snapshot: VectorSnapshot) -> Float {
        guard let first = snapshot.row(ofID: a), let second = snapshot.row(ofID: b) else { return 0 }
        return zip(snapshot.vector(ofRow: first), snapshot.vector(ofRow: second)).reduce(Float(0)) {
            $0 + $1.0 * $1.1
        }
    }

    /// Decides about each candidate by comparing the pictures themselves.
    private func check(
        _ candidates: [Candidate], onProgress: (Int, Int) -> Void
    ) -> [Duplicates.Edge] {
        let cache = RegistrationCache(capacity: 4096) { index in registration(of: index) }
        var edges: [Duplicates.Edge] = []
        // In slices, so that progress can be told between them on the caller's thread.
        let slice = 256
        var start = 0
        while start < candidates.count, !Interruption.isRequested {
            let end = min(start + slice, candidates.count)
            let base = start
            let found = Mutex([Duplicates.Edge?](repeating: nil, count: end - start))
            WorkerThreads.forEach(end - start, threads: options.threads) { offset in
                let candidate = candidates[base + offset]
                if let match = match(of: candidate, cache: cache) {
                    // A picture that matches two kept ones goes to the one its pixels agree with best.
                    let edge = Duplicates.Edge(
                        a: candidate.first, b: candidate.second, level: match.level.rawValue,
                        score: match.agreement)
                    found.withLock { $0[offset] = edge }
                }
            }
            edges += found.withLock { $0 }.compactMap { $0 }
            start = end
            onProgress(end, candidates.count)
        }
        return edges
    }

    private func match(
        of pair: Candidate, cache: RegistrationCache
    ) -> (level: CopyLevel, agreement: Float)? {
        let first = contents[pair.first], second = contents[pair.second]
        // The hash may come from a picture that was decoded smaller: equal pixels need not give equal hashes.
        let isHashNear = pair.hashDistance <= Self.hashDistance
        let isHashReliable = min(first.pdqQuality, second.pdqQuality) >= Self.hashQuality
        if isHashNear || !isHashReliable, first.width == second.width, first.height == second.height,
            first.isTruncated == second.isTruncated, havePixelsInCommon(pair.first, pair.second)
        {
            return (.pixels, 1)
        }
        guard options.level >= .copies, let a = cache[pair.first], let b = cache[pair.second] else {
            return nil
        }
        let needed = isHashNear && isHashReliable ? Self.agreementBesideHash : Self.agreement
        let agreement = a.agreement(with: b)
        return agreement >= needed ? (.copies, agreement) : nil
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
