extension SnapshotSearch {
    /// The rows after a query's own (in the order of the codes) that may be as similar to it as `similarity`.
    ///
    /// Every row is in the bucket of the mean nearest to it. So a row y at a distance of at most r from the query x
    /// is in the bucket of m only if |y - m| <= |y - c| for the mean c nearest to x, from which follows
    /// (x·c - |c|^2/2) - (x·m - |m|^2/2) <= r |c - m|. Other buckets are passed over.
    func candidates(_ query: AllRowsPass.Query, above similarity: Float) -> CandidatePool {
        prepare(query.exact)
        var pool = CandidatePool(wanted: nil, minimum: similarity, deviations: deviations)
        let own = query.place
        for (index, part) in parts.enumerated().dropFirst(own.part) where part.segment.partition == nil {
            let first = index == own.part ? query.position.position + 1 : 0
            scan(index, first..<part.segment.rows, excluded: nil, pool: &pool)
        }
        guard bucketCount > 0 else { return pool }
        rankBuckets()
        let distance = max(0, 2 - 2 * similarity).squareRoot()
        for (index, part) in parts.enumerated().dropFirst(own.part) {
            guard let partition = part.segment.partition else { continue }
            let toMeans = products.base + firstBucket[index]
            // |m|^2 is 1 - spread^2: the mean square distance of unit vectors from their mean.
            func square(_ bucket: Int) -> Float { 1 - partition.spreads[bucket] * partition.spreads[bucket] }
            func affinity(_ bucket: Int) -> Float { toMeans[bucket] - square(bucket) / 2 }
            let noise = partition.codes.map { (codes.noise(part: index) * Self.certainty, $0.error) }
            /// How far the product with a bucket's mean may be off.
            func doubt(_ bucket: Int) -> Float { noise.map { $0 * $1[bucket] } ?? 0 }
            var nearest = 0
            for bucket in 0..<partition.count where affinity(bucket) > affinity(nearest) { nearest = bucket }
            let between = products(ofCentroid: nearest, part: index)
            let best = affinity(nearest) - doubt(nearest), bestSquare = square(nearest)
            var count = 0
            for bucket in 0..<partition.count {
                let apart = max(0, bestSquare + square(bucket) - 2 * between[bucket])
                let short = best - affinity(bucket) - doubt(bucket) - Self.slack
                if short <= 0 || short * short <= distance * distance * apart {
                    chosen.base[count] = UInt32(bucket)
                    count += 1
                }
            }
            scanBuckets(
                part: index, UnsafeBufferPointer(start: chosen.base, count: count), after: query.position,
                pool: &pool)
        }
        return pool
    }

    /// Means are stored as float16, and rows are in the bucket of a mean that is nearly the nearest.
    private static let slack: Float = 0.005
    /// Estimates are taken to be right to so many standard deviations.
    private static let certainty: Float = 3
}
