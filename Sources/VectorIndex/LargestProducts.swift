import CKernels

/// The buckets that a search begins with: those whose means have the largest products with the query.
enum LargestProducts {
    /// So many buckets are scanned at least before anything is concluded from them.
    private static let fewest = 6

    /// How many of the buckets of some parts have to be scanned to find `results` rows to begin with; with a filter, only
    /// `counting` rows count `of` all.
    static func wanted(
        results: Int, buckets: Int, _ parts: [VectorSnapshot.Part], counting: Int?, of rows: Int
    ) -> Int {
        let inBuckets = parts.reduce(0) { $0 + ($1.segment.partition == nil ? 0 : $1.segment.rows) }
        let share = Float(counting ?? rows) / Float(max(1, rows))
        let needed = 4 * Float(results) * Float(buckets) / (Float(max(1, inBuckets)) * max(share, 1e-6))
        return min(buckets, max(fewest, Int(min(needed, Float(buckets)))))
    }

    /// The numbers of the largest of some products whose buckets have rows, the largest first.
    static func numbers(
        of products: UnsafePointer<Float>, count: Int, wanted: Int, buffers: ScanBuffers,
        where hasRows: (Int) -> Bool
    ) -> [Int] {
        var best: [(product: Float, number: Int)] = []
        best.reserveCapacity(wanted + 1)
        if wanted > 64 {
            best = (0..<count).map { (products[$0], $0) }
            best.sort { $0.product > $1.product }
            return Array(best.map(\.number).filter(hasRows).prefix(wanted))
        }
        // Small blocks: after the first few, hardly any product is larger than those known.
        let block = 64
        for start in stride(from: 0, to: count, by: block) {
            let least = best.count == wanted ? best.last?.product ?? -.infinity : -.infinity
            let found = Kernels.table.select(
                products + start, min(block, count - start), least, buffers.indices)
            for index in 0..<found {
                let number = start + Int(buffers.indices[index]), product = products[number]
                if best.count == wanted, let last = best.last, !(product > last.product) { continue }
                if !hasRows(number) { continue }
                var place = best.count
                while place > 0, best[place - 1].product < product { place -= 1 }
                best.insert((product, number), at: place)
                if best.count > wanted { best.removeLast() }
            }
        }
        return best.map(\.number)
    }
}
