import CKernels
import SystemSupport
import Synchronization

/// Which bucket each row of a new segment goes to.
struct RowPartition: Sendable {
    /// Number of buckets.
    let count: Int
    /// The means, rotated, one after the other.
    let centroids: [Float]
    /// The root mean square distance of each bucket's unit vectors from their mean.
    let spreads: [Float]
    /// Where each bucket begins in `order`, and where the last one ends.
    let starts: [UInt32]
    /// The rows, bucket by bucket, in increasing order within each.
    let order: [UInt32]
}

/// Finds buckets for rows by k-means on unit vectors (Lloyd 1982), on a sample; then sorts all rows into them.
///
/// Distances are first estimated with the index's own codes, a few nanoseconds each, and computed for the best few
/// only. The result depends on the rows and the seed alone, not on the number of threads.
struct PartitionBuilder: Sendable {
    let rows: Int
    /// Length of a rotated vector.
    let length: Int
    /// The rotated mean of all rows.
    let centre: [Float]
    let seed: UInt64
    let threads: Int
    /// Writes the rotated unit vector of a row; called from several threads.
    let unit: @Sendable (_ row: Int, _ target: UnsafeMutablePointer<Float>) -> Void

    /// Rows of the sample for each bucket; with fewer, means are poor, with more, they hardly improve.
    private static let samplesPerBucket = 16
    private static let rounds = 4
    /// Rows handed to a thread at a time.
    private static let chunk = 1024

    /// Sorts the rows into about `count` buckets.
    func build(count: Int) -> RowPartition {
        var random = SplitMix(state: seed)
        let sampleCount = min(rows, count * Self.samplesPerBucket)
        // One row from each of as many equal stretches: rows stand in the order in which folders were walked.
        let sample = (0..<sampleCount).map { index in
            let low = index * rows / sampleCount, high = (index + 1) * rows / sampleCount
            return low + Int(random.next() % UInt64(max(1, high - low)))
        }
        var centroids = [Float](repeating: 0, count: count * length)
        centroids.withUnsafeMutableBufferPointer { all in
            guard let all = all.baseAddress else { return }
            for bucket in 0..<count { unit(sample[bucket * sampleCount / count], all + bucket * length) }
        }
        for _ in 0..<Self.rounds {
            let nearest = assign(sample.count, row: { sample[$0] }, Centroids(centroids, around: centre))
            let groups = Groups(nearest, count: count)
            let means = means(of: groups, row: { sample[$0] }).centroids
            // A bucket that lost all its rows starts again from some row.
            for bucket in 0..<count {
                let place = bucket * length
                if groups.starts[bucket] < groups.starts[bucket + 1] {
                    centroids.replaceSubrange(place..<place + length, with: means[place..<place + length])
                } else {
                    let row = sample[Int(random.next() % UInt64(sample.count))]
                    centroids.withUnsafeMutableBufferPointer { all in
                        if let all = all.baseAddress { unit(row, all + place) }
                    }
                }
            }
        }
        let groups = Groups(assign(rows, row: { $0 }, Centroids(centroids, around: centre)), count: count)
        let (final, spreads) = means(of: groups, row: { $0 })
        return RowPartition(
            count: count, centroids: final, spreads: spreads, starts: groups.starts, order: groups.order)
    }

    /// The number of the nearest centroid for each of `count` rows.
    private func assign(_ count: Int, row: @Sendable (Int) -> Int, _ centroids: Centroids) -> [UInt32] {
        let nearest = Mutex([UInt32](repeating: 0, count: count))
        WorkerThreads.forEach((count + Self.chunk - 1) / Self.chunk, threads: threads) { chunk in
            let range = chunk * Self.chunk..<min((chunk + 1) * Self.chunk, count)
            var found: [UInt32] = []
            found.reserveCapacity(range.count)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { vector in
                guard let vector = vector.baseAddress else { return }
                let search = CentroidSearch(centroids)
                for index in range {
                    unit(row(index), vector)
                    found.append(UInt32(search.nearest(to: vector)))
                }
            }
            nearest.withLock { $0.replaceSubrange(range, with: found) }
        }
        return nearest.withLock { $0 }
    }

    /// The mean of each group and its rows' root mean square distance from it.
    private func means(
        of groups: Groups, row: @Sendable (Int) -> Int
    ) -> (centroids: [Float], spreads: [Float]) {
        let count = groups.starts.count - 1
        let result = Mutex(
            (
                centroids: [Float](repeating: 0, count: count * length),
                spreads: [Float](repeating: 0, count: count)
            ))
        WorkerThreads.forEach(count, threads: threads) { bucket in
            let members = groups.order[Int(groups.starts[bucket])..<Int(groups.starts[bucket + 1])]
            guard !members.isEmpty else { return }
            var sums = [Float](repeating: 0, count: length)
            withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { vector in
                guard let vector = vector.baseAddress else { return }
                for member in members {
                    unit(row(Int(member)), vector)
                    for i in 0..<length { sums[i] += vector[i] }
                }
            }
            let scale = 1 / Float(members.count)
            var square: Float = 0
            for i in 0..<length {
                sums[i] *= scale
                square += sums[i] * sums[i]
            }
            let mean = sums
            // The mean of |x - m|^2 over unit vectors x with the mean m is 1 - |m|^2.
            let spread = max(0, 1 - square).squareRoot()
            result.withLock {
                $0.centroids.replaceSubrange(bucket * length..<(bucket + 1) * length, with: mean)
                $0.spreads[bucket] = spread
            }
        }
        return result.withLock { $0 }
    }
}

