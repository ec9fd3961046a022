import Synchronization
import SystemSupport

/// What the system is told about the pages of a segment that are going to be read.
///
/// Left alone it reads megabytes around every page that is missing, as for a film. A search needs little of the file,
/// but knows what; telling it first lets the disk fetch all of that at once.
extension Segment {
    /// Only some rows are going to be read: nothing is read unasked but what ranks the buckets, or all codes when
    /// there are no buckets.
    func expectSearches() {
        file.advise(.random, in: 0..<layout.checksums)
        if partition == nil {
            file.advise(
                .willNeed, in: 0..<layout.factors + SegmentLayout.codeFactorCount * layout.factorStride)
            file.advise(.willNeed, in: layout.codes..<layout.ids)
        } else {
            file.advise(.willNeed, in: 0..<layout.centroids)
            let first = layout.hasCentroidCodes ? layout.centroidCodes : layout.centroids
            file.advise(.willNeed, in: first..<layout.factors)
        }
    }

    /// All of the file is going to be read.
    func expectEverything() { file.advise(.normal) }

    /// The codes at some positions are going to be read, and the rows they belong to looked up; they are not asked for when
    /// they are in memory, as far as the first of them tell.
    func fetchCodes(_ positions: Range<Int>, _ fetching: inout Fetching) {
        let codeBytes = layout.codeBits / 8, first = layout.codes + positions.lowerBound * codeBytes
        guard fetching.wants(file.isInMemory(first..<first + 1)) else { return }
        file.advise(
            .willNeed,
            in: layout.codes + positions.lowerBound * codeBytes..<layout.codes + positions.upperBound
                * codeBytes)
        let starts =
            (0..<SegmentLayout.codeFactorCount).map { layout.factors + $0 * layout.factorStride }
            + (partition == nil ? [] : [layout.order])
        for start in starts {
            file.advise(.willNeed, in: start + 4 * positions.lowerBound..<start + 4 * positions.upperBound)
        }
    }

    /// A row's vector is going to be read, which is not asked for when it is in memory.
    func fetchVector(ofRow row: Int, _ fetching: inout Fetching) {
        let start = layout.vectors + row * layout.rowBytes
        guard fetching.wants(file.isInMemory(start..<start + layout.rowBytes)) else { return }
        file.advise(.willNeed, in: start..<start + layout.rowBytes)
        let factor = layout.factors + SegmentLayout.codeFactorCount * layout.factorStride + 4 * row
        file.advise(.willNeed, in: factor..<factor + 4)
        file.advise(.willNeed, in: layout.ids + 8 * row..<layout.ids + 8 * row + 8)
    }
}

/// Decides by the first places that are going to be read whether there is anything to ask for: telling the system costs a
/// microsecond a place, and a question that is far from all rows has tens of thousands.
struct Fetching {
    private static let enough = 48
    private var present = 0
    private var isMissing = false

    /// Whether so many places were in memory from the beginning that the others are taken to be.
    var isNeedless: Bool { present >= Self.enough }

    /// Whether a place has to be asked for; `isInMemory` is looked at until the first that is not.
    mutating func wants(_ isInMemory: @autoclosure () -> Bool) -> Bool {
        if !isMissing, isInMemory() {
            present += 1
            return false
        }
        isMissing = true
        return true
    }
}

/// Counts the searches of a snapshot: the first ones tell the system what they are going to read; when there are more,
/// it had better read ahead and map what it has, many pages at a time.
final class ColdStart: Sendable {
    private static let searches = 8
    private let count = Atomic<Int>(0)

    /// Whether the search that begins now is one of the first; `warm` is called once, when they are over.
    func begin(warm: () -> Void) -> Bool {
        guard count.load(ordering: .relaxed) <= Self.searches else { return false }
        let before = count.wrappingAdd(1, ordering: .relaxed).oldValue
        if before == Self.searches { warm() }
        return before < Self.searches
    }
}
