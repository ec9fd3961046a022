import CKernels

/// Finds near rows for one row after another, quickly: most of the nearest, not all. One a thread.
///
/// It goes as a search does (`SnapshotSearch`), but once: the buckets with the nearest means tell how similar neighbours
/// are at least; then all those are looked through of whose rows a certain share seems to be so similar. Were it decided
/// for each row how much may be missed, as a search has to, rows far from all others would take most of the time.
final class NeighborSeeding: @unchecked Sendable {
    // Unchecked: only the thread that has taken it uses it.

    /// Only so many buckets of each part, around the row's own, are considered.
    private static let nearBuckets = 1024
    /// So far above an estimate its upper bound is, in standard deviations: one neighbour in fifteen may be hidden by its code.
    private static let deviations: Float = 1.5
    /// Rows that are scored exactly at most, for each of the wanted ones.
    private static let scoredPerNeighbor = 30
    /// Rows that are scored before others are shut out by what they show.
    private static let scoredAtOnce = 16

    private let snapshot: VectorSnapshot
    private let options: SearchOptions
    /// A bucket is looked through when so large a share of its rows seems to be above the similarity found so far.
    private let share: Float
    private let width: Int
    private let buffers = ScanBuffers()
    private let codes: CodeQueries
    private let rotated: ScratchMemory<Float>
    /// Buckets of each part; nil for a part without.
    private let near: [NearBuckets?]
    /// The bucket that these are near to.
    private var around: BucketPlace?

    private struct BucketPlace: Equatable {
        let part: Int
        let bucket: Int
    }

    /// The near buckets of each part are numbered from here on.
    private var firstNumber: [Int] = []
    private var bucketCount = 0
    private let products: ScratchMemory<Float>
    private let upperProducts: ScratchMemory<Float>
    private let shortlist: BucketShortlist
    private let firstCandidates: BestEstimates
    private let candidates: BestEstimates
    private let rows = ScratchMemory<UInt32>(NeighborSeeding.scoredAtOnce)

    init(_ snapshot: VectorSnapshot, options: SearchOptions, share: Float, width: Int) {
        self.snapshot = snapshot
        self.options = options
        self.share = share
        self.width = width
        let length = snapshot.rotation.length
        codes = CodeQueries(parts: snapshot.parts, codeBits: length)
        rotated = ScratchMemory(length)
        near = snapshot.parts.map { part in
            part.segment.partition.map { NearBuckets($0, limit: Self.nearBuckets, words: length / 64) }
        }
        let most = snapshot.parts.reduce(0) {
            $0 + min(Self.nearBuckets, $1.segment.partition?.count ?? 0)
        }
        products = ScratchMemory(most)
        upperProducts = ScratchMemory(most)
        shortlist = BucketShortlist(buckets: most, parts: snapshot.parts.count)
        firstCandidates = BestEstimates(capacity: 3 * width)
        candidates = BestEstimates(capacity: Self.scoredPerNeighbor * width)
    }

    /// What is near a row.
    func nearest(_ query: AllRowsPass.Query) -> [Neighbor] {
        let place = query.position
        guard let partition = snapshot.parts[place.part].segment.partition else {
            prepare(query.exact)
            choose()
            around = nil
            return find(query)
        }
        let own = BucketPlace(part: place.part, bucket: partition.bucket(ofPosition: place.position))
        if own != around {
            let length = rotated.count
            Kernels.table.widen(partition.centroids + own.bucket * length, length, rotated.base)
            codes.prepare(rotated: rotated.base, deviations: Self.deviations)
            choose()
            around = own
        }
        prepare(query.exact)
        return find(query)
    }

    private func prepare(_ exact: ExactQuery) {
        exact.rotate(by: snapshot.rotation, into: rotated.base, dimension: snapshot.space.dimension)
        codes.prepare(rotated: rotated.base, deviations: Self.deviations)
    }

    /// Chooses the buckets near what was prepared.
    private func choose() {
        firstNumber.removeAll(keepingCapacity: true)
        bucketCount = 0
        for (index, buckets) in near.enumerated() {
            firstNumber.append(bucketCount)
            buckets?.choose(codes, part: index, rotated: rotated.base)
            bucketCount += buckets?.count ?? 0
        }
    }

