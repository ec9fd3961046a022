import SystemSupport
import Synchronization

/// The true neighbours of some rows, to tell from them how many of all true neighbours a pass has found.
struct NeighborSample: Sendable {
    /// Rows of the sample at most, and at least if there are so many.
    private static let sizes = 100...512
    /// Of so many rows one is in the sample, within these limits: so it costs little of what the pass costs.
    private static let rowsPerMember = 64
    /// Rows whose neighbours are looked for at a time: codes that are in the cache serve them all.
    private static let together = 16
    /// The standard normal deviations of a one-sided bound that holds with 95 %.
    private static let certainty = 1.645

    private let pass: AllRowsPass
    private let lists: NeighborLists
    /// The rows of the sample.
    private let rows: [Int]
    /// For each, how many neighbours there are and how similar the last of them is.
    private let truth: [(count: Int, similarity: Float)]

    /// Finds the true neighbours of a sample of rows; nil when the user asked for a stop.
    ///
    /// Every code is looked at, and every row is scored whose bound, four standard deviations above the estimate, says
    /// that it may be one of them. Cost: up to 512 estimates a row.
    init?(_ pass: AllRowsPass, _ lists: NeighborLists, count wanted: Int) {
        let snapshot = pass.snapshot
        var random = SplitMix(state: pass.identity)
        var chosen = Set<Int>()
        let size = min(
            snapshot.count,
            max(Self.sizes.lowerBound, min(Self.sizes.upperBound, snapshot.count / Self.rowsPerMember)))
        while chosen.count < size { chosen.insert(Int(random.next() % UInt64(snapshot.count))) }
        let rows = chosen.sorted()
        let found = Mutex([(count: Int, similarity: Float)](repeating: (0, 0), count: rows.count))
        let groups = (rows.count + Self.together - 1) / Self.together
        WorkerThreads.forEach(groups, threads: pass.threads) { group in
            let members = group * Self.together..<min((group + 1) * Self.together, rows.count)
            let searches = rows[members].map { row in
                pass.withQuery(lists.position(of: row)) { SampleSearch($0, pass, count: wanted) }
            }
            Self.scan(pass, for: searches.compactMap { $0 })
            found.withLock {
                for (member, search) in zip(members, searches) {
                    // A damaged file may not have the row.
                    guard let nearest = search?.nearest(pass) else { continue }
                    $0[member] = (nearest.count, nearest.last?.similarity ?? 0)
                }
            }
        }
        if Interruption.isRequested { return nil }
        self.pass = pass
        self.lists = lists
        self.rows = rows
        truth = found.withLock { $0 }
    }

    private static func scan(_ pass: AllRowsPass, for searches: [SampleSearch]) {
        let buffers = ScanBuffers()
        for (index, part) in pass.snapshot.parts.enumerated() {
            for block in ScanBuffers.blocks(of: 0..<part.segment.rows) {
                if Interruption.isRequested { return }
                for search in searches { search.scan(part, index, block, pass, buffers) }
            }
        }
    }

    /// Whether a step has found a share of the true neighbours, with a certainty of 95 %.
    func shows(_ recall: Float, step: Int) -> Bool {
        let shares = shares(of: rows.map { lists.neighbors(of: $0, step: step).map(\.similarity) })
        guard shares.count > 1 else { return shares.allSatisfy { $0 == 1 } }
        let mean = Self.mean(shares)
        let variance = shares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(shares.count - 1)
        return mean - Self.certainty * (variance / Double(shares.count)).squareRoot() >= Double(recall)
    }

    /// The share of the true neighbours that a way of finding them finds, as far as every other row of the sample tells.
    func recall(of find: (AllRowsPass.Query) -> [Neighbor]) -> Double {
        Self.mean(
            shares(
                of: rows.enumerated().map { index, row in
                    index % 2 == 0
                        ? pass.withQuery(lists.position(of: row)) { find($0).map(\.similarity) } ?? [] : nil
                }))
    }

    /// For each row the share of its true neighbours among some similarities, best first.
    ///
    /// Rows that have none are left out, and those for which there is nil.
    private func shares(of found: [[Float]?]) -> [Double] {
        zip(found, truth).compactMap { similarities, truth in
            guard truth.count > 0, let similarities else { return nil }
            // Whatever is as similar as the last of the true neighbours is one of them.
            let hits = similarities.prefix(truth.count).count { $0 >= truth.similarity }
            return Double(hits) / Double(truth.count)
        }
    }

    private static func mean(_ values: [Double]) -> Double {
        values.isEmpty ? 1 : values.reduce(0, +) / Double(values.count)
    }
}

/// The search for the true neighbours of a row of the sample.
private final class SampleSearch {
    /// One code in thirty thousand may hide a neighbour.
    private static let deviations: Float = 4

    private let vector: ScratchMemory<Float>
    private let inverseNorm: Float
    private let place: RowPlace
    private let codes: CodeQueries
    private let wanted: Int
    private let minimum: Float
    private var pool: CandidatePool

    init(_ query: AllRowsPass.Query, _ pass: AllRowsPass, count wanted: Int) {
        let snapshot = pass.snapshot, dimension = snapshot.space.dimension
        vector = ScratchMemory(dimension)
        vector.base.update(from: query.exact.vector, count: dimension)
        inverseNorm = query.exact.inverseNorm
        place = query.place
        self.wanted = wanted
        minimum = pass.options.minimum ?? -.infinity
        pool = CandidatePool(wanted: wanted, minimum: minimum, deviations: Self.deviations)
        codes = CodeQueries(parts: snapshot.parts, codeBits: snapshot.rotation.length)
        let rotated = ScratchMemory<Float>(snapshot.rotation.length)
        query.exact.rotate(by: snapshot.rotation, into: rotated.base, dimension: dimension)
        codes.prepare(rotated: rotated.base, deviations: Self.deviations)
    }

    /// Looks at some codes of a part, a block of them at most.
    func scan(
        _ part: VectorSnapshot.Part, _ index: Int, _ positions: Range<Int>, _ pass: AllRowsPass,
        _ buffers: ScanBuffers
    ) {
        codes.scan(
            part, index: index, positions: positions,
            allowed: pass.snapshot.allowed(index, pass.options.filter),
            excluded: place.part == index ? place.row : nil, buffers: buffers, pool: &pool)
    }

    /// The true neighbours, best first, once all codes were looked at.
    func nearest(_ pass: AllRowsPass) -> [Neighbor] {
        var best = BestNeighbors(capacity: wanted, minimum: minimum)
        ExactQuery(vector: vector.base, inverseNorm: inverseNorm).rerank(
            pool, parts: pass.snapshot.parts, buffers: ScanBuffers(), isCold: false, best: &best)
        return best.sorted()
    }
}
