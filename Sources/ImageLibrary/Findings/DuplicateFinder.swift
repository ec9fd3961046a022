import Acting
import Analysis
import Encoders
import GRDB
import Imaging
import SystemPackage
import SystemSupport
public import VectorIndex

/// Finds groups of copies: candidates by hash and by vector, each of them checked on the pixels.
public struct DuplicateFinder {
    private let reader: LibraryReader
    private let options: DuplicateOptions
    private let order: KeepOrder
    private let contents: [ContentRecord]
    /// The files of each content, the one to keep first; a file with several names counts once.
    private let files: [[FileRecord]]
    private var candidates: [[KeepCandidate]]
    private let ignored: Set<DistinctPair>
    /// The folders between which matches count when they are isolated.
    private let separated: [FilePath]

    /// Reads the catalog's pictures and files.
    public init(_ reader: LibraryReader, options: DuplicateOptions) throws {
        self.reader = reader
        self.options = options
        let order = KeepOrder(rule: options.rule, facts: DiskFacts())
        self.order = order
        let catalog = reader.catalog
        let references = try options.references.map { try reader.indexedFolder($0) }
        let folders = try options.folders.map { try LibraryPaths.absolute($0) }
        separated = folders + references
        var allowed: Set<UInt64>?
        if !folders.isEmpty {
            allowed = try (folders + references).reduce(into: Set()) {
                $0.formUnion(try reader.contents(below: $1))
            }
        }
        var byContent: [UInt64: [(record: FileRecord, path: FilePath)]] = [:]
        for file in try catalog.read({ try catalog.files(states: [.indexed], in: $0) }) {
            guard let content = file.contentID else { continue }
            let path = reader.path(of: file)
            if folders.isEmpty || (folders + references).contains(where: { path.starts(with: $0) }) {
                byContent[content, default: []].append((file, path))
            }
        }
        let contents = try catalog.read { try catalog.presentContents($0) }
            .filter { (allowed?.contains($0.id) ?? true) && byContent[$0.id] != nil }
        var files: [[FileRecord]] = []
        var candidates: [[KeepCandidate]] = []
        for content in contents {
            let sorted = (byContent[content.id] ?? []).map { file in
                (
                    file.record,
                    KeepCandidate(
                        content, path: file.path, modified: file.record.modified,
                        isReference: references.contains { file.path.starts(with: $0) })
                )
            }.sorted { order.prefers($0.1, to: $1.1) }
            var seen: Set<FileNumber> = []
            let distinct = sorted.filter {
                seen.insert(FileNumber(device: $0.0.device, inode: $0.0.inode)).inserted
            }
            files.append(distinct.map(\.0))
            candidates.append(distinct.map(\.1))
        }
        self.contents = contents
        self.files = files
        self.candidates = candidates
        ignored = try catalog.read { try catalog.distinctPairs($0) }
    }

    private struct FileNumber: Hashable { let device: UInt64, inode: UInt64 }

    /// The groups, in the order of their kept files' paths.
    ///
    /// Every member matches the kept file itself, so that no chain of small differences joins unlike pictures.
    /// Pairs that were marked as no duplicates are passed over.
    public func groups(snapshot: VectorSnapshot, onProgress: (Int, Int) -> Void) throws -> [DuplicateGroup] {
        var matches: [CopyMatch] = []
        if options.level > .bytes {
            let search = CopySearch(reader: reader, options: options, contents: contents, files: files)
            matches = try search.matches(snapshot: snapshot, onProgress: onProgress).filter(isWanted)
        }
        var finder = self
        for framed in matches.compactMap(\.framed) {
            for file in candidates[framed].indices { finder.candidates[framed][file].isFramed = true }
        }
        for marked in matches.compactMap(\.marked) {
            for file in candidates[marked].indices { finder.candidates[marked][file].isMarked = true }
        }
        return finder.groups(of: matches, snapshot: snapshot)
    }

    private func groups(of matches: [CopyMatch], snapshot: VectorSnapshot) -> [DuplicateGroup] {
        let edges = matches.map {
            Duplicates.Edge(a: $0.first, b: $0.second, level: $0.level.rawValue, score: $0.agreement)
        }
        let evidence = Dictionary(
            matches.map { (PicturePair($0.first, $0.second), $0.evidence) },
            uniquingKeysWith: { first, _ in first })
        let stars = Duplicates.groups(edges: edges, tier: { CopyLevel(rawValue: $0)?.tier ?? 0 }) {
            order.prefers(candidates[$0][0], to: candidates[$1][0])
        }
        var inStar = Set<Int>()
        var groups: [[Found]] = []
        for star in stars {
            inStar.formUnion([star.representative])
            inStar.formUnion(star.members.map(\.row))
            let kept = contents[star.representative].id
            groups.append(
                found(star.representative, level: .bytes, score: 1, evidence: "")
                    + star.members.flatMap {
                        found(
                            $0.row, level: CopyLevel(rawValue: $0.level) ?? .copies,
                            score: cosine(kept, contents[$0.row].id, snapshot),
                            evidence: evidence[PicturePair(star.representative, $0.row)] ?? "")
                    })
        }
        for index in contents.indices where files[index].count > 1 && !inStar.contains(index) {
            groups.append(found(index, level: .bytes, score: 1, evidence: ""))
        }
        return groups.compactMap(group)
            .sorted { $0.members[0].path.bytes.lexicographicallyPrecedes($1.members[0].path.bytes) }
    }

