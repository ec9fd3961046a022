import CKernels

/// A row that may be a result, with the bound its similarity stays below in all likelihood.
struct Candidate {
    let upper: Float
    let part: UInt32
    let row: UInt32
}

/// The rows that may be among the k most similar, as far as the estimates seen so far tell.
///
/// A row stays a candidate while its upper bound is not below the k-th largest lower bound.
///
/// The bounds are not equally far from the estimate. A row of which the upper bound is wrong is one row lost, so that
/// bound is as certain as the asked recall. The largest of many lower bounds is the one that erred most: were they no
/// more certain than what is asked, ten of some thousand rows that are all nearly the nearest would shut out the rest.
struct CandidatePool {
    /// So many standard deviations a lower bound is below its estimate, at least.
    private static let certainty: Float = 3

    private let wanted: Int
    /// How far a lower bound is below the estimate, as a multiple of what the upper one is above it.
    private let depth: Float
    private(set) var candidates: [Candidate] = []
    /// The largest lower bounds, as a heap with the smallest on top.
    private var lowerBounds: [Float] = []
    private var nextPruning = 1024

    /// Rows whose upper bound is below this are no candidates.
    private(set) var limit: Float

    /// A pool for the `wanted` most similar rows, nil for every row above the minimum; upper bounds are so many standard
    /// `deviations` above the estimates.
    init(wanted: Int?, minimum: Float = -.infinity, deviations: Float) {
        self.wanted = wanted ?? .max
        depth = max(1, Self.certainty / deviations)
        limit = minimum
    }

    mutating func add(_ candidate: Candidate, estimate: Float) {
        candidates.append(candidate)
        guard wanted != .max else { return }
        raise(estimate - depth * (candidate.upper - estimate))
        if candidates.count >= nextPruning {
            let limit = limit
            candidates.removeAll { $0.upper < limit }
            nextPruning = max(1024, 2 * candidates.count)
        }
    }

    /// Takes note of a row's lower bound.
    private mutating func raise(_ bound: Float) {
        let lower = bound.isNaN ? -.infinity : bound
        if lowerBounds.count < wanted {
            lowerBounds.append(lower)
            var child = lowerBounds.count - 1
            while child > 0, lowerBounds[child] < lowerBounds[(child - 1) / 2] {
                lowerBounds.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        } else if lower > lowerBounds[0] {
            lowerBounds[0] = lower
            var parent = 0
            while true {
                let left = 2 * parent + 1
                guard left < lowerBounds.count else { break }
                let right = left + 1
                let least = right < lowerBounds.count && lowerBounds[right] < lowerBounds[left] ? right : left
                guard lowerBounds[least] < lowerBounds[parent] else { break }
                lowerBounds.swapAt(least, parent)
                parent = least
            }
        }
        if lowerBounds.count == wanted { limit = max(limit, lowerBounds[0]) }
    }

    /// The candidates left, most promising first.
    func sorted() -> [Candidate] {
        candidates.filter { $0.upper >= limit }
            .sorted { ($1.upper, $0.part, $0.row) < ($0.upper, $1.part, $1.row) }
    }
}

/// Memory that one thread's scans write to; made once, used for every block of rows.
final class ScanBuffers: @unchecked Sendable {
    // Unchecked: only the thread that has taken them uses them.

    /// Rows a kernel is given at a time: their codes and factors stay in the first or second cache.
    static let blockRows = 1024

    let estimates = UnsafeMutablePointer<Float>.allocate(capacity: ScanBuffers.blockRows)
    let upper = UnsafeMutablePointer<Float>.allocate(capacity: ScanBuffers.blockRows)
    let indices = UnsafeMutablePointer<UInt32>.allocate(capacity: ScanBuffers.blockRows)

    init() {
        estimates.initialize(repeating: 0, count: Self.blockRows)
        upper.initialize(repeating: 0, count: Self.blockRows)
        indices.initialize(repeating: 0, count: Self.blockRows)
    }

    /// Positions in blocks.
    static func blocks(of positions: Range<Int>) -> some Sequence<Range<Int>> {
        stride(from: positions.lowerBound, to: positions.upperBound, by: blockRows).lazy.map {
            $0..<min($0 + blockRows, positions.upperBound)
        }
    }

