import CKernels
public import SystemPackage

extension VectorSnapshot {
    /// The `count` nearest neighbours of every row, the row itself left out, in one pass over the rows.
    ///
    /// `options` mean what they mean in a search; a filter limits the neighbours, not the rows that get them.
    /// `progress` is told the number of finished rows, from one thread at a time. Throws `interrupted` when the user
    /// asked for a stop. Cost: what a search costs, for each row.
    ///
    /// Without `file` the memory is the result's, 8 bytes per row and neighbour and 12 per row. With it, neighbours
    /// are written there as they are found, and the graph reads them from there: memory is 12 bytes a row, however
    /// many neighbours, and some megabytes a thread. A pass that was interrupted or killed goes on where it was when
    /// it is given the same file; a file of other rows or another question is overwritten, and any other file is an
    /// error. A finished file may be kept, and is then all that is read, or removed once the graph is gone.
    public func neighbors(
        count wanted: Int, threads: Int, options: SearchOptions = SearchOptions(), file: FilePath? = nil,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(IndexError) -> NeighborGraph {
        if let filter = options.filter, !fits(filter) { throw .foreignFilter }
        let width = max(0, min(wanted, count - 1))
        let pass = AllRowsPass(self, options: options, threads: threads)
        guard width > 0 else { return GraphUnderConstruction(rows: count, width: 0).graph(ids: allIDs()) }
        let scoresAll = options.wantsEveryRow || count <= Self.smallCount || 4 * width >= count
        @Sendable func nearest(_ query: AllRowsPass.Query, _ search: SnapshotSearch) -> [Neighbor] {
            var best = BestNeighbors(capacity: width, minimum: options.minimum ?? -.infinity)
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
            return best.sorted()
        }
        if let file {
            let result = try NeighborFile(file, pass: pass, width: width)
            let finished = try result.finishedBlocks()
            let isComplete = pass.forEachBlock(except: finished.contains, progress: progress) {
                number, search in
                var lists: [(position: Int, neighbors: [Neighbor])] = []
                pass.forEachRow(ofBlock: number) { lists.append(($0.position.position, nearest($0, search))) }
                return result.write(block: number, lists)
            }
            try result.check()
            guard isComplete else { throw .interrupted }
            return try result.graph()
        }
        let result = GraphUnderConstruction(rows: count, width: width)
        let isComplete = pass.forEachBlock(progress: progress) { number, search in
            pass.forEachRow(ofBlock: number) { result.set($0.row, nearest($0, search)) }
            return true
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
