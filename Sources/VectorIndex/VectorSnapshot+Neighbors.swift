public import SystemPackage
import SystemSupport

extension VectorSnapshot {
    /// The `count` nearest neighbours of every row, the row itself left out.
    ///
    /// Of all true neighbours a share of `options.recall` is found at least. In an index with buckets that is measured on a
    /// sample of rows and holds with a certainty of 95 %; without, each row is searched for as `search` does.
    /// `options.minimum` and a filter limit the neighbours, not the rows that get them. `progress` is told the number of
    /// finished rows, from one thread at a time; as it is not known beforehand how often rows will be gone over, each
    /// time counts for half of what is left. Throws `interrupted` when the user asked for a stop. Cost: about .1 ms a row
    /// at 512 dimensions and a recall of .99.
    ///
    /// Without `file` memory is 16 bytes per row and neighbour (of 10 at least), half of which is given back at the end,
    /// and some 60 bytes per row. With it, neighbours are written there as they are found, and the graph reads them from
    /// there: memory is 12 bytes a row, 41 more meanwhile, and some megabytes a thread. A pass that was interrupted or
    /// killed goes on where it was when it is given the same file; a file of other rows or another question is
    /// overwritten, and any other file is an error. A finished file may be kept, and is then all that is read, or removed
    /// once the graph is gone.
    public func neighbors(
        count wanted: Int, threads: Int, options: SearchOptions = SearchOptions(), file: FilePath? = nil,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(IndexError) -> NeighborGraph {
        if let filter = options.filter, !fits(filter) { throw .foreignFilter }
        let width = max(0, min(wanted, count - 1))
        guard width > 0 else {
            return NeighborGraph(
                ids: allIDs(), width: 0, neighbors: [[Neighbor]](repeating: [], count: count))
        }
        let pass = NeighborPass(
            AllRowsPass(self, options: options, threads: threads), width: width, progress: progress)
        let (lists, step) = try pass.run(file: file)
        return NeighborGraph(ids: allIDs(), width: width, lists: lists, step: step)
    }

    /// The id of every row.
    public func allIDs() -> [UInt64] {
        parts.flatMap { part in (0..<part.liveCount).map { part.segment.ids[part.segmentRow($0)] } }
    }
}
