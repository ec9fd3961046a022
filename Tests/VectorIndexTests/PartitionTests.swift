import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// Segments whose codes are sorted into buckets.
@Suite struct PartitionTests {
    private func store(_ count: Int, dimension: Int, seed: UInt64) throws -> (StoreFixture, SyntheticVectors)
    {
        var vectors = SyntheticVectors(dimension: dimension, seed: seed)
        let fixture = try StoreFixture(dimension: dimension, bucketsFromRows: 500)
        // A few segments: some with buckets, one without.
        try fixture.fill(vectors.next(count), batch: count * 2 / 5)
        return (fixture, vectors)
    }

    /// Queries like the rows, between two of them, and unlike all of them, as captions are unlike pictures.
    @Test func recallIsWhatWasAsked() throws {
        var (fixture, vectors) = try store(5000, dimension: 128, seed: 61)
        let snapshot = try fixture.snapshot()
        var other = SyntheticVectors(dimension: 128, intrinsic: 40, seed: 62)
        let like = vectors.next(80)
        let unlike = vectors.next(80).map { row in zip(other.next(), row).map { 0.8 * $0 + 0.3 * $1 } }
        let between = zip(vectors.next(80), vectors.next(80)).map { zip($0, $1).map { $0 + $1 } }
        for queries in [like, between, unlike] {
            let exact = try queries.map { try snapshot.search($0, count: 10, options: .exact) }
            var shares: [Double] = []
            for asked: Float in [0.5, 0.9, 0.99] {
                var options = SearchOptions()
                options.recall = asked
                let found = try queries.map { try snapshot.search($0, count: 10, options: options) }
                let share = recall(exact, found)
                #expect(share >= Double(asked))
                #expect(found.allSatisfy { $0.count == 10 && $0 == $0.sorted(by: Neighbor.precedes) })
                shares.append(share)
            }
            // A careless search misses some: buckets are really passed over.
            #expect(shares[0] < 0.999)
        }
    }

    @Test func filtersLoseNothing() throws {
        var (fixture, vectors) = try store(5000, dimension: 64, seed: 64)
        let store = try fixture.store()
        try store.remove((1...5000).filter { $0 % 7 == 0 })
        try store.commit()
        let snapshot = try fixture.snapshot()
        let queries = vectors.next(30)
        for modulus: UInt64 in [2, 3] {
            var options = SearchOptions()
            options.filter = snapshot.filter { $0 % modulus == 0 }
            var exactly = options
            exactly.isExact = true
            let exact = try queries.map { try snapshot.search($0, count: 10, options: exactly) }
            let found = try queries.map { try snapshot.search($0, count: 10, options: options) }
            #expect(recall(exact, found) >= 0.99)
            #expect(found.joined().allSatisfy { $0.id % modulus == 0 && $0.id % 7 != 0 })
        }
        // More results than the first buckets hold.
        let many = try snapshot.search(queries[0], count: 700)
        let truth = try snapshot.search(queries[0], count: 700, options: .exact)
        #expect(recall([truth], [many]) >= 0.99)
    }