    deinit {
        estimates.deallocate()
        upper.deallocate()
        indices.deallocate()
    }
}

/// A query prepared for the codes of each part of a snapshot; the memory serves one query after another.
final class CodeQueries {
    private let parts: [VectorSnapshot.Part]
    private let words: Int
    private let planes: ScratchMemory<UInt64>
    private var queries: [ck_code_query] = []

    init(parts: [VectorSnapshot.Part], codeBits: Int) {
        self.parts = parts
        words = codeBits / 64
        planes = ScratchMemory(parts.count * 4 * words)
    }

    /// Prepares a rotated unit vector for all parts.
    func prepare(rotated: UnsafePointer<Float>, deviations: Float) {
        queries.removeAll(keepingCapacity: true)
        for (index, part) in parts.enumerated() {
            let place = planes.base + index * 4 * words
            var query = ck_code_query(
                planes: UnsafePointer(place), words: words, step: 0, base: 0, margin: 0, noise: 0)
            ck_quantise(rotated, part.segment.centre, 64 * words, deviations, place, &query)
            queries.append(query)
        }
    }

    /// Puts the products of the prepared vector with the means of some of a part's buckets into `products`: estimates
    /// where means have codes.
    func rank(
        _ buckets: RankedBuckets, part index: Int, rotated: UnsafePointer<Float>,
        products: UnsafeMutablePointer<Float>, upper: UnsafeMutablePointer<Float>
    ) {
        guard let means = buckets.codes else {
            Kernels.table.dot_f16(
                rotated, 64 * words, buckets.centroids, buckets.numbers, buckets.count, products)
            return
        }
        withUnsafePointer(to: queries[index]) { query in
            Kernels.table.estimate(
                query, means.codes, means.scale, means.offset, means.error, buckets.count, products, upper)
        }
    }

    /// Brings the beginning of some codes, and their factors, into the cache; the CPU sees by itself where that leads.
    func prefetch(_ part: VectorSnapshot.Part, _ positions: Range<Int>) {
        let segment = part.segment, first = positions.lowerBound, count = min(positions.count, 64)
        ck_prefetch(segment.codes + first * words, count * words * MemoryLayout<UInt64>.stride)
        for factor in [segment.scale, segment.offset, segment.error] {
            ck_prefetch(factor + first, count * MemoryLayout<Float>.stride)
        }
    }

    /// The standard deviation of an estimate as a multiple of the code's error factor.
    func noise(part index: Int) -> Float { queries[index].noise }

    /// Estimates the rows at some positions of a part, a block of them at most; estimates and upper bounds go to the
    /// buffers.
    func estimate(_ part: VectorSnapshot.Part, index: Int, positions: Range<Int>, buffers: ScanBuffers) {
        let segment = part.segment, first = positions.lowerBound
        withUnsafePointer(to: queries[index]) { query in
            Kernels.table.estimate(
                query, segment.codes + first * words, segment.scale + first, segment.offset + first,
                segment.error + first, positions.count, buffers.estimates, buffers.upper)
        }
    }

    /// Estimates the rows at some positions of a part, a block of them at most, and adds those that may be results
    /// to a pool.
    ///
    /// `allowed` are the rows that count; `excluded` is a row that does not. The estimates stay in the buffers.
    func scan(
        _ part: VectorSnapshot.Part, index: Int, positions: Range<Int>, allowed: RowBitmap?, excluded: Int?,
        buffers: ScanBuffers, pool: inout CandidatePool
    ) {
        let segment = part.segment
        let first = positions.lowerBound
        estimate(part, index: index, positions: positions, buffers: buffers)
        let found = Kernels.table.select(buffers.upper, positions.count, pool.limit, buffers.indices)
        for i in 0..<found {
            let place = Int(buffers.indices[i])
            // The limit rises while the block is looked through.
            guard buffers.upper[place] >= pool.limit else { continue }
            guard let row = segment.row(atPosition: first + place), row != excluded else { continue }
            if let allowed, !allowed.contains(row) { continue }
            let candidate = Candidate(upper: buffers.upper[place], part: UInt32(index), row: UInt32(row))
            pool.add(candidate, estimate: buffers.estimates[place])
        }
    }
}
