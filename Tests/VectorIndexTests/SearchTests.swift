import TestSupport
import Testing
import VectorIndex

@Suite struct SearchTests {
    @Test(arguments: [
        (256, VectorSpace.Precision.float16), (512, .float16), (100, .float32), (768, .float16),
    ])
    func recallIsWhatWasAsked(_ dimension: Int, _ precision: VectorSpace.Precision) throws {
        var vectors = SyntheticVectors(dimension: dimension, seed: 11)
        let fixture = try StoreFixture(dimension: dimension)
        try fixture.fill(vectors.next(6000), batch: 2500, precision: precision)
        let snapshot = try fixture.snapshot()
        #expect(snapshot.count == 6000)
        let queries = vectors.next(100)
        let exact = try queries.map { try snapshot.search($0, count: 10, options: .exact) }
        let found = try queries.map { try snapshot.search($0, count: 10) }
        #expect(recall(exact, found) >= 0.99)
        // What is found is scored exactly and in order.
        for (truth, result) in zip(exact, found) {
            #expect(result.count == 10)
            #expect(result == result.sorted(by: Neighbor.precedes))
            for neighbor in result {
                if let same = truth.first(where: { $0.id == neighbor.id }) { #expect(same == neighbor) }
            }
        }
        // A low recall scores fewer rows: the codes are really used.
        var careless = SearchOptions()
        careless.recall = 0.5
        let poor = try queries.map { try snapshot.search($0, count: 10, options: careless) }
        #expect(recall(exact, poor) < 1)
        #expect(recall(exact, poor) >= 0.5)
    }

    @Test func exactSearchIsBruteForce() throws {
        for (seed, count) in [(1, 1), (2, 50), (3, 700), (4, 3000)] {
            var random = SeededRandom(seed: UInt64(seed))
            var vectors = SyntheticVectors(dimension: 40, clusters: 20, intrinsic: 10, seed: UInt64(seed))
            let rows = vectors.next(count)
            let fixture = try StoreFixture(dimension: 40)
            try fixture.fill(rows, batch: 400, precision: .float32)
            let snapshot = try fixture.snapshot()
            let query = vectors.next().map { $0 * 3 }
            let wanted = Int.random(in: 1...20, using: &random)
            var scores: [(id: UInt64, similarity: Float)] = []
            for (index, row) in rows.enumerated() {
                var product: Float = 0
                for i in row.indices { product += row[i] * query[i] }
                scores.append((UInt64(index + 1), product / 3))
            }
            let truth = scores.sorted { $0.similarity > $1.similarity }.prefix(wanted)
            let found = try snapshot.search(query, count: wanted, options: .exact)
            #expect(found.count == truth.count)
            for (a, b) in zip(found, truth) {
                #expect(abs(a.similarity - b.similarity) < 1e-4, "seed \(seed)")
            }
            #expect(found.first?.id == truth.first?.id)
        }
    }

    @Test func aStoredVectorFindsItself() throws {
        var vectors = SyntheticVectors(dimension: 256, seed: 4)
        let rows = vectors.next(3000)
        let fixture = try StoreFixture(dimension: 256)
        try fixture.fill(rows, batch: 700)
        let snapshot = try fixture.snapshot()
        for index in stride(from: 0, to: 3000, by: 97) {
            let first = try #require(try snapshot.search(rows[index], count: 1).first)
            #expect(first.similarity > 0.99999 && first.similarity < 1.00001)
            #expect(first.id == UInt64(index + 1))
            #expect(snapshot.id(ofRow: first.row) == first.id)
            #expect(snapshot.row(ofID: first.id) == first.row)
            let stored = snapshot.vector(ofRow: first.row)
            for (a, b) in zip(stored, rows[index]) { #expect(abs(a - b) < 0.0005) }
        }
    }

    @Test func tiesComeInOrderOfIDs() throws {
        let fixture = try StoreFixture(dimension: 8)
        let store = try fixture.store()
        for id in stride(from: UInt64(9), through: 1, by: -1) {
            try store.append(id: id, vector: [1, 2, 3, 4, 5, 6, 7, id == 5 ? 9 : 8])
            try store.commit()
        }
        let found = try fixture.snapshot().search([1, 2, 3, 4, 5, 6, 7, 8], count: 4)
        #expect(found.map(\.id) == [1, 2, 3, 4])
    }

    /// Thousands of equal vectors: nothing is lost, and ties are still in order.
    @Test func equalVectorsAreAllCandidates() throws {
        var vectors = SyntheticVectors(dimension: 64, seed: 8)
        let one = vectors.next()
        let fixture = try StoreFixture(dimension: 64)
        try fixture.fill((0..<3000).map { $0 % 2 == 0 ? one : vectors.next() })
        let found = try fixture.snapshot().search(one, count: 100)
        let expected: [UInt64] = (0..<100).map { UInt64(2 * $0 + 1) }
        #expect(found.map(\.id) == expected)
    }

    @Test func emptyAndOddQueries() throws {
        let fixture = try StoreFixture(dimension: 4)
        let empty = try fixture.snapshot()
        #expect(empty.count == 0)
        #expect(try empty.search([1, 0, 0, 0], count: 5) == [])
        #expect(try empty.neighbors(count: 3, threads: 2).count == 0)
        #expect(try empty.pairs(above: 0.5, threads: 2) == [])
        try fixture.fill([[1, 0, 0, 0], [0, 1, 0, 0]])
        let snapshot = try fixture.snapshot()
        #expect(try snapshot.search([1, 0, 0, 0], count: 0) == [])
        #expect(try snapshot.search([1, 0, 0, 0], count: 50).count == 2)
        #expect(throws: IndexError.wrongDimension(found: 3, wanted: 4)) {
            try snapshot.search([1, 0, 0], count: 1)
        }
        #expect(throws: IndexError.noDirection(id: nil)) { try snapshot.search([0, 0, 0, 0], count: 1) }
        #expect(throws: IndexError.noDirection(id: nil)) { try snapshot.search([.nan, 0, 0, 0], count: 1) }
        // Lengths far from one do no harm.
        #expect(try snapshot.search([1e-30, 0, 0, 0], count: 1).first?.similarity == 1)
        #expect(try snapshot.search([3e38, 0, 0, 0], count: 1).first?.similarity == 1)
    }

    @Test func filtersAndMinimum() throws {
        var vectors = SyntheticVectors(dimension: 128, seed: 21)
        let fixture = try StoreFixture(dimension: 128)
        try fixture.fill(vectors.next(9000), batch: 3000)
        let store = try fixture.store()
        try store.remove((1...9000).filter { $0 % 7 == 0 })
        try store.commit()
        let snapshot = try fixture.snapshot()
        let live = (UInt64(1)...9000).filter { $0 % 7 != 0 }
        #expect(snapshot.count == live.count)
        let query = vectors.next()
        let all = try snapshot.search(query, count: 9000, options: .exact)
        #expect(all.map(\.id).sorted() == live)
        // Many rows and few: the two ways a filter is used.
        for modulus: UInt64 in [2, 50] {
            let filter = snapshot.filter { $0 % modulus == 0 }
            #expect(filter.count == live.filter { $0 % modulus == 0 }.count)
            let truth = Array(all.filter { $0.id % modulus == 0 }.prefix(20))
            for isExact in [true, false] {
                var options = SearchOptions()
                options.filter = filter
                options.isExact = isExact
                let found = try snapshot.search(query, count: 20, options: options)
                #expect(recall([truth], [found]) >= (isExact ? 1 : 0.9))
                #expect(found.allSatisfy { $0.id % modulus == 0 && $0.id % 7 != 0 })
            }
        }
        #expect(snapshot.filter(ids: [7, 8, 8, 9, 100_000]).count == 2)
        var options = SearchOptions()
        options.minimum = all[5].similarity
        #expect(try snapshot.search(query, count: 100, options: options) == Array(all.prefix(6)))
        options.filter = try StoreFixture(dimension: 128).snapshot().filter { _ in true }
        #expect(throws: IndexError.foreignFilter) { try snapshot.search(query, count: 1, options: options) }
    }
}
