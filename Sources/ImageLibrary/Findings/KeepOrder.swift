package import Imaging
package import SystemPackage
import SystemSupport

/// A file that might be kept, with what the criteria look at.
package struct KeepCandidate: Sendable {
    /// Where it stands.
    package let path: FilePath
    /// Modification time in nanoseconds since 1970.
    package let modified: Int64
    /// Whether it lies in a folder that is never touched.
    package let isReference: Bool
    /// Bytes, upright width and height.
    package let size: Int64, width: Int, height: Int
    /// The format of its bytes.
    package let format: ImageFormat
    /// Whether the file ended early.
    package let isTruncated: Bool
    /// How colourful it is, see `QualityMeasures`.
    package let colorfulness: Double
    /// When it was taken, if it says.
    package let captured: String?
    /// Whether it is another picture of the search with something plain around it.
    package var isFramed = false
    /// Whether it is another picture of the search with words or a mark laid over a part of it.
    package var isMarked = false

    package init(
        path: FilePath, modified: Int64, isReference: Bool, size: Int64, width: Int, height: Int,
        format: ImageFormat, isTruncated: Bool, colorfulness: Double, captured: String?
    ) {
        self.path = path
        self.modified = modified
        self.isReference = isReference
        self.size = size
        self.width = width
        self.height = height
        self.format = format
        self.isTruncated = isTruncated
        self.colorfulness = colorfulness
        self.captured = captured
    }
}

/// Facts that take a look at the disk, asked for only when a criterion needs them.
package protocol KeepFacts {
    /// How much the file tells beside its pixels; nothing when it cannot be read.
    func metadata(of candidate: KeepCandidate) -> MetadataMeasure
    /// Whether a raw file belongs to it.
    func hasRaw(_ candidate: KeepCandidate) -> Bool
}

/// Puts files in the order of a rule: a total order, in which no two files are equal.
package struct KeepOrder {
    /// Pictures less colourful than this count as grey.
    static let greyLimit = 3.0

    let rule: KeepRule
    let facts: any KeepFacts

    package init(rule: KeepRule, facts: any KeepFacts) {
        self.rule = rule
        self.facts = facts
    }

    /// Whether the first of two files is the better one to keep.
    package func prefers(_ a: KeepCandidate, to b: KeepCandidate) -> Bool { verdict(a, b).isFirstBetter }

    /// Why one file is kept rather than another one that comes after it: for the better, and for the other one.
    package func reasons(_ better: KeepCandidate, _ other: KeepCandidate) -> (kept: String, other: String) {
        verdict(better, other).reasons
    }

    private typealias Verdict = (isFirstBetter: Bool, reasons: (kept: String, other: String))

    private func verdict(_ a: KeepCandidate, _ b: KeepCandidate) -> Verdict {
        if a.isReference != b.isReference {
            return (a.isReference, ("reference", "not a reference"))
        }
        for criterion in rule.criteria {
            if let verdict = verdict(criterion, a, b) { return verdict }
        }
        if let verdict = verdict(.shortestPath, a, b) { return verdict }
        return (
            a.path.bytes.lexicographicallyPrecedes(b.path.bytes), ("first by name", "later by name")
        )
    }

    /// What a criterion says of two files; nil when it does not tell them apart.
    private func verdict(_ criterion: KeepCriterion, _ a: KeepCandidate, _ b: KeepCandidate) -> Verdict? {
        /// The larger value is the better one.
        func larger<T: Comparable>(
            _ value: (KeepCandidate) -> T, _ kept: String, _ other: (_ less: T, _ more: T) -> String
        ) -> Verdict? {
            let (first, second) = (value(a), value(b))
            guard first != second else { return nil }
            return (first > second, (kept, other(min(first, second), max(first, second))))
        }
        switch criterion {
        case .whole: return larger({ $0.isTruncated ? 0 : 1 }, "whole") { _, _ in "cut off" }
        case .color:
            return larger({ $0.colorfulness < Self.greyLimit ? 0 : 1 }, "coloured") { _, _ in "grey" }
        case .unframed: return larger({ $0.isFramed ? 0 : 1 }, "not framed") { _, _ in "framed" }
        case .unmarked: return larger({ $0.isMarked ? 0 : 1 }, "not marked") { _, _ in "marked" }
        case .resolution:
            let (small, large) = a.width * a.height < b.width * b.height ? (a, b) : (b, a)
            return larger({ $0.width * $0.height }, "most pixels") { _, _ in
                "fewer pixels (\(small.width)×\(small.height) < \(large.width)×\(large.height))"
            }
        case .format:
            return larger({ -formatRank($0) }, "best format") { _, _ in "lesser format" }
        case .size: return larger(\.size, "most bytes") { "fewer bytes (\($0) < \($1))" }
        case .metadata: return metadataVerdict(a, b)
        case .oldest: return larger({ -1 - $0.modified }, "oldest") { _, _ in "newer" }
        case .newest: return larger(\.modified, "newest") { _, _ in "older" }
        case .shortestPath: return larger({ -$0.path.length }, "shortest path") { _, _ in "longer path" }
        case .path(let glob):
            return larger({ glob.matches(relativePath: $0.path.bytes) ? 1 : 0 }, "matches \(glob.pattern)") {
                _, _ in "does not match \(glob.pattern)"
            }
        }
    }

    private func metadataVerdict(_ a: KeepCandidate, _ b: KeepCandidate) -> Verdict? {
        func value(_ candidate: KeepCandidate) -> (Int, Int, Int) {
            let measure = facts.metadata(of: candidate)
            return (candidate.captured == nil ? 0 : 1, measure.hasLocation ? 1 : 0, measure.byteCount)
        }
        let (first, second) = (value(a), value(b))
        guard first != second else { return nil }
        let what =
            first.0 != second.0
            ? "no capture time" : first.1 != second.1 ? "no place" : "less metadata"
        return (first > second, ("most metadata", what))
    }

    private func formatRank(_ candidate: KeepCandidate) -> Int {
        switch candidate.format {
        case .png, .tiff, .bmp, .pnm: 0
        case .jpeg, .heic, .avif, .webp: facts.hasRaw(candidate) ? 0 : 1
        case .gif: 2
        }
    }
}