    /// Filters of any size, unrelated to the query, or made of the rows nearest to it or farthest from it.
    @Test func randomFiltersLoseNothing() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        var (fixture, vectors) = try store(6000, dimension: 64, seed: seed)
        let snapshot = try fixture.snapshot()
        var truth: [[Neighbor]] = [], results: [[Neighbor]] = []
        for round in 0..<60 {
            let query = vectors.next()
            let all = try snapshot.search(query, count: 6000, options: .exact)
            let size = Int.random(in: 1...6000, using: &random)
            let rows: [Neighbor] =
                switch round % 3 {
                case 0: Array(all.shuffled(using: &random).prefix(size))
                case 1: Array(all.prefix(size))
                default: Array(all.suffix(size))
                }
            let ids = Set(rows.map(\.id))
            var options = SearchOptions()
            options.filter =
                round % 2 == 0 ? snapshot.filter(ids: ids) : snapshot.filter { ids.contains($0) }
            #expect(options.filter?.count == size)
            let found = try snapshot.search(query, count: 10, options: options)
            #expect(found.count == min(10, size) && found.allSatisfy { ids.contains($0.id) }, "seed \(seed)")
            truth.append(Array(all.lazy.filter { ids.contains($0.id) }.prefix(10)))
            results.append(found)
        }
        #expect(recall(truth, results) >= 0.99, "seed \(seed)")
    }

    /// What buckets near the query seem to hold says nothing, when just those rows do not count.
    @Test(arguments: [200, 1000, 3000]) func filtersWithoutTheNearestRowsLoseNothing(_ leftOut: Int) throws {
        let seed = UInt64.random(in: .min ... .max)
        var (fixture, vectors) = try store(6000, dimension: 64, seed: seed)
        let snapshot = try fixture.snapshot()
        var truth: [[Neighbor]] = [], results: [[Neighbor]] = []
        for query in vectors.next(40) {
            let all = try snapshot.search(query, count: leftOut + 10, options: .exact)
            let nearest = Set(all.prefix(leftOut).map(\.id))
            var options = SearchOptions()
            options.recall = 0.9
            options.filter = snapshot.filter { !nearest.contains($0) }
            truth.append(Array(all.dropFirst(leftOut)))
            results.append(try snapshot.search(query, count: 10, options: options))
        }
        #expect(recall(truth, results) >= 0.9, "seed \(seed)")
    }

    @Test func neighborsAndPairsAreAll() throws {
        let (fixture, _) = try store(3000, dimension: 64, seed: 65)
        let store = try fixture.store()
        try store.remove((0..<150).map { $0 * 17 })
        try store.commit()
        let snapshot = try fixture.snapshot()
        let graph = try snapshot.neighbors(count: 8, threads: 2)
        var truth: [[Neighbor]] = [], found: [[Neighbor]] = []
        for row in stride(from: 0, to: snapshot.count, by: 23) {
            let all = try snapshot.search(snapshot.vector(ofRow: row), count: 9, options: .exact)
            truth.append(Array(all.filter { $0.row != row }.prefix(8)))
            found.append(graph.neighbors(of: row))
            #expect(!graph.neighbors(of: row).contains { $0.row == row })
        }
        #expect(recall(truth, found) >= 0.99)
        let exact = Set(
            try snapshot.pairs(above: 0.9, threads: 2, options: .exact).map { [$0.a, $0.b] })
        let pairs = try snapshot.pairs(above: 0.9, threads: 2)
        let rows = Set(pairs.map { [$0.a, $0.b] })
        #expect(exact.count > 20 && rows.count == pairs.count)
        #expect(pairs.allSatisfy { $0.a < $0.b })
        #expect(Double(rows.intersection(exact).count) >= 0.99 * Double(exact.count))
        #expect(rows.subtracting(exact).isEmpty)
    }

    /// Buckets of equal vectors have no spread, and rows no order among them.
    @Test func equalVectorsAreAllFound() throws {
        var vectors = SyntheticVectors(dimension: 64, seed: 66)
        let one = vectors.next()
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 500)
        try fixture.fill((0..<1500).map { $0 % 5 == 0 ? one : vectors.next() })
        let found = try fixture.snapshot().search(one, count: 100)
        let expected: [UInt64] = (0..<100).map { UInt64(5 * $0 + 1) }
        #expect(found.map(\.id) == expected)
        let pairs = try fixture.snapshot().pairs(above: 0.9999, threads: 2)
        #expect(pairs.count == 300 * 299 / 2)
    }

    /// Merging, deleting and compacting keep every row findable and the files sound.
    @Test func rewritingKeepsWhatIsThere() throws {
        var random = SeededRandom(seed: 67)
        var vectors = SyntheticVectors(dimension: 64, seed: 67)
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 200)
        var kept: [UInt64: [Float]] = [:]
        var next: UInt64 = 1
        for round in 0..<12 {
            let store = try fixture.store()
            for vector in vectors.next(Int.random(in: 50...600, using: &random)) {
                try store.append(id: next, vector: vector)
                kept[next] = vector
                next += 1
            }
            let gone = kept.keys.filter { _ in Int.random(in: 0..<9, using: &random) == 0 }
            try store.remove(gone)
            for id in gone { kept[id] = nil }
            try store.commit()
            if round % 4 == 3 { _ = try store.compact() }
            #expect(store.brokenInvariants() == [])
            let snapshot = try fixture.snapshot()
            #expect(snapshot.verify() == [] && snapshot.count == kept.count)
            for (id, vector) in kept.prefix(20) {
                #expect(try snapshot.search(vector, count: 1).first.map { $0.similarity > 0.9999 } == true)
                #expect(snapshot.row(ofID: id) != nil)
            }
        }
    }

    /// The files do not depend on how many threads made them.
    @Test func buildingIsRepeatable() throws {
        var vectors = SyntheticVectors(dimension: 96, seed: 68)
        let rows = vectors.next(1500)
        var files: [[UInt8]] = []
        for _ in 0..<2 {
            let fixture = try StoreFixture(dimension: 96, bucketsFromRows: 500)
            try fixture.fill(rows)
            let segment = try #require(
                try Folders.list(fixture.path).first { $0.name.string.hasSuffix(".seg") })
            files.append(try FileContents.read(fixture.path.appending(segment.name)).bytes)
        }
        #expect(files[0] == files[1])
    }

    /// Every byte of the header and 1,000 random ones of the body flipped: found by `verify` or refused, and a search in
    /// what can still be opened neither crashes nor returns rows that are not there.
    @Test(arguments: [VectorSpace.Precision.float16, .float32])
    func flippedBytesAreFound(_ precision: VectorSpace.Precision) throws {
        let seed = UInt64.random(in: .min ... .max)
        var vectors = SyntheticVectors(dimension: 64, seed: seed)
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 200)
        try fixture.fill(vectors.next(250), precision: precision)
        let query = vectors.next()
        let segment = try #require(
            try Folders.list(fixture.path).first { $0.name.string.hasSuffix(".seg") })
        let path = fixture.path.appending(segment.name)
        let sound = try FileContents.read(path).bytes
        var random = SeededRandom(seed: seed)
        let places =
            Array(0..<256) + (0..<500).map { _ in Int.random(in: 256..<6000, using: &random) }
            + (0..<500).map { _ in Int.random(in: 256..<sound.count, using: &random) }
        for place in places {
            let context = "seed \(seed), byte \(place)"
            var bytes = sound
            bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
            let problems = VectorStore.verify(folder: fixture.path, space: fixture.space)
            #expect(!problems.isEmpty, "\(context)")
            guard let snapshot = try? fixture.snapshot() else { continue }
            let found = try snapshot.search(query, count: 10)
            #expect(found.allSatisfy { $0.id >= 1 && $0.row < snapshot.count }, "\(context)")
            if place % 8 == 0 { _ = try snapshot.search(query, count: 100) }
        }
    }
}
