import CKernels
import SystemSupport
import Synchronization

/// Every row of a snapshot as a query against all rows, a block of queries at a time: a block of codes is read into
/// the cache once for all of them.
struct AllRowsPass {
    let snapshot: VectorSnapshot
    let options: SearchOptions
    let threads: Int

    /// Rows that are queries together.
    static let queryRows = 32

    /// One query of a block.
    struct Query {
        let row: Int
        let part: Int
        let segmentRow: Int
        let exact: ExactQuery
        var pool: CandidatePool
        var codes: CodeQueries
    }

    var blockCount: Int { (snapshot.count + Self.queryRows - 1) / Self.queryRows }

    /// Runs `body` on every block of query rows; false when the user asked for a stop meanwhile.
    ///
    /// `progress` is told how many rows are done, from one thread at a time.
    func forEachBlock(
        progress: @escaping @Sendable (Int) -> Void, _ body: @escaping @Sendable (Range<Int>) -> Void
    )
        -> Bool
    {
        let done = Mutex(0)
        WorkerThreads.forEach(blockCount, threads: threads) { block in
            if Interruption.isRequested { return }
            let rows = block * Self.queryRows..<min((block + 1) * Self.queryRows, snapshot.count)
            body(rows)
            done.withLock {
                $0 += rows.count
                progress($0)
            }
        }
        return done.withLock { $0 } == snapshot.count
    }

    /// Scans all codes for a block of rows; the queries come back with their candidates.
    ///
    /// With `onlyLaterRows` a row only looks at those after it. `finish` gets each query with its candidates.
    func scan(
        _ rows: Range<Int>, pool: CandidatePool, onlyLaterRows: Bool, buffers: ScanBuffers,
        finish: (Query) -> Void
    ) {
        let dimension = snapshot.space.dimension
        withUnsafeTemporaryAllocation(of: Float.self, capacity: rows.count * dimension) { vectors in
            guard let vectors = vectors.baseAddress else { return }
            var queries = prepare(rows, vectors: vectors, pool: pool)
            defer { for query in queries { query.codes.deallocate() } }
            let firstPart = onlyLaterRows ? queries.first?.part ?? 0 : 0
            for (index, part) in snapshot.parts.enumerated().dropFirst(firstPart) {
                let start = onlyLaterRows && index == firstPart ? queries.first?.segmentRow ?? 0 : 0
                let allowed = snapshot.allowed(index, options.filter)
                for first in stride(from: start, to: part.segment.rows, by: ScanBuffers.blockRows) {
                    let last = min(first + ScanBuffers.blockRows, part.segment.rows)
                    for i in queries.indices {
                        let isOwn = queries[i].part == index
                        var begin = first
                        if onlyLaterRows {
                            if queries[i].part > index { continue }
                            if isOwn { begin = max(first, queries[i].segmentRow + 1) }
                        }
                        guard begin < last else { continue }
                        queries[i].codes.scan(
                            part, index: index, rows: begin..<last, allowed: allowed,
                            excluded: isOwn ? queries[i].segmentRow : -1, buffers: buffers,
                            pool: &queries[i].pool)
                    }
                }
            }
            for query in queries { finish(query) }
        }
    }

    private func prepare(
        _ rows: Range<Int>, vectors: UnsafeMutablePointer<Float>, pool: CandidatePool
    ) -> [Query] {
        let dimension = snapshot.space.dimension
        let rotation = snapshot.rotation
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: rotation.length) { rotated in
            rows.enumerated().compactMap { index, row in
                guard let rotated = rotated.baseAddress else { return nil }
                let place = snapshot.locate(row)
                let vector = vectors + index * dimension
                let exact = exactQuery(part: place.part, row: place.row, vector: vector)
                rotated.update(from: vector, count: dimension)
                rotation.rotateUnit(rotated, dimension: dimension, inverseNorm: exact.inverseNorm)
                let codes = CodeQueries(
                    rotated: rotated, parts: snapshot.parts, codeBits: rotation.length,
                    deviations: options.deviations)
                return Query(
                    row: row, part: place.part, segmentRow: place.row, exact: exact, pool: pool, codes: codes)
            }
        }
    }

    /// A stored row as a query; `vector` receives its components.
    func exactQuery(part: Int, row: Int, vector: UnsafeMutablePointer<Float>) -> ExactQuery {
        let segment = snapshot.parts[part].segment
        segment.copyVector(ofRow: row, to: vector)
        // The stored factor, so that the similarity of two rows is the same from both sides.
        return ExactQuery(vector: vector, inverseNorm: segment.inverseNorm[row])
    }
}
