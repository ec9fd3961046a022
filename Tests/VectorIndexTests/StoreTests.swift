import Synchronization
import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

@Suite struct StoreTests {
    @Test func commitMakesRowsVisible() throws {
        let fixture = try StoreFixture(dimension: 3)
        let store = try fixture.store()
        try store.append(id: 5, vector: [0, 2, 0])
        try store.append(id: 3, vector: [4, 0, 0])
        #expect(store.count == 2 && store.contains(id: 3) && !store.contains(id: 4))
        #expect(try fixture.snapshot().count == 0)
        #expect(store.highestID == 0)
        try store.commit()
        #expect(store.highestID == 5)
        let snapshot = try fixture.snapshot()
        #expect(snapshot.allIDs() == [3, 5])
        #expect(snapshot.vector(ofRow: 0) == [1, 0, 0])
        #expect(snapshot.row(ofID: 5) == 1 && snapshot.row(ofID: 4) == nil)
        try store.remove([3, 99])
        #expect(store.ids() == [5])
        #expect(try fixture.snapshot().count == 2)
        try store.commit()
        #expect(try fixture.snapshot().allIDs() == [5])
        // What was opened before stays as it was.
        #expect(snapshot.allIDs() == [3, 5])
        #expect(snapshot.vector(ofRow: 1) == [0, 1, 0])
        // A removed id may come back.
        try store.append(id: 3, vector: [0, 0, 1])
        try store.commit()
        #expect(try fixture.snapshot().vector(ofRow: #require(fixture.snapshot().row(ofID: 3))) == [0, 0, 1])
        #expect(store.highestID == 5)
        let generation = try fixture.snapshot().generation
        try store.commit()
        #expect(try fixture.snapshot().generation == generation)
    }

