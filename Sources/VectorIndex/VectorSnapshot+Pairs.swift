import CKernels
import Synchronization
public import SystemPackage
import SystemSupport

/// Two rows that are similar.
public struct SimilarPair: Sendable, Equatable {
    /// The row with the smaller number.
    public let a: Int
    /// The row with the larger number.
    public let b: Int
    /// Cosine of their stored vectors.
    public let similarity: Float

    /// A pair of rows with `a` below `b`.
    public init(a: Int, b: Int, similarity: Float) {
        self.a = a
        self.b = b
        self.similarity = similarity
    }
}

extension VectorSnapshot {
    /// All pairs of rows whose cosine is at least `similarity`, in the order of their rows.
    ///
    /// Each such pair is found with the probability `options.recall` at least; what is reported is exact. A filter
    /// limits both rows. Cost: far less than a search per row for a threshold that only near-copies reach (a million rows above
    /// 0.95: some 40 µs a row), about half a search per row for one that most neighbours reach; memory is 24 bytes a pair and,
    /// for the former, 64 bytes a row, and for each thread 8 a row and up to 64 MiB. A threshold that unlike rows reach makes
    /// very many pairs, and `tooManyPairs` is thrown when there are more than `most`. Throws `interrupted` when the user asked
    /// for a stop.
    ///
    /// With `file`, pairs are also written there as they are found, and a pass that was interrupted or killed goes on
    /// where it was when it is given the same file; a file of other rows or another question is overwritten, and
    /// any other file is an error.
    public func pairs(
        above similarity: Float, threads: Int, options: SearchOptions = SearchOptions(), most: Int = .max,
        file: FilePath? = nil, progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws(IndexError) -> [SimilarPair] {
        if let filter = options.filter, !fits(filter) { throw .foreignFilter }
        let minimum = max(similarity, options.minimum ?? similarity)
        var options = options
        options.minimum = minimum
        let scoresAll = options.wantsEveryRow || count <= Self.smallCount
        let pass = AllRowsPass(self, options: options, threads: threads)
        let join =
            scoresAll ? nil : SimilarityJoin(self, above: minimum, options: options, threads: threads)
        // Codes that were not made to the end make another plan, under which the file would be begun anew.
        if !scoresAll, Interruption.isRequested { throw .interrupted }
        let kept = try file.map { path throws(IndexError) in
            try PairFile(
                path, identity: pass.identity ^ (join?.identity ?? 0),
                blocks: join?.plan.tables ?? pass.blocks.count, rows: count, most: most)
        }
        let found = Mutex((pairs: kept?.pairs ?? [], areTooMany: false))
        let finished = kept?.finishedBlocks ?? []
        @Sendable func take(_ block: Int, _ pairs: [SimilarPair]) -> Bool {
            found.withLock {
                guard $0.pairs.count + pairs.count <= most else {
                    $0.areTooMany = true
                    return false
                }
                $0.pairs += pairs
                return kept?.write(block: block, pairs) ?? true
            }
        }
        let isComplete: Bool
        if let join {
            let outcome = join.forEachTable(
                except: finished.contains, threads: threads, most: most, progress: progress, take)
            if outcome == .tooMany { throw .tooManyPairs(most) }
            isComplete = outcome == .complete
        } else {
            isComplete = pass.forEachBlock(
                except: finished.contains, progress: progress,
                worker: { SnapshotSearch(self, options: pass.options) }
            ) {
                take($0, pairs(ofBlock: $0, pass, $1, above: minimum, scoresAll: scoresAll))
            }
        }
        try kept?.check()
        if found.withLock({ $0.areTooMany }) { throw .tooManyPairs(most) }
        guard isComplete else { throw .interrupted }
        return found.withLock { $0.pairs }.sorted { ($0.a, $0.b) < ($1.a, $1.b) }
    }

    /// The pairs of each row of a block with those whose codes stand after its own.
    private func pairs(
        ofBlock number: Int, _ pass: AllRowsPass, _ search: SnapshotSearch, above minimum: Float,
        scoresAll: Bool
    ) -> [SimilarPair] {
        let options = pass.options
        var pairs: [SimilarPair] = []
        pass.forEachRow(ofBlock: number) { query in
            if let filter = options.filter, !filter.parts[query.place.part].contains(query.place.row) {
                return
            }
            func keep(_ part: Part, _ row: Int, _ similarity: Float) {
                guard similarity >= minimum else { return }
                let other = part.snapshotRow(row)
                pairs.append(
                    SimilarPair(a: min(query.row, other), b: max(query.row, other), similarity: similarity))
            }
            if scoresAll {
                scoreLaterRows(query, options, minimum: minimum, buffers: search.buffers, keep: keep)
            } else {
                let pool = search.candidates(query, above: minimum)
                query.exact.scoreAllCandidates(pool, parts: parts, buffers: search.buffers, take: keep)
            }
        }
        return pairs
    }

    /// Scores a row against every row whose code stands after its own.
    private func scoreLaterRows(
        _ query: AllRowsPass.Query, _ options: SearchOptions, minimum: Float, buffers: ScanBuffers,
        keep: (_ part: Part, _ row: Int, _ similarity: Float) -> Void
    ) {
        for (index, part) in parts.enumerated().dropFirst(query.place.part) {
            let isOwn = index == query.place.part
            // In the order of the rows, unless the codes have another.
            let isSorted = part.segment.partition != nil
            query.exact.scoreRows(
                part, from: isOwn && !isSorted ? query.place.row + 1 : 0,
                allowed: allowed(index, options.filter), minimum: minimum, buffers: buffers
            ) { row, similarity in
                if isOwn, isSorted, row <= query.place.row { return }
                keep(part, row, similarity)
            }
        }
    }
}

extension ExactQuery {
    /// Calls `take` with each row from `start` on that counts and is at least as similar as `minimum`.
    fileprivate func scoreRows(
        _ part: VectorSnapshot.Part, from start: Int, allowed: RowBitmap?, minimum: Float,
        buffers: ScanBuffers,
        take: (_ row: Int, _ similarity: Float) -> Void
    ) {
        let segment = part.segment
        for first in stride(from: start, to: segment.rows, by: ScanBuffers.blockRows) {
            let count = min(ScanBuffers.blockRows, segment.rows - first)
            segment.products(with: vector, first: first, count: count, into: buffers.estimates)
            for i in 0..<count { buffers.estimates[i] *= inverseNorm * segment.inverseNorm[first + i] }
            let found = Kernels.table.select(buffers.estimates, count, minimum, buffers.indices)
            for i in 0..<found {
                let index = Int(buffers.indices[i])
                if allowed?.contains(first + index) ?? true { take(first + index, buffers.estimates[index]) }
            }
        }
    }

    /// Scores all candidates of a pool.
    fileprivate func scoreAllCandidates(
        _ pool: CandidatePool, parts: [VectorSnapshot.Part], buffers: ScanBuffers,
        take: (_ part: VectorSnapshot.Part, _ row: Int, _ similarity: Float) -> Void
    ) {
        let candidates = pool.candidates
        var first = 0
        while first < candidates.count {
            var last = first
            while last < candidates.count, last - first < ScanBuffers.blockRows,
                candidates[last].part == candidates[first].part
            {
                last += 1
            }
            let part = parts[Int(candidates[first].part)]
            score(part, rows: candidates[first..<last].lazy.map(\.row), buffers: buffers) {
                take(part, $0, $1)
            }
            first = last
        }
    }
}
