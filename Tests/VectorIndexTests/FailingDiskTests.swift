import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// Random work on a store beside a dictionary, on a disk that fails, and with a crash after every operation of it.
@Suite struct FailingDiskTests {
    private typealias Rows = [UInt64: [Float]]

    /// What the disk may hold after so many operations: the rows of the last commit, or those of the one under way.
    private struct Commit {
        let first: Int
        let last: Int
        let before: Rows
        let after: Rows
    }

    private func open(_ fixture: StoreFixture, _ disk: any StoreDisk) throws -> VectorStore {
        let store = try VectorStore(
            folder: fixture.path, space: fixture.space, precision: .float32, disk: disk)
        // Some of the merged segments have buckets.
        store.buckets.leastRows = 40
        store.buckets.rowsPerBucket = 20
        return store
    }

    /// The rows that a reader finds.
    private func rows(_ fixture: StoreFixture) throws -> Rows {
        let snapshot = try fixture.snapshot()
        return Dictionary(
            uniqueKeysWithValues: (0..<snapshot.count).map {
                (snapshot.id(ofRow: $0), snapshot.vector(ofRow: $0))
            })
    }

    private func isSame(_ a: Rows, _ b: Rows) -> Bool {
        a.count == b.count
            && a.allSatisfy { id, vector in
                b[id].map { zip(vector, $0).allSatisfy { abs($0 - $1) < 1e-6 } } ?? false
            }
    }

    /// A random change of the store and of its model.
    private func change(
        _ store: VectorStore, _ model: inout Rows, _ nextID: inout UInt64, _ random: inout SeededRandom
    ) throws {
        for _ in 0..<Int.random(in: 1...9, using: &random) {
            let vector = SyntheticVectors.unit((0..<3).map { _ in random.normal() })
            try store.append(id: nextID, vector: vector)
            model[nextID] = vector
            nextID += UInt64.random(in: 1...3, using: &random)
        }
        if Bool.random(using: &random) {
            let gone = model.keys.sorted().filter { _ in Int.random(in: 0..<6, using: &random) == 0 }
            try store.remove(gone)
            for id in gone { model[id] = nil }
        }
    }

