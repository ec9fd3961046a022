import CKernels

/// Searches a snapshot for one query after another; keeps its memory from each to the next. One a thread.
///
/// Codes without buckets are all scanned. Of those in buckets, the few nearest buckets are scanned first; what they
/// hold tells how similar a row must be, and how far rows stray from their bucket's mean in the query's direction.
/// From that follows how many results each other bucket can be expected to hold, and buckets are passed over as long
/// as the sum of what they may hold stays within what the asked recall allows to miss. So the work adapts to the
/// query: a caption, which is far from all pictures, makes more buckets promising than a picture does.
final class SnapshotSearch {
    /// Codes stand at so many buckets' positions at least before anything is concluded from them.
    private static let firstBuckets = 8

    let parts: [VectorSnapshot.Part]
    let buffers = ScanBuffers()
    private let snapshot: VectorSnapshot
    private let options: SearchOptions
    private let isCold: Bool
    let codes: CodeQueries
    /// The query as a rotated unit vector.
    let rotated: ScratchMemory<Float>
    /// The buckets of each part are numbered from here on.
    let firstBucket: [Int]
    let bucketCount: Int
    /// The cosine-like product of the query with each bucket's mean.
    let products: ScratchMemory<Float>
    /// What each bucket may be expected to hold; negative for those that are done.
    private let expected: ScratchMemory<Float>
    /// Upper bounds of the products.
    let upperProducts: ScratchMemory<Float>
    /// Numbers of a part's buckets that were chosen.
    let chosen: ScratchMemory<UInt32>
    private var chances = PassingOver()
    /// The certainty with which a code rules a row out.
    private let deviations: Float
    /// The products of the means of one bucket of each part with the others.
    private let centroidProducts: ScratchMemory<Float>
    private var centroidOfProducts: [Int]

    /// `isCold` means that what is going to be read is to be asked for first.
    init(_ snapshot: VectorSnapshot, options: SearchOptions, isCold: Bool = false) {
        self.snapshot = snapshot
        self.isCold = isCold
        self.options = options
        parts = snapshot.parts
        codes = CodeQueries(parts: snapshot.parts, codeBits: snapshot.rotation.length)
        rotated = ScratchMemory(snapshot.rotation.length)
        var first: [Int] = [], count = 0
        for part in snapshot.parts {
            first.append(count)
            count += part.segment.partition?.count ?? 0
        }
        firstBucket = first
        bucketCount = count
        products = ScratchMemory(count)
        expected = ScratchMemory(count)
        upperProducts = ScratchMemory(count)
        chosen = ScratchMemory(count + 16)
        centroidProducts = ScratchMemory(count)
        // With buckets, a row can be missed twice: by its bucket and by its code.
        deviations = SearchOptions.deviations(count > 0 ? options.recallOfEachStage : options.recall)
        centroidOfProducts = [Int](repeating: -1, count: snapshot.parts.count)
    }

    /// Offers the rows most similar to a query to `best`; `excluded` is a row that does not count.
    func findNearest(_ exact: ExactQuery, count: Int, excluded: RowPlace?, best: inout BestNeighbors) {
        prepare(exact)
        var pool = CandidatePool(wanted: count, minimum: best.threshold)
        for (index, part) in parts.enumerated() where part.segment.partition == nil {
            scan(index, 0..<part.segment.rows, excluded: excluded, pool: &pool)
        }
        guard bucketCount > 0 else {
            exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
            return
        }
        rankBuckets()
        let deviation = scanFirst(count: count, excluded: excluded, pool: &pool)
        exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
        let missable = (1 - options.recallOfEachStage) * Float(count)
        let least = expectResults(above: best.threshold, deviation: deviation, missable: missable)
        pool = CandidatePool(wanted: count, minimum: best.threshold)
        scanBuckets(expecting: least, excluded: excluded, pool: &pool)
        exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
    }