/// Numbers grouped by the bucket each was assigned.
private struct Groups: Sendable {
    let starts: [UInt32]
    let order: [UInt32]

    init(_ buckets: [UInt32], count: Int) {
        var starts = [UInt32](repeating: 0, count: count + 1)
        for bucket in buckets { starts[Int(bucket) + 1] += 1 }
        for bucket in 0..<count { starts[bucket + 1] += starts[bucket] }
        var next = starts
        var order = [UInt32](repeating: 0, count: buckets.count)
        for (index, bucket) in buckets.enumerated() {
            order[Int(next[Int(bucket)])] = UInt32(index)
            next[Int(bucket)] += 1
        }
        self.starts = starts
        self.order = order
    }
}

/// Centroids with their codes.
private struct Centroids: Sendable {
    let count: Int
    let length: Int
    let centre: [Float]
    let vectors: [Float]
    let codes: [UInt64]
    let scale: [Float], offset: [Float], error: [Float]
    /// Half the squared length of each; the codes' offsets have it taken off, so that estimates compare as distances.
    let halves: [Float]

    init(_ vectors: [Float], around centre: [Float]) {
        self.vectors = vectors
        self.centre = centre
        let length = centre.count, count = vectors.count / centre.count, words = length / 64
        var codes = [UInt64](repeating: 0, count: count * words)
        var factors = [[Float]](repeating: [Float](repeating: 0, count: count), count: 3)
        var halves = [Float](repeating: 0, count: count)
        vectors.withUnsafeBufferPointer { vectors in
            codes.withUnsafeMutableBufferPointer { codes in
                guard let vectors = vectors.baseAddress, let codes = codes.baseAddress else { return }
                withUnsafeTemporaryAllocation(of: Float.self, capacity: 3) { three in
                    guard let three = three.baseAddress else { return }
                    for index in 0..<count {
                        let vector = vectors + index * length
                        ck_encode(vector, centre, length, codes + index * words, three)
                        for i in 0..<3 { factors[i][index] = three[i] }
                        var square: Float = 0
                        for i in 0..<length { square += vector[i] * vector[i] }
                        halves[index] = square / 2
                        factors[1][index] -= square / 2
                    }
                }
            }
        }
        self.count = count
        self.length = length
        self.codes = codes
        (scale, offset, error) = (factors[0], factors[1], factors[2])
        self.halves = halves
    }
}

/// Finds the nearest of many centroids; one a thread.
private struct CentroidSearch {
    private let centroids: Centroids
    private let planes: ScratchMemory<UInt64>
    private let estimates: ScratchMemory<Float>
    private let upper: ScratchMemory<Float>
    private let chosen: ScratchMemory<UInt32>
    /// Estimates that are looked through at a time.
    private static let blockCount = 256
    /// So many of the best estimates are checked.
    private static let checked = 8

    init(_ centroids: Centroids) {
        self.centroids = centroids
        planes = ScratchMemory(centroids.length / 16)
        estimates = ScratchMemory(centroids.count)
        upper = ScratchMemory(centroids.count)
        chosen = ScratchMemory(Self.blockCount + 16)
    }

    /// The number of the centroid nearest to a rotated unit vector.
    func nearest(to vector: UnsafePointer<Float>) -> Int {
        let count = centroids.count, length = centroids.length
        var query = ck_code_query(
            planes: UnsafePointer(planes.base), words: length / 64, step: 0, base: 0, margin: 0, noise: 0)
        ck_quantise(vector, centroids.centre, length, 0, planes.base, &query)
        Kernels.table.estimate(
            &query, centroids.codes, centroids.scale, centroids.offset, centroids.error, count,
            estimates.base, upper.base)
        var best = [(value: Float, index: UInt32)]()
        best.reserveCapacity(Self.checked + 1)
        var threshold = -Float.infinity
        for first in stride(from: 0, to: count, by: Self.blockCount) {
            let found = Kernels.table.select(
                estimates.base + first, min(Self.blockCount, count - first), threshold, chosen.base)
            for i in 0..<found {
                let index = first + Int(chosen.base[i])
                let value = estimates.base[index]
                if value <= threshold { continue }
                var place = best.count
                while place > 0, best[place - 1].value < value { place -= 1 }
                best.insert((value, UInt32(index)), at: place)
                if best.count > Self.checked { best.removeLast() }
                if best.count == Self.checked, let last = best.last { threshold = last.value }
            }
        }
        return centroids.vectors.withUnsafeBufferPointer { vectors in
            guard let vectors = vectors.baseAddress else { return 0 }
            var result = (value: -Float.infinity, index: 0)
            for candidate in best {
                let index = Int(candidate.index)
                var product: Float = 0
                Kernels.table.dot_f32(vector, length, vectors + index * length, nil, 1, &product)
                let value = product - centroids.halves[index]
                if value > result.value || (value == result.value && index < result.index) {
                    result = (value, index)
                }
            }
            return result.index
        }
    }
}

/// Memory of trivial elements that lives as long as its owner, zero at first.
final class ScratchMemory<Element: BitwiseCopyable>: @unchecked Sendable {
    // Unchecked: threads that share it write different elements.
    let base: UnsafeMutablePointer<Element>

    let count: Int

    init(_ count: Int) {
        self.count = count
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
        base = memory.bindMemory(to: Element.self, capacity: count)
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base, count: count * MemoryLayout<Element>.stride)
    }

    deinit { base.deallocate() }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