    @Test func everyCrashLeavesOneOfTwoCommits() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let fixture = try StoreFixture(dimension: 3)
        let disk = RecordingDisk()
        var store = try open(fixture, disk)
        var commits = [Commit(first: 0, last: disk.count, before: [:], after: [:])]
        var model: Rows = [:], nextID: UInt64 = 1
        for step in 0..<12 {
            let before = commits.last?.after ?? [:], first = disk.count
            try change(store, &model, &nextID, &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0:
                // Drops some rows, in a commit of its own after that of the changes.
                try store.commit()
                commits.append(Commit(first: first, last: disk.count, before: before, after: model))
                let middle = model, start = disk.count
                model = model.filter { $0.key % 7 != 0 }
                _ = try store.compact { $0 % 7 != 0 }
                commits.append(Commit(first: start, last: disk.count, before: middle, after: model))
            case 1:
                try store.commit()
                try store.close()
                store = try open(fixture, disk)
                fallthrough
            default:
                try store.commit()
                commits.append(Commit(first: first, last: disk.count, before: before, after: model))
            }
            #expect(store.brokenInvariants() == [], "seed \(seed), step \(step)")
            #expect(isSame(try rows(fixture), model), "seed \(seed), step \(step)")
            let query = (0..<3).map { _ in random.normal() }
            let found = try fixture.snapshot().search(query, count: 5, options: .exact)
            let scores = model.mapValues { zip($0, query).reduce(0) { $0 + $1.0 * $1.1 } }
            let best = scores.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(5).map(\.key)
            #expect(found.map(\.id) == best, "seed \(seed), step \(step)")
        }
        try checkCrashes(disk.operations, commits, "seed \(seed)", &random)
    }

    /// Plays a crash after every number of operations.
    private func checkCrashes(
        _ operations: [RecordingDisk.Operation], _ commits: [Commit], _ context: String,
        _ random: inout SeededRandom
    ) throws {
        var crashed = CrashedFolder()
        for count in 0...operations.count {
            if count > 0 { crashed.follow(operations[count - 1]) }
            // An operation that has begun may have taken effect.
            let under = commits.first { $0.first < count && count < $0.last }
            let done = commits.last { $0.last <= count }?.after ?? [:]
            for fate in CrashedFolder.Fate.allCases + [.torn] {
                let fixture = try StoreFixture(dimension: 3)
                try Folders.create(fixture.path)
                for (name, bytes) in crashed.contents(fate, &random) {
                    let file = try FileDescriptor.open(
                        fixture.path.appending(name), .writeOnly, options: [.create],
                        permissions: .ownerReadWrite)
                    try file.writeAll(bytes)
                    try file.close()
                }
                let place = "\(context), operation \(count) of \(operations.count), \(fate)"
                // Before the first manifest is durable there may be no store, and no segments either.
                let found = try rows(fixture)
                #expect(
                    isSame(found, done) || isSame(found, under?.after ?? done), "\(place): \(found.keys)")
                #expect(VectorStore.verify(folder: fixture.path, space: fixture.space) == [], "\(place)")
                if count % 4 != 0 { continue }
                // The next writer cleans up and goes on.
                let store = try open(fixture, DirectDisk())
                #expect(store.brokenInvariants() == [], "\(place)")
                try store.append(id: 1_000_000, vector: [1, 2, 3])
                try store.commit()
                #expect(store.brokenInvariants() == [], "\(place)")
                #expect(try rows(fixture).count == found.count + 1, "\(place)")
            }
        }
    }

    @Test func whateverFailsTheStoreStaysAsItWas() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let fixture = try StoreFixture(dimension: 3)
        let disk = RecordingDisk()
        let store = try open(fixture, disk)
        var model: Rows = [:], nextID: UInt64 = 1, failures = 0
        for step in 0..<60 {
            let context = "seed \(seed), step \(step)"
            let before = model
            try change(store, &model, &nextID, &random)
            disk.fail(after: Int.random(in: 0..<30, using: &random))
            let compacts = Int.random(in: 0..<8, using: &random) == 0
            do {
                if compacts { _ = try store.compact() } else { try store.commit() }
                // Removing files that nobody needs any more may fail without a word.
                _ = disk.stopFailing()
            } catch {
                #expect(disk.stopFailing(), "\(context): \(error)")
                failures += 1
                // Readers see one commit or the other; the writer has lost nothing.
                let found = try rows(fixture)
                #expect(isSame(found, before) || isSame(found, model), "\(context)")
                #expect(VectorStore.verify(folder: fixture.path, space: fixture.space) == [], "\(context)")
                #expect(store.ids() == model.keys.sorted(), "\(context)")
                try store.commit()
            }
            #expect(isSame(try rows(fixture), model), "\(context)")
            #expect(store.brokenInvariants() == [], "\(context)")
        }
        #expect(failures > 12, "seed \(seed)")
    }

    /// Lets each operation of one commit fail, the last ones too, when the manifest has been renamed already.
    @Test func everyOperationOfACommitMayFail() throws {
        var operation = 0, mayFail = true
        while mayFail {
            let context = "operation \(operation)"
            let fixture = try StoreFixture(dimension: 3)
            let disk = RecordingDisk()
            let store = try open(fixture, disk)
            var model: Rows = [:]
            func append(_ ids: ClosedRange<UInt64>) throws {
                for id in ids {
                    model[id] = SyntheticVectors.unit([1, Float(id), 2])
                    try store.append(id: id, vector: model[id] ?? [])
                }
            }
            for ids: ClosedRange<UInt64> in [1...9, 10...12] {
                try append(ids)
                try store.commit()
            }
            let before = model, names = try Folders.list(fixture.path).map(\.name)
            try append(13...15)
            try store.remove([2])
            model[2] = nil
            disk.fail(after: operation)
            do {
                try store.commit()
                mayFail = disk.stopFailing()
            } catch {
                #expect(disk.stopFailing(), "\(context): \(error)")
                let found = try rows(fixture)
                #expect(isSame(found, before) || isSame(found, model), "\(context)")
                #expect(VectorStore.verify(folder: fixture.path, space: fixture.space) == [], "\(context)")
                // What did not come to be a commit leaves nothing behind.
                if isSame(found, before) {
                    #expect(try Folders.list(fixture.path).map(\.name) == names, "\(context)")
                }
                try store.commit()
            }
            #expect(isSame(try rows(fixture), model), "\(context)")
            #expect(store.brokenInvariants() == [], "\(context)")
            operation += 1
        }
        #expect(operation > 8)
    }
}
