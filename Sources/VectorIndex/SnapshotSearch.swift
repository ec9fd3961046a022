import CKernels
import Synchronization

/// Searches a snapshot for one query after another; keeps its memory from each to the next. One a thread.
///
/// Codes without buckets are all scanned. Of those in buckets, the few nearest buckets are scanned first; what they
/// hold tells how similar a row must be, and how far rows stray from their bucket's mean in the query's direction.
/// From that follows how the results are spread over the other buckets, and buckets are scanned until what is left
/// is within what the asked recall allows to miss. So the work adapts to the query: a caption, which is far from all
/// pictures, makes more buckets promising than a picture does.
final class SnapshotSearch: @unchecked Sendable {
    // Unchecked: only the thread that has taken it uses it.

    let parts: [VectorSnapshot.Part]
    let buffers = ScanBuffers()
    private let rotation: Rotation
    private let dimension: Int
    private let rows: Int
    private var options: SearchOptions
    private var isCold: Bool
    let codes: CodeQueries
    /// The query as a rotated unit vector.
    let rotated: ScratchMemory<Float>
    /// The buckets of each part are numbered from here on.
    let firstBucket: [Int]
    let bucketCount: Int
    /// The cosine-like product of the query with each bucket's mean.
    let products: ScratchMemory<Float>
    /// Upper bounds of the products.
    let upperProducts: ScratchMemory<Float>
    /// Numbers of a part's buckets that were chosen.
    let chosen: ScratchMemory<UInt32>
    private let shortlist: BucketShortlist
    /// The certainty with which a code rules a row out.
    private(set) var deviations: Float
    /// The products of the means of one bucket of each part with the others.
    private let centroidProducts: ScratchMemory<Float>
    private var centroidOfProducts: [Int]

    /// `isCold` means that what is going to be read is to be asked for first.
    init(_ snapshot: VectorSnapshot, options: SearchOptions, isCold: Bool = false) {
        // Not the snapshot itself: that keeps searches that have ended.
        rotation = snapshot.rotation
        dimension = snapshot.space.dimension
        rows = snapshot.count
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
        shortlist = BucketShortlist(buckets: count, parts: snapshot.parts.count)
        upperProducts = ScratchMemory(count)
        chosen = ScratchMemory(count + 16)
        centroidProducts = ScratchMemory(count)
        deviations = 0
        centroidOfProducts = [Int](repeating: -1, count: snapshot.parts.count)
        begin(options, isCold: isCold)
    }

    /// Makes it ready for queries with other options.
    func begin(_ options: SearchOptions, isCold: Bool) {
        self.isCold = isCold
        self.options = options
        // With buckets, a row can be missed twice: by its bucket and by its code.
        deviations = SearchOptions.deviations(bucketCount > 0 ? options.recallOfEachStage : options.recall)
    }

