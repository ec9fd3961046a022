import CKernels
import Synchronization

extension VectorSnapshot {
    /// The `count` nearest neighbours of every row, the row itself left out, in one pass over the rows.
    ///
    /// `options` mean what they mean in a search; a filter limits the neighbours, not the rows that get them.
    /// `progress` is told the number of finished rows, from one thread at a time. Throws `interrupted` when the user
    /// asked for a stop. Cost: what a search costs, for each row; memory is the result's, 8 bytes per row and neighbour.
    public func neighbors(
        count wanted: Int, threads: Int, options: SearchOptions = SearchOptions(),
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(IndexError) -> NeighborGraph {
        if let filter = options.filter, !fits(filter) { throw .foreignFilter }
        let width = max(0, min(wanted, count - 1))
        let pass = AllRowsPass(snapshot: self, options: options, threads: threads)
        let result = GraphUnderConstruction(rows: count, width: width)
        guard width > 0 else { return result.graph(ids: allIDs()) }
        let minimum = options.minimum ?? -.infinity
        let scoresAll = options.wantsEveryRow || count <= Self.smallCount || 4 * width >= count
        let isComplete = pass.forEachRow(progress: progress) { query, search in
            var best = BestNeighbors(capacity: width, minimum: minimum)
            if scoresAll {
                for (index, part) in parts.enumerated() {
                    query.exact.scoreAll(
                        part, allowed: allowed(index, options.filter),
                        excluded: index == query.place.part ? query.place.row : -1, buffers: search.buffers,
                        best: &best)
                }
            } else {
                search.findNearest(query.exact, count: width, excluded: query.place, best: &best)
            }
            result.set(query.row, best.sorted())
        }
        guard isComplete else { throw .interrupted }
        return result.graph(ids: allIDs())
    }

    /// The id of every row.
    public func allIDs() -> [UInt64] {
        parts.flatMap { part in (0..<part.liveCount).map { part.segment.ids[part.segmentRow($0)] } }
    }
}

/// The arrays of a graph while threads fill in their rows.
private final class GraphUnderConstruction: @unchecked Sendable {
    // Unchecked: every row is written by one thread only, before the threads are joined.
    private let width: Int
    private let count: Int
    private let rows: UnsafeMutablePointer<UInt32>
    private let similarities: UnsafeMutablePointer<Float>
    private let counts: UnsafeMutablePointer<UInt32>

    init(rows count: Int, width: Int) {
        self.count = count
        self.width = width
        rows = .allocate(capacity: max(1, count * width))
        similarities = .allocate(capacity: max(1, count * width))
        counts = .allocate(capacity: max(1, count))
        rows.initialize(repeating: 0, count: count * width)
        similarities.initialize(repeating: 0, count: count * width)
        counts.initialize(repeating: 0, count: count)
    }

    deinit {
        rows.deallocate()
        similarities.deallocate()
        counts.deallocate()
    }

    func set(_ row: Int, _ neighbors: [Neighbor]) {
        for (rank, neighbor) in neighbors.prefix(width).enumerated() {
            rows[row * width + rank] = UInt32(neighbor.row)
            similarities[row * width + rank] = neighbor.similarity
        }
        counts[row] = UInt32(min(neighbors.count, width))
    }

    func graph(ids: [UInt64]) -> NeighborGraph {
        NeighborGraph(
            ids: ids, width: width, rows: Array(UnsafeBufferPointer(start: rows, count: count * width)),
            similarities: Array(UnsafeBufferPointer(start: similarities, count: count * width)),
            counts: Array(UnsafeBufferPointer(start: counts, count: count)))
    }
}
