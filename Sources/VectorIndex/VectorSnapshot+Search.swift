import CKernels

extension VectorSnapshot {
    /// Up to this many rows are all scored: that is quicker than estimating first.
    static let smallCount = 2048

    /// The `count` rows most similar to a query, best first; equal similarities in the order of their ids.
    ///
    /// The query need not have unit length. An empty snapshot, or a filter that chooses nothing, gives no results and
    /// is no error. Throws for a query of another dimension or without direction, and for a filter of another
    /// snapshot. Cost: d/8 bytes of code per row that is looked at (all up to some 16,000, a smaller share the more there are),
    /// and the vectors of a few hundred rows.
    public func search(
        _ query: [Float], count: Int, options: SearchOptions = SearchOptions()
    ) throws(IndexError) -> [Neighbor] {
        guard query.count == space.dimension else {
            throw .wrongDimension(found: query.count, wanted: space.dimension)
        }
        if let filter = options.filter, !fits(filter) { throw .foreignFilter }
        // Scaled first, so that no query is too long or too short for the arithmetic that follows.
        let scaled = query.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.flatMap { UnitVector.normalised($0, count: buffer.count) }
        }
        guard let scaled else { throw .noDirection(id: nil) }
        guard count > 0, self.count > 0 else { return [] }
        var best = BestNeighbors(capacity: min(count, self.count), minimum: options.minimum ?? -.infinity)
        scaled.withUnsafeBufferPointer { vector in
            guard let base = vector.baseAddress else { return }
            let exact = ExactQuery(vector: base, inverseNorm: Kernels.inverseNorm(base, space.dimension))
            let rows = options.filter?.count ?? self.count
            if let filter = options.filter, rows <= Self.smallCount {
                scoreChosen(filter, exact, excluded: nil, buffers: ScanBuffers(), best: &best)
            } else if options.wantsEveryRow || rows <= Self.smallCount || 4 * count >= rows {
                if options.wantsEveryRow { expectEverything() }
                let buffers = ScanBuffers()
                for (index, part) in parts.enumerated() {
                    exact.scoreAll(
                        part, allowed: allowed(index, options.filter), buffers: buffers, best: &best)
                }
            } else {
                let isCold = coldStart.begin(warm: expectEverything)
                idleSearches.lend(self, options: options, isCold: isCold) {
                    $0.findNearest(exact, count: count, excluded: nil, best: &best)
                }
            }
        }
        return best.sorted()
    }

    /// The rows of a part that count; nil when all do.
    func allowed(_ part: Int, _ filter: RowFilter?) -> RowBitmap? { filter?.parts[part] ?? parts[part].live }

    /// Scores the rows of a small filter; `excluded` is a row that does not count.
    func scoreChosen(
        _ filter: RowFilter, _ exact: ExactQuery, excluded: RowPlace?, buffers: ScanBuffers,
        best: inout BestNeighbors
    ) {
        for (index, part) in parts.enumerated() where filter.parts[index].count > 0 {
            let rows = filter.parts[index].members
            for start in stride(from: 0, to: rows.count, by: ScanBuffers.blockRows) {
                let block = rows[start..<min(start + ScanBuffers.blockRows, rows.count)]
                exact.score(part, rows: block, buffers: buffers) { row, similarity in
                    if index == excluded?.part, row == excluded?.row { return }
                    best.offer(part.neighbor(row, similarity: similarity))
                }
            }
        }
    }
}
