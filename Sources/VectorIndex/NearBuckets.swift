import CKernels

/// The buckets of a part near some direction, with what a search has to know of them copied side by side.
///
/// The rows of a bucket have nearly the same buckets around them: ranking a thousand of eight thousand means is
/// enough for each of them.
final class NearBuckets {
    private let partition: Partition
    private let words: Int
    /// Buckets that are near at most.
    private let limit: Int
    private let numbers: ScratchMemory<UInt32>
    private let codes: ScratchMemory<UInt64>
    private let factors: [ScratchMemory<Float>]
    private let spreads: ScratchMemory<Float>
    private let starts: ScratchMemory<UInt32>
    /// The means' products with the direction.
    private let products: ScratchMemory<Float>
    private let upper: ScratchMemory<Float>
    private let nearest: BestEstimates
    private(set) var count = 0

    /// The nearest `limit` buckets of a partition with codes of so many words.
    init(_ partition: Partition, limit: Int, words: Int) {
        let limit = min(limit, partition.count)
        self.partition = partition
        self.words = words
        self.limit = limit
        numbers = ScratchMemory(limit)
        codes = ScratchMemory(limit * words)
        factors = (0..<3).map { _ in ScratchMemory(limit) }
        spreads = ScratchMemory(limit)
        starts = ScratchMemory(limit + 1)
        products = ScratchMemory(limit < partition.count ? partition.count : 0)
        upper = ScratchMemory(products.count)
        nearest = BestEstimates(capacity: limit)
        if limit == partition.count { gather(0..<limit) }
    }

    /// Chooses the buckets near a rotated unit vector that was prepared as a query for a part's codes.
    func choose(_ codes: CodeQueries, part: Int, rotated: UnsafePointer<Float>) {
        guard limit < partition.count else { return }
        partition.withAllBuckets {
            codes.rank($0, part: part, rotated: rotated, products: products.base, upper: upper.base)
        }
        nearest.begin(above: -.infinity)
        for bucket in 0..<partition.count {
            // |x - m|^2 = |x|^2 - 2 (x·m - |m|^2 / 2), and |m|^2 is 1 - spread^2.
            let spread = partition.spreads[bucket]
            nearest.offer(part: 0, row: bucket, upper: products.base[bucket] + spread * spread / 2)
        }
        var chosen: [Int] = []
        chosen.reserveCapacity(limit)
        nearest.forEach { _, bucket, _ in chosen.append(bucket) }
        chosen.sort()
        gather(chosen)
    }

    private func gather(_ chosen: some Sequence<Int>) {
        count = 0
        starts.base[0] = 0
        for bucket in chosen {
            numbers.base[count] = UInt32(bucket)
            spreads.base[count] = partition.spreads[bucket]
            starts.base[count + 1] = starts.base[count] + UInt32(partition.positions(bucket).count)
            if let means = partition.codes {
                (codes.base + count * words).update(from: means.codes + bucket * words, count: words)
                factors[0].base[count] = means.scale[bucket]
                factors[1].base[count] = means.offset[bucket]
                factors[2].base[count] = means.error[bucket]
            }
            count += 1
        }
    }

    /// The buckets that were chosen last.
    var ranked: RankedBuckets {
        RankedBuckets(
            count: count, numbers: UnsafePointer(numbers.base), centroids: partition.centroids,
            codes: partition.codes == nil
                ? nil
                : CentroidCodes(
                    codes: UnsafePointer(codes.base), scale: UnsafePointer(factors[0].base),
                    offset: UnsafePointer(factors[1].base), error: UnsafePointer(factors[2].base)),
            spreads: UnsafePointer(spreads.base), starts: UnsafePointer(starts.base))
    }

    /// The positions of the rows of one of the chosen buckets.
    func positions(_ index: Int) -> Range<Int> { partition.positions(Int(numbers.base[index])) }
}
