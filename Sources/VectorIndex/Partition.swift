import SystemPackage

/// The buckets of a segment: its codes are sorted by the centroid nearest to each row, so that a search can pass
/// over most of them.
struct Partition: @unchecked Sendable {
    // Unchecked: pointers into the mapping of the segment that holds this.

    /// Number of buckets.
    let count: Int
    /// The mean of each bucket's unit vectors, rotated, `codeBits` float16 each.
    let centroids: UnsafePointer<UInt16>
    /// The codes of the means, with which a search ranks them; nil in a segment that has none.
    let codes: CentroidCodes?
    /// The root mean square distance of a bucket's unit vectors from their mean.
    let spreads: UnsafePointer<Float>
    /// Where each bucket begins among the codes, and where the last one ends; copied, so that what was checked stays.
    private let starts: [UInt32]
    /// The row of each code.
    let order: UnsafePointer<UInt32>

    /// The buckets of a mapped segment, nil when it has none; touches the bytes of `starts` only.
    init?(base: UnsafeRawPointer, layout: SegmentLayout, path: FilePath) throws(IndexError) {
        guard layout.buckets > 0 else { return nil }
        count = layout.buckets
        centroids = (base + layout.centroids).assumingMemoryBound(to: UInt16.self)
        codes = layout.hasCentroidCodes ? CentroidCodes(base: base, layout: layout) : nil
        spreads = (base + layout.spreads).assumingMemoryBound(to: Float.self)
        starts = Array(
            UnsafeBufferPointer(
                start: (base + layout.starts).assumingMemoryBound(to: UInt32.self), count: count + 1))
        order = (base + layout.order).assumingMemoryBound(to: UInt32.self)
        // Every scan relies on these.
        var isOrdered = starts[0] == 0 && Int(starts[count]) == layout.rows
        for bucket in 0..<count where starts[bucket] > starts[bucket + 1] { isOrdered = false }
        guard isOrdered else { throw .damaged(path, "its buckets do not follow each other") }
    }

    /// The positions of a bucket's codes.
    func positions(_ bucket: Int) -> Range<Int> { Int(starts[bucket])..<Int(starts[bucket + 1]) }

    /// The bucket that a position belongs to.
    func bucket(ofPosition position: Int) -> Int {
        var low = 0, high = count
        while low + 1 < high {
            let middle = (low + high) / 2
            if Int(starts[middle]) <= position { low = middle } else { high = middle }
        }
        return low
    }

    /// Calls `body` with all buckets.
    func withAllBuckets<T>(_ body: (RankedBuckets) -> T) -> T? {
        starts.withUnsafeBufferPointer { starts in
            starts.baseAddress.map {
                body(
                    RankedBuckets(
                        count: count, numbers: nil, centroids: centroids, codes: codes, spreads: spreads,
                        starts: $0))
            }
        }
    }
}

/// What a search has to know of some buckets of a part: all of them, or some that were copied side by side.
struct RankedBuckets {
    let count: Int
    /// The numbers of the buckets in increasing order; nil when they are all.
    let numbers: UnsafePointer<UInt32>?
    /// The means of all buckets.
    let centroids: UnsafePointer<UInt16>
    /// The codes of the means of these.
    let codes: CentroidCodes?
    let spreads: UnsafePointer<Float>
    /// Bucket i of these has starts[i + 1] - starts[i] rows.
    let starts: UnsafePointer<UInt32>
}

/// Codes of the means of buckets, made as those of the rows are.
struct CentroidCodes: @unchecked Sendable {
    // Unchecked: pointers into the mapping of the segment.
    let codes: UnsafePointer<UInt64>
    let scale: UnsafePointer<Float>
    let offset: UnsafePointer<Float>
    let error: UnsafePointer<Float>

    init(
        codes: UnsafePointer<UInt64>, scale: UnsafePointer<Float>, offset: UnsafePointer<Float>,
        error: UnsafePointer<Float>
    ) {
        self.codes = codes
        (self.scale, self.offset, self.error) = (scale, offset, error)
    }

    init(base: UnsafeRawPointer, layout: SegmentLayout) {
        func factor(_ index: Int) -> UnsafePointer<Float> {
            (base + layout.centroidFactors + index * layout.centroidFactorStride)
                .assumingMemoryBound(to: Float.self)
        }
        codes = (base + layout.centroidCodes).assumingMemoryBound(to: UInt64.self)
        (scale, offset, error) = (factor(0), factor(1), factor(2))
    }
}

/// From how many rows on a segment has buckets, and how large they are.
package struct BucketPolicy: Sendable {
    /// Scanning fewer codes than this takes less time than choosing among buckets.
    package var leastRows = 16_384
    /// Rows of a bucket on average: few enough to pass over most, so many that ranking the buckets stays cheap.
    package var rowsPerBucket = 128
    /// More centroids than this would take longer to look at than the codes they save.
    static let most = 8192

    /// The number of buckets for a segment.
    func count(rows: Int) -> Int { rows < leastRows ? 0 : max(1, min(Self.most, rows / rowsPerBucket)) }
}
