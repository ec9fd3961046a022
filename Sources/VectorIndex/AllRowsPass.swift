import CKernels
import SystemSupport
import Synchronization

/// Every row of a snapshot as a query against all rows.
///
/// Rows come in the order of their codes: one after the other they are alike, look at the same buckets, and find
/// them in the cache.
struct AllRowsPass: Sendable {
    let snapshot: VectorSnapshot
    let options: SearchOptions
    let threads: Int
    /// The rows in blocks, in the order of their codes.
    let blocks: [Block]

    /// Rows of a block: what a thread takes at a time, and what an interrupted pass loses at most per thread.
    static let blockRows = 128

    /// Some neighbouring positions of a part.
    struct Block: Sendable {
        let part: Int
        let positions: Range<Int>
    }

    /// A row as a query.
    struct Query {
        /// The row's number in the snapshot.
        let row: Int
        let place: RowPlace
        let position: RowPosition
        let exact: ExactQuery
    }

    init(_ snapshot: VectorSnapshot, options: SearchOptions, threads: Int) {
        self.snapshot = snapshot
        snapshot.expectEverything()
        self.options = options
        self.threads = threads
        blocks = snapshot.parts.enumerated().flatMap { index, part in
            stride(from: 0, to: part.segment.rows, by: Self.blockRows).map {
                Block(part: index, positions: $0..<min($0 + Self.blockRows, part.segment.rows))
            }
        }
    }

    /// Calls `body` with the number of each block, but those that `isDone` names, and a worker that no other thread has
    /// meanwhile; `makeWorker` makes one for each thread.
    ///
    /// False when the user asked for a stop meanwhile, or `body` did by returning false. `progress` is told how many
    /// rows are done, from one thread at a time.
    func forEachBlock<Worker: Sendable>(
        except isDone: (Int) -> Bool = { _ in false }, progress: @escaping @Sendable (Int) -> Void,
        worker makeWorker: @Sendable () -> Worker, _ body: @Sendable (Int, Worker) -> Bool
    ) -> Bool {
        let open = blocks.indices.filter { !isDone($0) }
        let before =
            blocks.indices.reduce(0) { $0 + liveRows(of: $1) } - open.reduce(0) { $0 + liveRows(of: $1) }
        let done = Mutex((rows: before, blocks: 0, isStopped: false))
        let idle = Mutex<[Worker]>([])
        if before > 0 { progress(before) }
        WorkerThreads.forEach(open.count, threads: threads) { index in
            if Interruption.isRequested || done.withLock({ $0.isStopped }) { return }
            let worker = idle.withLock { $0.popLast() } ?? makeWorker()
            let isGood = body(open[index], worker)
            idle.withLock { $0.append(worker) }
            let rows = liveRows(of: open[index])
            done.withLock {
                guard isGood else { return $0.isStopped = true }
                $0.rows += rows
                $0.blocks += 1
                progress($0.rows)
            }
        }
        return done.withLock { $0.blocks } == open.count
    }

    /// Calls `body` with each live row of a block.
    func forEachRow(ofBlock number: Int, _ body: (Query) -> Void) {
        for position in blocks[number].positions {
            withQuery(RowPosition(part: blocks[number].part, position: position), body)
        }
    }

    /// Calls `body` with the row at a position, if it is live.
    func withQuery<T>(_ position: RowPosition, _ body: (Query) -> T) -> T? {
        let part = snapshot.parts[position.part]
        guard let row = part.segment.row(atPosition: position.position), part.isLive(row) else { return nil }
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: snapshot.space.dimension) { vector in
            guard let vector = vector.baseAddress else { return nil }
            part.segment.copyVector(ofRow: row, to: vector)
            // The stored factor, so that the similarity of two rows is the same from both sides.
            let exact = ExactQuery(vector: vector, inverseNorm: part.segment.inverseNorm[row])
            return body(
                Query(
                    row: part.snapshotRow(row), place: RowPlace(part: position.part, row: row),
                    position: position, exact: exact))
        }
    }

    private func liveRows(of number: Int) -> Int {
        let block = blocks[number], part = snapshot.parts[block.part]
        guard part.live != nil else { return block.positions.count }
        return block.positions.count { part.segment.row(atPosition: $0).map(part.isLive) ?? false }
    }

    /// What identifies the rows and the question: the results of two passes with the same identity are the same.
    var identity: UInt64 {
        var fields = FieldWriter()
        fields.append(snapshot.space.fingerprintField)
        for part in snapshot.parts {
            fields.append(part.segment.headerChecksum)
            fields.append(UInt64(part.segment.rows))
            append(part.live, to: &fields)
        }
        fields.append(options.recall.bitPattern)
        fields.append(UInt8(options.isExact ? 1 : 0))
        fields.append((options.minimum ?? -.infinity).bitPattern)
        for rows in options.filter?.parts ?? [] { append(rows, to: &fields) }
        let first = Kernels.checksum(fields.bytes)
        fields.append(first)
        return UInt64(first) << 32 | UInt64(Kernels.checksum([0x5A] + fields.bytes))
    }

    private func append(_ rows: RowBitmap?, to fields: inout FieldWriter) {
        let sum = rows.map { $0.words.withUnsafeBytes { Kernels.checksum($0) } }
        fields.append(UInt8(sum == nil ? 0 : 1))
        fields.append(sum ?? 0)
    }
}

extension VectorSnapshot.Part {
    /// Whether a row of the segment was not deleted.
    func isLive(_ row: Int) -> Bool { live?.contains(row) ?? true }
}