    private func find(_ query: AllRowsPass.Query) -> [Neighbor] {
        var best = BestNeighbors(capacity: width, minimum: options.minimum ?? -.infinity)
        let buckets = firstBuckets()
        // What a few rows say of how similar the neighbours are at least.
        firstCandidates.begin(above: best.threshold)
        var deviation = StrayMeasure()
        for number in buckets { scan(number, query, into: firstCandidates, measure: &deviation) }
        score(firstCandidates, query.exact, &best)
        candidates.begin(above: best.threshold)
        for (index, part) in snapshot.parts.enumerated() where part.segment.partition == nil {
            scan(index, 0..<part.segment.rows, query, into: candidates)
        }
        guard bucketCount > 0 else {
            score(candidates, query.exact, &best)
            return best.sorted()
        }
        shortlist.removeAll()
        for (index, buckets) in near.enumerated() {
            guard let buckets else { continue }
            shortlist.add(
                buckets.ranked, firstNumber: firstNumber[index],
                products: products.base + firstNumber[index], similarity: best.threshold,
                deviation: deviation.multiple, noise: codes.noise(part: index))
        }
        // The first buckets once more: most of what is near is there.
        for number in shortlist.all(above: best.threshold, share: share) {
            let (index, positions) = positions(Int(number))
            scan(index, positions, query, into: candidates)
        }
        score(candidates, query.exact, &best)
        return best.sorted()
    }

    /// Ranks the near buckets, and returns the nearest.
    private func firstBuckets() -> [Int] {
        for (index, buckets) in near.enumerated() {
            guard let buckets else { continue }
            codes.rank(
                buckets.ranked, part: index, rotated: rotated.base,
                products: products.base + firstNumber[index],
                upper: upperProducts.base + firstNumber[index])
        }
        return LargestProducts.numbers(
            of: products.base, count: bucketCount, wanted: firstCount, buffers: buffers,
            where: { !positions($0).positions.isEmpty })
    }

    private var firstCount: Int {
        LargestProducts.wanted(
            results: width, buckets: bucketCount, snapshot.parts, counting: options.filter?.count,
            of: snapshot.count)
    }

    /// The part and the positions of the near bucket with a number.
    private func positions(_ number: Int) -> (part: Int, positions: Range<Int>) {
        var index = 0
        while index + 1 < firstNumber.count, firstNumber[index + 1] <= number { index += 1 }
        return (index, near[index]?.positions(number - firstNumber[index]) ?? 0..<0)
    }

    /// Scans the near bucket with a number.
    private func scan(
        _ number: Int, _ query: AllRowsPass.Query, into candidates: BestEstimates, measure: inout StrayMeasure
    ) {
        let (index, positions) = positions(number)
        let spread = near[index]?.ranked.spreads[number - firstNumber[index]] ?? 1
        for block in ScanBuffers.blocks(of: positions) {
            estimate(index, block, query, into: candidates)
            measure.note(buffers.estimates, block.count, mean: products.base[number], spread: spread)
        }
    }

    private func scan(
        _ index: Int, _ positions: Range<Int>, _ query: AllRowsPass.Query, into candidates: BestEstimates
    ) {
        for block in ScanBuffers.blocks(of: positions) { estimate(index, block, query, into: candidates) }
    }

    /// Estimates the rows at some positions, a block of them at most, and offers them as candidates.
    private func estimate(
        _ index: Int, _ positions: Range<Int>, _ query: AllRowsPass.Query, into candidates: BestEstimates
    ) {
        let part = snapshot.parts[index], allowed = snapshot.allowed(index, options.filter)
        codes.estimate(part, index: index, positions: positions, buffers: buffers)
        let found = Kernels.table.select(buffers.upper, positions.count, candidates.limit, buffers.indices)
        for i in 0..<found {
            let place = Int(buffers.indices[i])
            guard buffers.upper[place] > candidates.limit,
                let row = part.segment.row(atPosition: positions.lowerBound + place),
                !(index == query.place.part && row == query.place.row)
            else { continue }
            if let allowed, !allowed.contains(row) { continue }
            candidates.offer(part: index, row: row, upper: buffers.upper[place])
        }
    }

    /// Scores the candidates that may be among the best.
    private func score(_ candidates: BestEstimates, _ exact: ExactQuery, _ best: inout BestNeighbors) {
        for (index, part) in snapshot.parts.enumerated() {
            var count = 0
            func scoreChosen() {
                exact.offer(
                    part, rows: UnsafeBufferPointer(start: rows.base, count: count), buffers: buffers,
                    to: &best)
                count = 0
            }
            candidates.forEach { owner, row, upper in
                guard owner == index, upper >= best.threshold else { return }
                rows.base[count] = UInt32(row)
                count += 1
                // Few at a time: each may shut out others.
                if count == Self.scoredAtOnce { scoreChosen() }
            }
            scoreChosen()
        }
    }
}
