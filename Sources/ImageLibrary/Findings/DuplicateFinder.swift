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
        var matches: [CopyMatch] = []
        if options.level > .bytes {
            let search = CopySearch(reader: reader, options: options, contents: contents, files: files)
            matches = try search.matches(snapshot: snapshot, onProgress: onProgress)
        }
        // A picture that matches two kept ones goes to the one its pixels agree with best.
        let edges = matches.map {
            Duplicates.Edge(a: $0.first, b: $0.second, level: $0.level.rawValue, score: $0.agreement)
        }
        let evidence = Dictionary(
            matches.map { (PicturePair($0.first, $0.second), $0.evidence) },
            uniquingKeysWith: { first, _ in first })
        let stars = Duplicates.groups(edges: edges, isPreferred: isBetter)
        var inStar = Set<Int>()
        var groups: [DuplicateGroup] = []
        for star in stars {
            inStar.formUnion([star.representative])
            inStar.formUnion(star.members.map(\.row))
            let kept = contents[star.representative].id
            groups.append(
                DuplicateGroup(
                    members: members(star.representative, level: .bytes, score: 1, evidence: "")
                        + star.members.flatMap {
                            members(
                                $0.row, level: CopyLevel(rawValue: $0.level) ?? .copies,
                                score: cosine(kept, contents[$0.row].id, snapshot),
                                evidence: evidence[PicturePair(star.representative, $0.row)] ?? "")
                        }))
        }
        for index in contents.indices where files[index].count > 1 && !inStar.contains(index) {
            groups.append(DuplicateGroup(members: members(index, level: .bytes, score: 1, evidence: "")))
        }
        return groups.filter { $0.members.count > 1 }
            .sorted { $0.members[0].path.bytes.lexicographicallyPrecedes($1.members[0].path.bytes) }
    }

    private func members(_ index: Int, level: CopyLevel, score: Float, evidence: String) -> [DuplicateGroup
        .Member]
    {
        let content = contents[index]
        return files[index].map {
            DuplicateGroup.Member(
                path: reader.path(of: $0), level: level, score: score, evidence: evidence, size: content.size,
                width: content.width, height: content.height, format: content.format,
                modified: $0.modified, captured: content.captured)
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

    private func cosine(_ a: UInt64, _ b: UInt64, _ snapshot: VectorSnapshot) -> Float {
        guard let first = snapshot.row(ofID: a), let second = snapshot.row(ofID: b) else { return 0 }
        return zip(snapshot.vector(ofRow: first), snapshot.vector(ofRow: second)).reduce(Float(0)) {
            $0 + $1.0 * $1.1
        }
    }
}