    /// Offers the rows most similar to a query to `best`; `excluded` is a row that does not count.
    func findNearest(_ exact: ExactQuery, count: Int, excluded: RowPlace?, best: inout BestNeighbors) {
        prepare(exact)
        var pool = CandidatePool(wanted: count, minimum: best.threshold, deviations: deviations)
        for (index, part) in parts.enumerated() where part.segment.partition == nil {
            scan(index, 0..<part.segment.rows, excluded: excluded, pool: &pool)
        }
        guard bucketCount > 0 else {
            exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
            return
        }
        rankBuckets()
        let first = LargestProducts.numbers(
            of: products.base, count: bucketCount, wanted: firstCount(count), buffers: buffers,
            where: hasRows)
        let deviation = scanFirst(first, excluded: excluded, pool: &pool)
        exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
        shortlist.removeAll()
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            partition.withAllBuckets {
                shortlist.add(
                    $0, firstNumber: firstBucket[index], products: products.base + firstBucket[index],
                    similarity: best.threshold, deviation: deviation, noise: codes.noise(part: index))
            }
        }
        for number in first { shortlist.markScanned(number) }
        while true {
            let next = shortlist.next(
                above: best.threshold, wanted: options.recallOfEachStage,
                // A filter may have left out just the rows near the query.
                most: options.filter == nil ? nil : count)
            guard !next.isEmpty else { return }
            pool = CandidatePool(wanted: count, minimum: best.threshold, deviations: deviations)
            scanBuckets(numbers: next, excluded: excluded, pool: &pool)
            exact.rerank(pool, parts: parts, buffers: buffers, isCold: isCold, best: &best)
        }
    }

    /// Makes the query ready for the codes.
    func prepare(_ exact: ExactQuery) {
        exact.rotate(by: rotation, into: rotated.base, dimension: dimension)
        codes.prepare(rotated: rotated.base, deviations: deviations)
    }

    /// Estimates the product of the query with each bucket's mean, or computes it where means have no codes.
    func rankBuckets() {
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            let first = firstBucket[index]
            partition.withAllBuckets {
                codes.rank(
                    $0, part: index, rotated: rotated.base, products: products.base + first,
                    upper: upperProducts.base + first)
            }
        }
    }

    /// How many buckets have to be scanned to find some results to begin with.
    private func firstCount(_ count: Int) -> Int {
        LargestProducts.wanted(
            results: count, buckets: bucketCount, parts, counting: options.filter?.count, of: rows)
    }

    /// Scans the first buckets, and returns how far rows stray from the mean of their bucket along the query, as a
    /// multiple of the bucket's spread.
    private func scanFirst(_ first: [Int], excluded: RowPlace?, pool: inout CandidatePool) -> Float {
        var deviation = StrayMeasure()
        if isCold {
            var fetching = Fetching()
            for number in first where !fetching.isNeedless {
                let (index, bucket) = locate(number)
                guard let positions = parts[index].segment.partition?.positions(bucket) else { continue }
                parts[index].segment.fetchCodes(positions, &fetching)
            }
        }
        for number in first {
            let (index, bucket) = locate(number)
            guard let partition = parts[index].segment.partition else { continue }
            for block in ScanBuffers.blocks(of: partition.positions(bucket)) {
                codes.scan(
                    parts[index], index: index, positions: block, allowed: allowed(index),
                    excluded: excluded?.part == index ? excluded?.row : nil, buffers: buffers, pool: &pool)
                deviation.note(
                    buffers.estimates, block.count, mean: products.base[number],
                    spread: partition.spreads[bucket])
            }
        }
        return deviation.multiple
    }

    private func hasRows(_ number: Int) -> Bool {
        let (index, bucket) = locate(number)
        return !(parts[index].segment.partition?.positions(bucket).isEmpty ?? true)
    }

    /// Scans the buckets with some numbers, given in their order.
    private func scanBuckets(
        numbers: UnsafeBufferPointer<UInt32>, excluded: RowPlace?, pool: inout CandidatePool
    ) {
        var start = 0
        for (index, part) in parts.enumerated() {
            guard let partition = part.segment.partition else { continue }
            var end = start
            while end < numbers.count, Int(numbers[end]) < firstBucket[index] + partition.count {
                chosen.base[end - start] = numbers[end] - UInt32(firstBucket[index])
                end += 1
            }
            scanBuckets(
                part: index, UnsafeBufferPointer(start: chosen.base, count: end - start), excluded: excluded,
                pool: &pool)
            start = end
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
            var fetching = Fetching()
            for bucket in buckets where !fetching.isNeedless {
                parts[index].segment.fetchCodes(partition.positions(Int(bucket)), &fetching)
            }
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
        for block in ScanBuffers.blocks(of: positions) {
            codes.scan(
                parts[index], index: index, positions: block, allowed: allowed,
                excluded: excluded?.part == index ? excluded?.row : nil, buffers: buffers, pool: &pool)
        }
    }

    private func allowed(_ part: Int) -> RowBitmap? { options.filter?.parts[part] ?? parts[part].live }

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

/// The searches of a snapshot that have ended: making one takes as long as a good part of a search.
final class IdleSearches: Sendable {
    private static let most = 8
    private let idle = Mutex<[SnapshotSearch]>([])

    /// Lends a search of a snapshot, always the same one, to `body`.
    func lend(
        _ snapshot: VectorSnapshot, options: SearchOptions, isCold: Bool, to body: (SnapshotSearch) -> Void
    ) {
        let known = idle.withLock { $0.popLast() }
        known?.begin(options, isCold: isCold)
        let search = known ?? SnapshotSearch(snapshot, options: options, isCold: isCold)
        body(search)
        // A filter is not kept.
        search.begin(SearchOptions(), isCold: false)
        idle.withLock { if $0.count < Self.most { $0.append(search) } }
    }
}
