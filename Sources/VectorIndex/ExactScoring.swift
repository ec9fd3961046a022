import CKernels

/// A vector that rows are scored against exactly.
struct ExactQuery {
    let vector: UnsafePointer<Float>
    /// 1/|vector|.
    let inverseNorm: Float

    /// Puts the vector, scaled to unit length and rotated, into `target`.
    func rotate(by rotation: Rotation, into target: UnsafeMutablePointer<Float>, dimension: Int) {
        target.update(from: vector, count: dimension)
        rotation.rotateUnit(target, dimension: dimension, inverseNorm: inverseNorm)
    }

    /// Offers all rows of a part that count, in blocks; `excluded` is a row that does not count.
    func scoreAll(
        _ part: VectorSnapshot.Part, allowed: RowBitmap?, excluded: Int = -1, buffers: ScanBuffers,
        best: inout BestNeighbors
    ) {
        for rows in ScanBuffers.blocks(of: 0..<part.segment.rows) {
            scoreRows(part, rows, allowed: allowed, excluded: excluded, buffers: buffers, best: &best)
        }
    }

    /// Offers those of some rows of a part that count, a block of them at most.
    func scoreRows(
        _ part: VectorSnapshot.Part, _ rows: Range<Int>, allowed: RowBitmap?, excluded: Int,
        buffers: ScanBuffers, best: inout BestNeighbors
    ) {
        let segment = part.segment, first = rows.lowerBound
        segment.products(with: vector, first: first, count: rows.count, into: buffers.estimates)
        for i in 0..<rows.count { buffers.estimates[i] *= inverseNorm * segment.inverseNorm[first + i] }
        let found = Kernels.table.select(buffers.estimates, rows.count, best.threshold, buffers.indices)
        for i in 0..<found {
            let index = Int(buffers.indices[i])
            let row = first + index
            if row == excluded { continue }
            if let allowed, !allowed.contains(row) { continue }
            best.offer(part.neighbor(row, similarity: buffers.estimates[index]))
        }
    }

    /// Offers some rows of a part, at most a block of them.
    func score(
        _ part: VectorSnapshot.Part, rows: some Collection<UInt32>, buffers: ScanBuffers,
        take: (_ row: Int, _ similarity: Float) -> Void
    ) {
        let count = rows.count
        for (i, row) in rows.enumerated() {
            buffers.indices[i] = row
            // All at once: waiting for one row after the other takes nearly twice as long.
            part.segment.prefetch(row: Int(row))
        }
        part.segment.products(with: vector, rows: buffers.indices, count: count, into: buffers.estimates)
        for i in 0..<count {
            let row = Int(buffers.indices[i])
            take(row, buffers.estimates[i] * (inverseNorm * part.segment.inverseNorm[row]))
        }
    }

    /// Scores candidates, most promising first, until no other can be among the best.
    func rerank(
        _ pool: CandidatePool, parts: [VectorSnapshot.Part], buffers: ScanBuffers, isCold: Bool,
        best: inout BestNeighbors
    ) {
        let candidates = pool.sorted()
        if isCold {
            var fetching = Fetching()
            for candidate in candidates where candidate.upper >= best.threshold && !fetching.isNeedless {
                parts[Int(candidate.part)].segment.fetchVector(ofRow: Int(candidate.row), &fetching)
            }
        }
        var start = 0
        // At first as many as are wanted anyway; then few at a time, as each may end the search.
        var step = min(ScanBuffers.blockRows, max(16, best.capacity))
        while start < candidates.count, candidates[start].upper >= best.threshold {
            let chunk = candidates[start..<min(start + step, candidates.count)].sorted {
                ($0.part, $0.row) < ($1.part, $1.row)
            }
            var first = 0
            while first < chunk.count {
                let index = Int(chunk[first].part)
                var last = first
                while last < chunk.count, chunk[last].part == chunk[first].part { last += 1 }
                let part = parts[index]
                score(part, rows: chunk[first..<last].lazy.map(\.row), buffers: buffers) { row, similarity in
                    best.offer(part.neighbor(row, similarity: similarity))
                }
                first = last
            }
            start += step
            step = 16
        }
    }
}

extension VectorSnapshot.Part {
    /// A row of the segment as a result.
    func neighbor(_ row: Int, similarity: Float) -> Neighbor {
        Neighbor(row: snapshotRow(row), id: segment.ids[row], similarity: similarity)
    }
}

extension ExactQuery {
    /// Scores some rows of a part, a block of them at most, and offers those that may be among the best and are not yet.
    func offer(
        _ part: VectorSnapshot.Part, rows: UnsafeBufferPointer<UInt32>, buffers: ScanBuffers,
        to best: inout BestNeighbors
    ) {
        guard !rows.isEmpty else { return }
        score(part, rows: rows, buffers: buffers) { row, similarity in
            guard similarity >= best.threshold else { return }
            let neighbor = part.neighbor(row, similarity: similarity)
            if !best.contains(row: neighbor.row) { best.offer(neighbor) }
        }
    }
}

extension VectorSnapshot {
    /// Scores some rows of the snapshot and offers those that may be among the best, are not yet, and count.
    func offer(
        _ found: UnsafeBufferPointer<UInt32>, _ exact: ExactQuery, _ filter: RowFilter?, buffers: ScanBuffers,
        to best: inout BestNeighbors
    ) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ScanBuffers.blockRows) { chosen in
            for (index, part) in parts.enumerated() {
                let rows = part.firstRow..<part.firstRow + part.liveCount
                var count = 0
                func scoreChosen() {
                    exact.offer(
                        part, rows: UnsafeBufferPointer(rebasing: chosen[..<count]), buffers: buffers,
                        to: &best)
                    count = 0
                }
                for row in found where rows.contains(Int(row)) {
                    let place = part.segmentRow(Int(row) - part.firstRow)
                    if let filter, !filter.parts[index].contains(place) { continue }
                    chosen[count] = UInt32(place)
                    count += 1
                    if count == chosen.count { scoreChosen() }
                }
                scoreChosen()
            }
        }
    }
}
