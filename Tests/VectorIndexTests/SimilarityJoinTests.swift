import Synchronization
import TestSupport
import Testing

@testable import VectorIndex

/// All pairs above a similarity by codes that are brought together.
@Suite struct SimilarityJoinTests {
    /// Unit vectors without order, each second one at an angle of just this cosine to the one before.
    private func twins(_ count: Int, dimension: Int, cosine: Float, _ random: inout SeededRandom) -> [[Float]]
    {
        func unit(_ vector: [Float]) -> [Float] {
            let square = vector.reduce(0) { $0 + $1 * $1 }
            return vector.map { $0 / square.squareRoot() }
        }
        var vectors: [[Float]] = []
        while vectors.count < count {
            let one = unit((0..<dimension).map { _ in random.normal() })
            let other = unit((0..<dimension).map { _ in random.normal() })
            let along = zip(one, other).reduce(0) { $0 + $1.0 * $1.1 }
            let aside = unit(zip(one, other).map { $1 - along * $0 })
            vectors.append(one)
            vectors.append(zip(one, aside).map { cosine * $0 + (1 - cosine * cosine).squareRoot() * $1 })
        }
        return vectors
    }

    private func pairs(of join: SimilarityJoin, threads: Int = 2) -> [SimilarPair] {
        let found = Mutex<[SimilarPair]>([])
        let outcome = join.forEachTable(
            except: { _ in false }, threads: threads, most: .max, progress: { _ in }
        ) {
            _, pairs in
            found.withLock { $0 += pairs }
            return true
        }
        #expect(outcome == .complete)
        return found.withLock { $0 }.sorted { ($0.a, $0.b) < ($1.a, $1.b) }
    }

    /// A pair that is hardly above the threshold is the one most easily missed: even those are found as often as is asked.
    @Test(arguments: [Float(0.85), 0.95, 0.99], [Float(0.7), 0.99])
    func pairsAtTheThresholdAreFoundAsOftenAsAsked(similarity: Float, recall: Float) throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let fixture = try StoreFixture(dimension: 96)
        // Stored numbers are rounded.
        try fixture.fill(
            twins(3000, dimension: 96, cosine: similarity + 0.001, &random), batch: 1400)
        var options = SearchOptions()
        options.recall = recall
        let join = try #require(
            SimilarityJoin(try fixture.snapshot(), above: similarity, options: options, threads: 2))
        let found = pairs(of: join)
        // Five standard deviations of a share of 1,500.
        let tolerance = 5 * (recall * (1 - recall) / 1500).squareRoot()
        #expect(Float(found.count) / 1500 >= recall - tolerance, "seed \(seed): \(found.count)")
        if recall == 0.7 { #expect(Float(found.count) / 1500 <= 0.85, "seed \(seed): \(found.count)") }
        #expect(found.allSatisfy { $0.b == $0.a + 1 && $0.a % 2 == 0 && $0.similarity >= similarity })
        #expect(Set(found.map(\.a)).count == found.count)
    }

    @Test func bucketsOfManyTilesAreComparedWhole() throws {
        var vectors = SyntheticVectors(dimension: 64, clusters: 6, seed: 71)
        let fixture = try StoreFixture(dimension: 64)
        try fixture.fill(vectors.next(2500))
        let snapshot = try fixture.snapshot(), options = SearchOptions()
        let whole = try #require(SimilarityJoin(snapshot, above: 0.9, options: options, threads: 2))
        let tiled = try #require(
            SimilarityJoin(snapshot, above: 0.9, options: options, threads: 1, tileRows: 7))
        let found = pairs(of: whole)
        #expect(found.count > 50)
        #expect(pairs(of: tiled, threads: 1) == found)
    }

    @Test func lowThresholdsAreLeftToTheBuckets() throws {
        var vectors = SyntheticVectors(dimension: 64, seed: 72)
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 900)
        try fixture.fill(vectors.next(2500))
        let snapshot = try fixture.snapshot()
        #expect(SimilarityJoin(snapshot, above: 0.55, options: SearchOptions(), threads: 2) == nil)
        let found = try Set(snapshot.pairs(above: 0.55, threads: 2).map { [$0.a, $0.b] })
        let exact = try Set(snapshot.pairs(above: 0.55, threads: 2, options: .exact).map { [$0.a, $0.b] })
        #expect(exact.count > 1000)
        #expect(Double(found.intersection(exact).count) >= 0.99 * Double(exact.count))
    }

    @Test func plansFollowTheAngle() throws {
        let strangers = [Int](repeating: 256, count: 100)
        func plan(_ similarity: Float, _ recall: Float, rows: Int = 1_000_000) -> JoinPlan? {
            JoinPlan.cheapest(
                rows: rows, bits: 512, similarity: similarity, recall: recall, strangers: strangers)
        }
        let near = try #require(plan(0.99, 0.99)), far = try #require(plan(0.8, 0.99))
        let careless = try #require(plan(0.8, 0.7)), few = try #require(plan(0.8, 0.99, rows: 10_000))
        #expect(near.cost < far.cost && careless.cost < far.cost && few.keyBits < far.keyBits)
        #expect(near.distance < far.distance)
        // Vectors at a right angle differ in half of their signs, as strangers do.
        #expect((plan(0, 0.99)?.cost ?? .infinity) > 3e12)
        #expect(plan(1, 0.99)?.tables == 1)
    }
}