    @Test func badRowsAreRefused() throws {
        let fixture = try StoreFixture(dimension: 3)
        let store = try fixture.store()
        try store.append(id: 1, vector: [1, 0, 0])
        #expect(throws: IndexError.duplicateID(1)) { try store.append(id: 1, vector: [0, 1, 0]) }
        try store.commit()
        #expect(throws: IndexError.duplicateID(1)) { try store.append(id: 1, vector: [0, 1, 0]) }
        #expect(throws: IndexError.wrongDimension(found: 2, wanted: 3)) {
            try store.append(id: 2, vector: [0, 1])
        }
        for bad: [Float] in [[0, 0, 0], [.nan, 0, 1], [.infinity, 0, 1]] {
            #expect(throws: IndexError.noDirection(id: 2)) { try store.append(id: 2, vector: bad) }
        }
        #expect(store.count == 1 && !store.contains(id: 2))
        try store.close()
        #expect(throws: IndexError.closed) { try store.append(id: 2, vector: [1, 0, 0]) }
        #expect(throws: IndexError.closed) { try store.commit() }
        #expect(throws: IndexError.closed) { try store.remove([1]) }
    }

    @Test func otherSpacesAreRefused() throws {
        let fixture = try StoreFixture(dimension: 3)
        try fixture.fill([[1, 0, 0]])
        for space in [
            VectorSpace(dimension: 4, fingerprint: fixture.space.fingerprint),
            VectorSpace(dimension: 3, fingerprint: "another"),
        ] {
            let expected = IndexError.otherSpace(
                fixture.path.appending("manifest"), found: fixture.space, wanted: space)
            #expect(throws: expected) { try VectorStore(folder: fixture.path, space: space) }
            #expect(throws: expected) { try VectorSnapshot.open(folder: fixture.path, space: space) }
            #expect(expected.description.contains("another model"))
        }
        for (dimension, fingerprint) in [(0, "a"), (65_537, "a"), (-1, "a"), (3, ""), (3, "a b"), (3, "é")] {
            #expect(throws: IndexError.self) {
                try VectorStore(
                    folder: fixture.path, space: VectorSpace(dimension: dimension, fingerprint: fingerprint))
            }
        }
        #expect(throws: IndexError.self) {
            let long = VectorSpace(dimension: 3, fingerprint: String(repeating: "a", count: 65))
            _ = try VectorSnapshot.open(folder: fixture.path, space: long)
        }
    }

    @Test func segmentsStayFew() throws {
        let fixture = try StoreFixture(dimension: 2)
        let store = try fixture.store()
        var most = 0
        for id in UInt64(1)...400 {
            try store.append(id: id, vector: [1, Float(id)])
            try store.commit()
            most = max(most, try segmentFiles(fixture.path))
        }
        #expect(most <= 20, "\(most) segments")
        #expect(store.brokenInvariants() == [])
        try store.close()
        #expect(try segmentFiles(fixture.path) == 1)
        #expect(try fixture.snapshot().allIDs() == Array(1...400))
    }

    @Test func compactionFreesSpace() throws {
        var vectors = SyntheticVectors(dimension: 64, seed: 3)
        let fixture = try StoreFixture(dimension: 64)
        try fixture.fill(vectors.next(3000), batch: 1000)
        let store = try fixture.store()
        try store.remove(1...1000)
        let report = try store.compact { $0 % 2 == 0 }
        #expect(report.rows == 1000 && report.droppedRows == 1000 && report.segmentsAfter == 1)
        #expect(report.bytesAfter < report.bytesBefore * 6 / 10)
        #expect(store.brokenInvariants() == [])
        let snapshot = try fixture.snapshot()
        #expect(snapshot.allIDs() == (1001...3000).filter { $0 % 2 == 0 })
        #expect(snapshot.verify() == [])
        let again = try store.compact()
        #expect(again.droppedRows == 0 && again.bytesAfter == again.bytesBefore)
        #expect(try fixture.snapshot().generation == snapshot.generation)
        _ = try store.compact { _ in false }
        #expect(try fixture.snapshot().count == 0)
        #expect(store.highestID == 3000)
        #expect(store.brokenInvariants() == [])
    }

    /// A commit that fails leaves disk and memory as they were, and can be tried again.
    @Test func aFailedCommitCanBeRepeated() throws {
        let fixture = try StoreFixture(dimension: 2)
        let store = try fixture.store()
        try store.append(id: 1, vector: [1, 0])
        try store.commit()
        try store.append(id: 2, vector: [0, 1])
        try store.remove([1])
        // A folder stands where one of the new files would go.
        let blocked = fixture.path.appending("0000000002.seg")
        try Folders.create(blocked)
        #expect(throws: IndexError.self) { try store.commit() }
        #expect(try fixture.snapshot().allIDs() == [1])
        #expect(store.ids() == [2])
        try Folders.removeTree(blocked)
        try store.commit()
        #expect(try fixture.snapshot().allIDs() == [2])
        #expect(store.brokenInvariants() == [])
    }

    /// Random operations on the store and on a dictionary give the same; a crash is a store that is just dropped.
    @Test(arguments: UInt64(1)...12) func behavesAsADictionary(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let dimension = Int.random(in: 1...70, using: &random)
        let precision: VectorSpace.Precision = seed % 3 == 0 ? .float32 : .float16
        let fixture = try StoreFixture(dimension: dimension)
        var store = try fixture.store(precision)
        var model: [UInt64: [Float]] = [:]
        var committed = model
        var held: [(VectorSnapshot, [UInt64])] = []
        var nextID: UInt64 = 1
        for step in 0..<80 {
            let context = "seed \(seed) step \(step)"
            switch Int.random(in: 0..<12, using: &random) {
            case 0...4:
                var batch = (0..<Int.random(in: 1...30, using: &random)).map { nextID + UInt64($0) }
                nextID += UInt64(batch.count) + UInt64.random(in: 0...3, using: &random)
                batch.shuffle(using: &random)
                for id in batch {
                    let vector = (0..<dimension).map { _ in random.normal() + 0.01 }
                    try store.append(id: id, vector: vector)
                    model[id] = SyntheticVectors.unit(vector)
                }
            case 5...6:
                let all = model.keys.sorted()
                let gone = (0..<Int.random(in: 0...15, using: &random)).compactMap { _ in
                    all.randomElement(using: &random)
                }
                try store.remove(gone + [nextID + 100])
                for id in gone { model[id] = nil }
            case 7...8:
                try store.commit()
                committed = model
            case 9:
                let modulus = UInt64.random(in: 2...9, using: &random)
                let keeps = Bool.random(using: &random)
                let before = model.count
                model = model.filter { keeps || $0.key % modulus != 0 }
                let report = try store.compact { keeps || $0 % modulus != 0 }
                committed = model
                #expect(
                    report.rows == model.count && report.droppedRows == before - model.count, "\(context)")
            case 10:
                try store.close()
                store = try fixture.store(precision)
                model = committed
            default:
                store = try fixture.store(precision)
                model = committed
            }
            #expect(store.brokenInvariants() == [], "\(context)")
            #expect(store.ids() == model.keys.sorted(), "\(context)")
            let probe = UInt64.random(in: 1...nextID, using: &random)
            #expect(store.contains(id: probe) == (model[probe] != nil), "\(context)")
            let snapshot = try fixture.snapshot()
            #expect(snapshot.allIDs().sorted() == committed.keys.sorted(), "\(context)")
            #expect(snapshot.count == committed.count, "\(context)")
            if step % 10 == 0 {
                for (id, vector) in committed {
                    let row = try #require(snapshot.row(ofID: id), "\(context)")
                    #expect(snapshot.id(ofRow: row) == id, "\(context)")
                    for (a, b) in zip(snapshot.vector(ofRow: row), vector) {
                        #expect(abs(a - b) < 6e-4, "\(context)")
                    }
                }
                #expect(snapshot.verify() == [], "\(context)")
                #expect(VectorStore.verify(folder: fixture.path, space: fixture.space) == [], "\(context)")
                held.append((snapshot, snapshot.allIDs()))
            }
        }
        // Old snapshots still read what they read when they were opened.
        for (snapshot, ids) in held {
            #expect(snapshot.allIDs() == ids && snapshot.verify() == [], "seed \(seed)")
        }
    }

    /// Readers open snapshots while a writer commits, merges and compacts: each sees exactly one commit.
    @Test func readersSeeWholeCommits() throws {
        let fixture = try StoreFixture(dimension: 16)
        let store = try fixture.store()
        let expected = Mutex<[UInt64: [UInt64]]>([1: []])
        let isDone = Mutex(false)
        let failures = Mutex<[String]>([])
        let path = fixture.path
        let space = fixture.space
        nonisolated(unsafe) let writer = store
        WorkerThreads.run(threads: 3) { number in
            if number == 0 {
                do {
                    var random = SeededRandom(seed: 77)
                    var live: [UInt64] = []
                    for round in UInt64(0)..<60 {
                        let fresh = (1...12).map { round * 12 + $0 }
                        for id in fresh {
                            try writer.append(id: id, vector: (0..<16).map { _ in random.normal() })
                        }
                        let gone = live.filter { _ in Int.random(in: 0..<10, using: &random) == 0 }
                        try writer.remove(gone)
                        live = live.filter { !gone.contains($0) } + fresh
                        let generation = try VectorSnapshot.open(folder: path, space: space).generation + 1
                        let ids = live
                        expected.withLock { states in
                            // A compaction after the commit switches once more, to the same rows.
                            states[generation] = ids
                            states[generation + 1] = ids
                        }
                        if round % 10 == 9 { _ = try writer.compact() } else { try writer.commit() }
                    }
                } catch {
                    failures.withLock { $0.append("writer: \(error)") }
                }
                isDone.withLock { $0 = true }
                return
            }
            var opened = 0
            while !isDone.withLock({ $0 }) || opened == 0 {
                opened += 1
                do {
                    let snapshot = try VectorSnapshot.open(folder: path, space: space)
                    let ids = snapshot.allIDs().sorted()
                    let right = expected.withLock { $0[snapshot.generation] }
                    let problems = snapshot.verify()
                    if ids != right || !problems.isEmpty {
                        failures.withLock {
                            $0.append("generation \(snapshot.generation): \(ids) \(problems)")
                        }
                    }
                } catch {
                    failures.withLock { $0.append("reader: \(error)") }
                }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(store.brokenInvariants() == [])
    }
}

/// How many segment files stand in a folder.
func segmentFiles(_ folder: FilePath) throws -> Int {
    try Folders.list(folder).filter { $0.name.extension == "seg" }.count
}
