import TestSupport
import Testing

@testable import VectorIndex

/// Filters that leave just the rows which a search expects least.
@Suite struct FilterPromiseTests {
    /// Of each bucket the rows that are much more like the query than the bucket's mean tells: nearly all rows that could be
    /// results are elsewhere and do not count, and what buckets are expected to hold says nothing about those that do.
    @Test func rowsThatAreUnlikeTheirBucketsAreFound() throws {
        let seed = UInt64.random(in: .min ... .max)
        var vectors = SyntheticVectors(dimension: 64, seed: seed)
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 500)
        try fixture.fill(vectors.next(4000))
        let snapshot = try fixture.snapshot()
        let segment = try #require(snapshot.parts.first).segment
        let partition = try #require(segment.partition)
        var options = SearchOptions()
        options.recall = 0.5
        var truth: [[Neighbor]] = [], found: [[Neighbor]] = []
        for query in vectors.next(20) {
            let all = try snapshot.search(query, count: 4000, options: .exact)
            var similarity = [Float](repeating: 0, count: 4000)
            for neighbor in all { similarity[neighbor.row] = neighbor.similarity }
            var surprises: [(row: Int, surprise: Float)] = []
            for bucket in 0..<partition.count {
                let rows = partition.positions(bucket).compactMap { segment.row(atPosition: $0) }
                let mean = rows.reduce(0) { $0 + similarity[$1] } / Float(max(1, rows.count))
                surprises += rows.map { ($0, similarity[$0] - mean) }
            }
            let chosen = Set(
                surprises.sorted { $0.surprise > $1.surprise }.prefix(30).map { UInt64($0.row + 1) })
            options.filter = snapshot.filter(ids: chosen)
            truth.append(Array(all.lazy.filter { chosen.contains($0.id) }.prefix(10)))
            // As a pass over all rows asks; a single query scores so few rows one by one.
            var best = BestNeighbors(capacity: 10, minimum: -.infinity)
            query.withUnsafeBufferPointer { vector in
                guard let base = vector.baseAddress else { return }
                let exact = ExactQuery(vector: base, inverseNorm: Kernels.inverseNorm(base, 64))
                SnapshotSearch(snapshot, options: options)
                    .findNearest(exact, count: 10, excluded: nil, best: &best)
            }
            found.append(best.sorted())
        }
        #expect(recall(truth, found) >= 0.5, "seed \(seed): \(recall(truth, found))")
    }
}
