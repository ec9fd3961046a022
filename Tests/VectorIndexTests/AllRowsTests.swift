import Synchronization
import TestSupport
import Testing
import VectorIndex

@Suite struct AllRowsTests {
    /// A store of a few segments with deleted rows among them.
    private func store(_ count: Int, dimension: Int, seed: UInt64) throws -> StoreFixture {
        var vectors = SyntheticVectors(dimension: dimension, seed: seed)
        let fixture = try StoreFixture(dimension: dimension)
        try fixture.fill(vectors.next(count), batch: count / 3 + 1)
        let store = try fixture.store()
        try store.remove((0..<UInt64(count / 20)).map { $0 * 17 })
        try store.commit()
        return fixture
    }

    @Test(arguments: [1, 2, 300, 2600]) func neighborsAreThoseOfEachRow(_ count: Int) throws {
        let snapshot = try store(count, dimension: 256, seed: 31).snapshot()
        let progress = Mutex<[Int]>([])
        let graph = try snapshot.neighbors(count: 8, threads: 2) { done in
            progress.withLock { $0.append(done) }
        }
        #expect(progress.withLock { $0.last ?? 0 } == (snapshot.count > 1 ? snapshot.count : 0))
        #expect(graph.count == snapshot.count && graph.ids == snapshot.allIDs())
        var truth: [[Neighbor]] = []
        for row in stride(from: 0, to: snapshot.count, by: 7) {
            let all = try snapshot.search(snapshot.vector(ofRow: row), count: 9, options: .exact)
            truth.append(Array(all.filter { $0.row != row }.prefix(8)))
            #expect(graph.neighbors(of: row).count == min(8, snapshot.count - 1))
            #expect(!graph.neighbors(of: row).contains { $0.row == row })
        }
        let found = stride(from: 0, to: snapshot.count, by: 7).map { graph.neighbors(of: $0) }
        #expect(recall(truth, found) >= 0.99)
        let exact = try snapshot.neighbors(count: 8, threads: 1, options: .exact)
        for row in 0..<snapshot.count {
            for neighbor in exact.neighbors(of: row) {
                // The same from both sides, to the last bit.
                let back = exact.neighbors(of: neighbor.row).first { $0.row == row }
                if let back { #expect(back.similarity == neighbor.similarity) }
            }
        }
        #expect(
            recall(truth, stride(from: 0, to: snapshot.count, by: 7).map { exact.neighbors(of: $0) }) == 1)
    }

    @Test(arguments: [2, 900, 3000]) func pairsAreAllPairs(_ count: Int) throws {
        let snapshot = try store(count, dimension: 128, seed: 41).snapshot()
        var every = SearchOptions.exact
        every.minimum = 0.93
        var truth: Set<[Int]> = []
        for a in 0..<snapshot.count {
            for b in try snapshot.search(snapshot.vector(ofRow: a), count: snapshot.count, options: every)
            where b.row > a {
                truth.insert([a, b.row])
            }
        }
        if count > 2 { #expect(truth.count > count / 100) }
        for isExact in [false, true] {
            var options = SearchOptions()
            options.isExact = isExact
            let pairs = try snapshot.pairs(above: 0.93, threads: 2, options: options)
            #expect(pairs.allSatisfy { $0.a < $0.b && $0.similarity >= 0.93 })
            let found = Set(pairs.map { [$0.a, $0.b] })
            #expect(found.count == pairs.count)
            // Rounding decides about pairs at the threshold.
            #expect(Double(found.intersection(truth).count) >= 0.99 * Double(truth.count))
            #expect(found.subtracting(truth).count <= 1 + truth.count / 200)
        }
    }

    @Test func filteredPairsAndNeighbors() throws {
        let snapshot = try store(3000, dimension: 64, seed: 51).snapshot()
        var options = SearchOptions()
        options.filter = snapshot.filter { $0 % 2 == 0 }
        let graph = try snapshot.neighbors(count: 5, threads: 2, options: options)
        for row in 0..<graph.count { #expect(graph.neighbors(of: row).allSatisfy { $0.id % 2 == 0 }) }
        let all = try snapshot.pairs(above: 0.9, threads: 2)
        let even = try snapshot.pairs(above: 0.9, threads: 2, options: options)
        let expected = all.filter { snapshot.id(ofRow: $0.a) % 2 == 0 && snapshot.id(ofRow: $0.b) % 2 == 0 }
        #expect(
            Set(even.map { [$0.a, $0.b] }).symmetricDifference(expected.map { [$0.a, $0.b] }).count <= 2)
        #expect(!even.isEmpty)
    }
}
