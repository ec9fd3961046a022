import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// What a crash can leave on the disk, and that the last commit is read from it.
@Suite struct CrashTests {
    /// The files of a folder by name.
    private func contents(_ folder: FilePath) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for entry in try Folders.list(folder) {
            files[entry.name.string] = try FileContents.read(folder.appending(entry.name)).bytes
        }
        return files
    }

    private func write(_ files: [String: [UInt8]], to folder: FilePath) throws {
        if (try? FileStatus.of(folder)) != nil { try Folders.removeTree(folder) }
        try Folders.create(folder)
        for (name, bytes) in files {
            let file = try FileDescriptor.open(
                folder.appending(name), .writeOnly, options: [.create], permissions: .ownerReadWrite)
            try file.writeAll(bytes)
            try file.close()
        }
    }

    /// Commits that append, delete and merge: the disk's states before and after each, with the rows.
    private func history(_ fixture: StoreFixture) throws -> [(files: [String: [UInt8]], ids: [UInt64])] {
        let store = try fixture.store()
        var states = [(try contents(fixture.path), [UInt64]())]
        for round in UInt64(0)..<6 {
            for id in round * 3 + 1...round * 3 + 3 { try store.append(id: id, vector: [1, Float(id), 2]) }
            if round > 1 { try store.remove([round * 3 - 2]) }
            try store.commit()
            states.append((try contents(fixture.path), store.ids()))
        }
        _ = try store.compact { $0 != 5 }
        states.append((try contents(fixture.path), store.ids()))
        return states
    }

    @Test func everyMomentOfACommitLeavesOneOfTheTwoStates() throws {
        let fixture = try StoreFixture(dimension: 3)
        let states = try history(fixture)
        for (before, after) in zip(states, states.dropFirst()) {
            let fresh = after.files.keys.filter { before.files[$0] == nil }.sorted()
            #expect(!fresh.isEmpty || after.ids.isEmpty)
            for name in fresh {
                let whole = try #require(after.files[name])
                // Earlier new files whole, this one cut anywhere, the manifest still the old one.
                for length in stride(from: 0, through: whole.count, by: 61) {
                    var files = before.files
                    for earlier in fresh where earlier < name { files[earlier] = after.files[earlier] }
                    files[name] = Array(whole.prefix(length))
                    files["manifest.tmp-123"] = Array((after.files["manifest"] ?? []).prefix(length))
                    try write(files, to: fixture.path)
                    #expect(try fixture.snapshot().allIDs() == before.ids)
                    if length % 5 != 0 { continue }
                    // The next writer cleans up and goes on.
                    let store = try fixture.store()
                    #expect(store.brokenInvariants() == [])
                    #expect(store.ids() == before.ids)
                    try store.append(id: 1000, vector: [1, 1, 1])
                    try store.commit()
                    #expect(try fixture.snapshot().allIDs() == before.ids + [1000])
                    #expect(store.brokenInvariants() == [])
                }
            }
            // The manifest switched, the old files not yet removed.
            var files = after.files.merging(before.files) { new, _ in new }
            files["manifest"] = after.files["manifest"]
            try write(files, to: fixture.path)
            #expect(try fixture.snapshot().allIDs() == after.ids)
            #expect(try fixture.store().brokenInvariants() == [])
        }
    }

    @Test func truncatedFilesAreErrors() throws {
        let fixture = try StoreFixture(dimension: 3)
        let (files, ids) = try #require(try history(fixture).dropLast().last)
        try write(files, to: fixture.path)
        for (name, whole) in files {
            for length in 0..<whole.count {
                try write([name: Array(whole.prefix(length))], in: fixture.path)
                #expect(throws: IndexError.self, "\(name) cut to \(length)") { try fixture.snapshot() }
                if length % 64 == 0 {
                    #expect(throws: IndexError.self, "\(name) cut to \(length)") { try fixture.store() }
                    #expect(VectorStore.verify(folder: fixture.path, space: fixture.space).count > 0)
                }
            }
            try write([name: whole + [0]], in: fixture.path)
            #expect(throws: IndexError.self, "\(name) too long") { try fixture.snapshot() }
            AtomicFile.unlink(fixture.path.appending(name))
            #expect(throws: IndexError.self, "\(name) missing") { try fixture.snapshot() }
            #expect(throws: IndexError.self, "\(name) missing") { try fixture.store() }
            try write([name: whole], in: fixture.path)
        }
        // Nothing was removed by the refusals, and the whole files are still good.
        #expect(try contents(fixture.path) == files)
        #expect(try fixture.snapshot().allIDs() == ids)
    }

    @Test func flippedBytesAreFoundOrHarmless() throws {
        // More rows than are simply all scored, so that codes and factors are used too.
        let fixture = try StoreFixture(dimension: 8)
        var vectors = SyntheticVectors(dimension: 8, seed: 2)
        let store = try fixture.store()
        for id in UInt64(1)...2100 { try store.append(id: id, vector: vectors.next()) }
        try store.commit()
        try store.remove([5, 70])
        try store.commit()
        let files = try contents(fixture.path)
        var random = SeededRandom(seed: 99)
        var checked = 0
        for (name, whole) in files {
            // Every byte of a header, and of the small files; then random ones.
            var places = Array(0..<min(whole.count, 256))
            if whole.count > 256 {
                places += (0..<500).map { _ in Int.random(in: 256..<whole.count, using: &random) }
            }
            for place in places {
                var bytes = whole
                bytes[place] ^= UInt8.random(in: 1...255, using: &random)
                try write([name: bytes], in: fixture.path)
                let problems = VectorStore.verify(folder: fixture.path, space: fixture.space)
                #expect(!problems.isEmpty, "\(name) byte \(place)")
                // Whatever is not refused at opening can be used without a crash.
                if let snapshot = try? fixture.snapshot() {
                    #expect(problems.first?.path.lastComponent?.string == name, "\(name) byte \(place)")
                    #expect((problems.first?.offset ?? place) <= place)
                    if checked % 5 == 0 { _ = try snapshot.search(vectors.next(), count: 10) }
                    checked += 1
                }
            }
            try write([name: whole], in: fixture.path)
        }
        #expect(checked >= 400)
        #expect(try fixture.snapshot().verify() == [])
    }

    private func write(_ files: [String: [UInt8]], in folder: FilePath) throws {
        for (name, bytes) in files {
            // Replaced, not overwritten: an earlier snapshot may still map it.
            AtomicFile.unlink(folder.appending(name))
            let file = try FileDescriptor.open(
                folder.appending(name), .writeOnly, options: [.create], permissions: .ownerReadWrite)
            try file.writeAll(bytes)
            try file.close()
        }
    }
}