    /// Makes the query ready for the codes.
    func prepare(_ exact: ExactQuery) {
        rotated.base.update(from: exact.vector, count: snapshot.space.dimension)
        snapshot.rotation.rotateUnit(
            rotated.base, dimension: snapshot.space.dimension, inverseNorm: exact.inverseNorm)
        codes.prepare(rotated: rotated.base, deviations: deviations)
    }

    /// Estimates the product of the query with each bucket's mean, or computes it where means have no codes.
    func rankBuckets() {
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            let first = products.base + firstBucket[index]
            if codes.rank(
                partition, part: index, products: first, upper: upperProducts.base + firstBucket[index])
            {
                continue
            }
            Kernels.table.dot_f16(
                rotated.base, rotated.count, partition.centroids, nil, partition.count, first)
        }
    }

    /// Scans the nearest buckets, and returns how far rows stray from the mean of their bucket along the query, as a
    /// multiple of the bucket's spread.
    private func scanFirst(count: Int, excluded: RowPlace?, pool: inout CandidatePool) -> Float {
        var rows = 0, spread: Float = 0
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            rows += part.segment.rows
            for bucket in 0..<partition.count {
                let isEmpty = partition.positions(bucket).isEmpty
                expected.base[firstBucket[index] + bucket] = isEmpty ? -1 : 0
            }
        }
        // With a filter, the rows that count are only some of those in a bucket.
        let share = Float(options.filter?.count ?? snapshot.count) / Float(max(1, snapshot.count))
        let needed = 4 * Float(count) * Float(bucketCount) / (Float(max(1, rows)) * max(share, 1e-6))
        let wanted = min(bucketCount, max(Self.firstBuckets, Int(min(needed, Float(bucketCount)))))
        var squares: Float = 0, scanned: Float = 0
        let first = mostPromising(wanted)
        if isCold {
            for number in first {
                let (index, bucket) = locate(number)
                if let partition = parts[index].segment.partition {
                    parts[index].segment.fetchCodes(partition.positions(bucket))
                }
            }
        }
        for number in first {
            let (index, bucket) = locate(number)
            guard let partition = parts[index].segment.partition else { continue }
            expected.base[number] = -1
            spread = max(partition.spreads[bucket], 1e-4)
            for block in blocks(of: partition.positions(bucket)) {
                codes.scan(
                    parts[index], index: index, positions: block, allowed: allowed(index),
                    excluded: excluded?.part == index ? excluded?.row : nil, buffers: buffers, pool: &pool)
                for i in 0..<block.count {
                    let distance = (buffers.estimates[i] - products.base[number]) / spread
                    squares += distance * distance
                }
                scanned += Float(block.count)
            }
        }
        let deviation = (squares / max(1, scanned)).squareRoot()
        return deviation.isFinite ? deviation : 1
    }

    /// The buckets with the largest products, which have rows.
    private func mostPromising(_ wanted: Int) -> [Int] {
        var best: [(product: Float, number: Int)] = []
        best.reserveCapacity(wanted + 1)
        if wanted > 64 {
            best = (0..<bucketCount).map { (products.base[$0], $0) }
            best.sort { $0.product > $1.product }
            return best.lazy.map(\.number).filter { self.expected.base[$0] >= 0 }.prefix(wanted).map { $0 }
        }
        for number in 0..<bucketCount {
            let product = products.base[number]
            if best.count == wanted, let last = best.last, !(product > last.product) { continue }
            if expected.base[number] < 0 { continue }
            var place = best.count
            while place > 0, best[place - 1].product < product { place -= 1 }
            best.insert((product, number), at: place)
            if best.count > wanted { best.removeLast() }
        }
        return best.map(\.number)
    }

    /// Fills in what each bucket that is left may be expected to hold above a similarity; buckets below the number
    /// returned hold no more than `missable` together.
    private func expectResults(above similarity: Float, deviation: Float, missable: Float) -> Float {
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            let first = firstBucket[index]
            var terms = ck_expectation(
                similarity: similarity, deviation: deviation,
                noise: partition.codes == nil ? 0 : codes.noise(part: index))
            partition.withStarts { starts in
                Kernels.table.expect(
                    &terms, products.base + first, partition.spreads,
                    partition.codes?.error ?? partition.spreads, starts, partition.count,
                    expected.base + first)
            }
        }
        chances.begin()
        chances.add(UnsafeBufferPointer(start: expected.base, count: bucketCount))
        return chances.least(missable: missable)
    }

    /// Scans the buckets that are expected to hold `least` or more.
    private func scanBuckets(expecting least: Float, excluded: RowPlace?, pool: inout CandidatePool) {
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            let found = Kernels.table.select(
                expected.base + firstBucket[index], partition.count, least, chosen.base)
            scanBuckets(
                part: index, UnsafeBufferPointer(start: chosen.base, count: found), excluded: excluded,
                pool: &pool)
        }
    }

    /// Scans some buckets of a part, given in the order in which they stand in the file; with `after`, only codes
    /// that stand behind that position.
    func scanBuckets(
        part index: Int, _ buckets: UnsafeBufferPointer<UInt32>, excluded: RowPlace? = nil,
        after: RowPosition? = nil, pool: inout CandidatePool
    ) {
        guard let partition = parts[index].segment.partition else { return }
        let least = after?.part == index ? (after?.position ?? 0) + 1 : 0
        if isCold {
            for bucket in buckets { parts[index].segment.fetchCodes(partition.positions(Int(bucket))) }
        }
        var run = 0..<0
        for bucket in buckets {
            let positions = partition.positions(Int(bucket))
            guard positions.upperBound > least else { continue }
            let rest = max(positions.lowerBound, least)..<positions.upperBound
            if rest.lowerBound == run.upperBound {
                run = run.lowerBound..<rest.upperBound
            } else {
                // Codes of the next run come into the cache while this one is looked at.
                codes.prefetch(parts[index], rest)
                scan(index, run, excluded: excluded, pool: &pool)
                run = rest
            }
        }
        scan(index, run, excluded: excluded, pool: &pool)
    }

    /// The products of one bucket's mean with those of all buckets of its part; kept until another is asked for.
    func products(ofCentroid bucket: Int, part index: Int) -> UnsafePointer<Float> {
        let result = centroidProducts.base + firstBucket[index]
        guard centroidOfProducts[index] != bucket, let partition = parts[index].segment.partition else {
            return UnsafePointer(result)
        }
        let length = rotated.count
        withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { mean in
            guard let mean = mean.baseAddress else { return }
            Kernels.table.widen(partition.centroids + bucket * length, length, mean)
            Kernels.table.dot_f16(mean, length, partition.centroids, nil, partition.count, result)
        }
        centroidOfProducts[index] = bucket
        return UnsafePointer(result)
    }

    /// Scans some of a part's codes.
    func scan(_ index: Int, _ positions: Range<Int>, excluded: RowPlace?, pool: inout CandidatePool) {
        let allowed = allowed(index)
        for block in blocks(of: positions) {
            codes.scan(
                parts[index], index: index, positions: block, allowed: allowed,
                excluded: excluded?.part == index ? excluded?.row : nil, buffers: buffers, pool: &pool)
        }
    }

    private func allowed(_ part: Int) -> RowBitmap? { snapshot.allowed(part, options.filter) }

    private func blocks(of positions: Range<Int>) -> some Sequence<Range<Int>> {
        stride(from: positions.lowerBound, to: positions.upperBound, by: ScanBuffers.blockRows).lazy.map {
            $0..<min($0 + ScanBuffers.blockRows, positions.upperBound)
        }
    }

    /// The part and bucket with a number.
    private func locate(_ number: Int) -> (part: Int, bucket: Int) {
        var index = 0
        while index + 1 < firstBucket.count, firstBucket[index + 1] <= number { index += 1 }
        return (index, number - firstBucket[index])
    }
}

/// A row of a part of a snapshot.
struct RowPlace: Sendable {
    let part: Int
    /// The row in the segment.
    let row: Int
}

/// Where the code of a row stands.
struct RowPosition: Sendable {
    let part: Int
    let position: Int
}