    /// A file of a group before it is decided who stays in it.
    private struct Found {
        let content: Int, file: Int
        var level = CopyLevel.bytes
        var score: Float = 1
        var evidence = ""
    }

    private func found(_ content: Int, level: CopyLevel, score: Float, evidence: String) -> [Found] {
        files[content].indices.map {
            Found(content: content, file: $0, level: level, score: score, evidence: evidence)
        }
    }

    /// A group of the files that belong in it; nil when the first one is alone.
    private func group(_ all: [Found]) -> DuplicateGroup? {
        guard let first = all.first else { return nil }
        let keeper = candidates[first.content][first.file]
        let others = all.dropFirst().filter { member in
            let candidate = candidates[member.content][member.file]
            // A raw file and what the camera made of it are one picture.
            if Companions.areOnePicture(keeper.path, candidate.path) { return false }
            return !options.isIsolated || side(first) != side(member)
        }
        guard !others.isEmpty else { return nil }
        let runnerUp = others.map { candidates[$0.content][$0.file] }
            .min { order.prefers($0, to: $1) }
        return DuplicateGroup(
            members: [member(first, reason: runnerUp.map { order.reasons(keeper, $0).kept } ?? "")]
                + others.map { other in
                    let candidate = candidates[other.content][other.file]
                    return member(
                        other,
                        reason: candidate.isReference ? "reference" : order.reasons(keeper, candidate).other)
                })
    }

    private func member(_ found: Found, reason: String) -> DuplicateGroup.Member {
        let content = contents[found.content]
        let candidate = candidates[found.content][found.file]
        return DuplicateGroup.Member(
            path: candidate.path, level: found.level, score: found.score, evidence: found.evidence,
            size: content.size, width: content.width, height: content.height, format: content.format,
            modified: candidate.modified, captured: content.captured, contentHash: content.hash,
            isReference: candidate.isReference, reason: reason)
    }

    private func isWanted(_ match: CopyMatch) -> Bool {
        let (first, second) = (match.first, match.second)
        guard !ignored.contains(DistinctPair(contents[first].hash, contents[second].hash)) else {
            return false
        }
        guard options.isIsolated else { return true }
        // A match inside one folder must not take a picture away from its match in another.
        let sides = Set(files[first].indices.map { side(Found(content: first, file: $0)) })
            .union(files[second].indices.map { side(Found(content: second, file: $0)) })
        return sides.count > 1
    }

    /// Which of the separated folders a file belongs to.
    private enum Side: Hashable { case folder(FilePath), root(Int64) }

    private func side(_ found: Found) -> Side {
        let path = candidates[found.content][found.file].path
        let folder = separated.filter { path.starts(with: $0) }.max { $0.length < $1.length }
        return folder.map(Side.folder) ?? .root(files[found.content][found.file].rootID)
    }

    private func cosine(_ a: UInt64, _ b: UInt64, _ snapshot: VectorSnapshot) -> Float {
        guard let first = snapshot.row(ofID: a), let second = snapshot.row(ofID: b) else { return 0 }
        return zip(snapshot.vector(ofRow: first), snapshot.vector(ofRow: second)).reduce(Float(0)) {
            $0 + $1.0 * $1.1
        }
    }
}

extension CopyLevel {
    /// Which of the kept pictures it matches a copy goes to: one with its very pixels; else the best that is of the same
    /// photograph; else the best of the same scene.
    fileprivate var tier: Int {
        switch self {
        case .bytes, .pixels: 0
        case .copies, .edits: 1
        case .similar: 2
        }
    }
}

extension KeepCandidate {
    init(_ content: ContentRecord, path: FilePath, modified: Int64, isReference: Bool) {
        self.init(
            path: path, modified: modified, isReference: isReference, size: content.size,
            width: content.width, height: content.height, format: content.format,
            isTruncated: content.isTruncated, colorfulness: content.quality.colorfulness,
            captured: content.captured)
    }
}
