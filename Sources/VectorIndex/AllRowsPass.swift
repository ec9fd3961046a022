import CKernels
import SystemSupport
import Synchronization

/// Every row of a snapshot as a query against all rows.
///
/// Rows come in the order of their codes: one after the other they are alike, look at the same buckets, and find
/// them in the cache.
struct AllRowsPass {
    let snapshot: VectorSnapshot
    let options: SearchOptions
    let threads: Int

    /// Rows that a thread takes at a time.
    private static let blockRows = 128

    /// A row as a query.
    struct Query {
        /// The row's number in the snapshot.
        let row: Int
        let place: RowPlace
        let position: RowPosition
        let exact: ExactQuery
    }

    /// Calls `body` with every row; false when the user asked for a stop meanwhile.
    ///
    /// Each block of rows has a search of its own, made by the thread that works on it. `progress` is told how many
    /// rows are done, from one thread at a time.
    func forEachRow(
        progress: @escaping @Sendable (Int) -> Void,
        _ body: @escaping @Sendable (Query, SnapshotSearch) -> Void
    ) -> Bool {
        var blocks: [(part: Int, positions: Range<Int>)] = []
        for (index, part) in snapshot.parts.enumerated() {
            for first in stride(from: 0, to: part.segment.rows, by: Self.blockRows) {
                blocks.append((index, first..<min(first + Self.blockRows, part.segment.rows)))
            }
        }
        let all = blocks
        let done = Mutex((rows: 0, blocks: 0))
        WorkerThreads.forEach(all.count, threads: threads) { number in
            if Interruption.isRequested { return }
            let rows = self.run(all[number].part, all[number].positions, body)
            done.withLock {
                $0.rows += rows
                $0.blocks += 1
                progress($0.rows)
            }
        }
        return done.withLock { $0.blocks } == all.count
    }

    /// Returns how many rows there were.
    private func run(
        _ index: Int, _ positions: Range<Int>, _ body: (Query, SnapshotSearch) -> Void
    ) -> Int {
        let part = snapshot.parts[index]
        let search = SnapshotSearch(snapshot, options: options)
        var rows = 0
        withUnsafeTemporaryAllocation(of: Float.self, capacity: snapshot.space.dimension) { vector in
            guard let vector = vector.baseAddress else { return }
            for position in positions {
                guard let row = part.segment.row(atPosition: position), part.live?.contains(row) ?? true
                else { continue }
                part.segment.copyVector(ofRow: row, to: vector)
                // The stored factor, so that the similarity of two rows is the same from both sides.
                let exact = ExactQuery(vector: vector, inverseNorm: part.segment.inverseNorm[row])
                body(
                    Query(
                        row: part.snapshotRow(row), place: RowPlace(part: index, row: row),
                        position: RowPosition(part: index, position: position), exact: exact), search)
                rows += 1
            }
        }
        return rows
    }
}
