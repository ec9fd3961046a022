import Synchronization
import SystemPackage
import SystemSupport
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

/// Passes over all rows that go on where they were killed.
@Suite struct ResumedPassTests {
    /// What a kill leaves: the file as it stands in the middle of a pass.
    @Test func killedPassesGoOn() throws {
        let seed = UInt64.random(in: .min ... .max)
        let (fixture, snapshot) = try StoreFixture.withBuckets(3000, seed: seed)
        let folder = fixture.folder.path
        let whole = lists(of: try snapshot.neighbors(count: 7, threads: 1))
        let allPairs = try snapshot.pairs(above: 0.9, threads: 1)
        #expect(allPairs.count > 20)
        let killed = Mutex<[FilePath]>([])
        @Sendable func keep(_ file: FilePath, _ done: Int) {
            guard done > 1000 else { return }
            killed.withLock { copies in
                guard copies.isEmpty, let bytes = try? FileContents.read(file).bytes else { return }
                let copy = file.removingLastComponent().appending("killed")
                try? bytes.withUnsafeBytes { try AtomicFile.write($0, to: copy) }
                copies.append(copy)
            }
        }
        for isPairs in [false, true] {
            let file = folder.appending("pass-\(isPairs)")
            killed.withLock { $0 = [] }
            func run(_ file: FilePath, _ progress: @escaping @Sendable (Int) -> Void) throws -> Bool {
                if isPairs {
                    return try snapshot.pairs(above: 0.9, threads: 2, file: file, progress: progress)
                        == allPairs
                }
                return lists(of: try snapshot.neighbors(count: 7, threads: 2, file: file, progress: progress))
                    == whole
            }
            #expect(try run(file) { keep(file, $0) }, "seed \(seed)")
            let copy = try #require(killed.withLock { $0.first })
            // The last record torn, too.
            if isPairs {
                let bytes = try FileContents.read(copy).bytes
                try bytes.dropLast(5).withUnsafeBytes { try AtomicFile.write($0, to: copy) }
            }
            let first = Mutex<[Int]>([])
            #expect(try run(copy) { done in first.withLock { $0.append(done) } }, "seed \(seed)")
            let told = first.withLock { $0 }
            #expect(try #require(told.first) >= 800 && told.last == snapshot.count, "\(told)")
            // A finished file is only read.
            first.withLock { $0 = [] }
            #expect(try run(copy) { done in first.withLock { $0.append(done) } }, "seed \(seed)")
            #expect(first.withLock { $0 } == [snapshot.count])
        }
    }

    @Test func damagedBlocksAreComputedAgain() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let (fixture, snapshot) = try StoreFixture.withBuckets(2500, seed: seed)
        let file = fixture.folder.path.appending("pass")
        let whole = lists(of: try snapshot.neighbors(count: 3, threads: 1, file: file))
        let sound = try FileContents.read(file).bytes
        for _ in 0..<24 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 7..<bytes.count, using: &random)
                bytes[place] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            }
            if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...2000, using: &random)) }
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: file) }
            #expect(
                lists(of: try snapshot.neighbors(count: 3, threads: 1, file: file)) == whole, "seed \(seed)")
        }
    }

    @Test func filesOfOtherPassesAreOverwrittenAndOtherFilesAreNot() throws {
        let (fixture, before) = try StoreFixture.withBuckets(2500, seed: 5)
        let file = fixture.folder.path.appending("pass")
        _ = try before.neighbors(count: 3, threads: 1, file: file)
        let store = try fixture.store()
        try store.remove([1000])
        try store.commit()
        let after = try fixture.snapshot()
        var careless = SearchOptions(), filtered = SearchOptions()
        careless.recall = 0.8
        filtered.filter = after.filter { $0 % 2 == 0 }
        for options in [SearchOptions(), careless, filtered, .exact] {
            for count in [3, 4] {
                let first = Mutex(0)
                let graph = try after.neighbors(count: count, threads: 1, options: options, file: file) {
                    done in
                    first.withLock { if $0 == 0 { $0 = done } }
                }
                #expect(first.withLock { $0 } <= 128)
                #expect(
                    lists(of: graph)
                        == lists(of: try after.neighbors(count: count, threads: 1, options: options)))
            }
        }
        _ = try after.pairs(above: 0.9, threads: 1, file: file)
        #expect(
            try after.pairs(above: 0.95, threads: 1, file: file) == after.pairs(above: 0.95, threads: 1))
        for text in ["important", "imgvseg\u{1A}"] {
            try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: file) }
            #expect(throws: IndexError.self) { try after.neighbors(count: 3, threads: 1, file: file) }
            #expect(throws: IndexError.self) { try after.pairs(above: 0.9, threads: 1, file: file) }
            #expect(try FileContents.read(file).bytes == Array(text.utf8))
        }
        #expect(throws: IndexError.tooManyPairs(3)) { try after.pairs(above: 0.5, threads: 2, most: 3) }
    }
}
