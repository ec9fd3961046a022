import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// Files written by every version of the format are read by this one, and damaged ones are refused by name.
@Suite struct FormatTests {
    static let space = VectorSpace(dimension: 100, fingerprint: "c0ffee00c0ffee00c0ffee00c0ffee00")
    static let golden = Fixtures.path("index/v1")

    /// The rows of the golden store: 1 to 40 in two commits, then 3, 10 and 20 removed.
    private static func rows() -> [[Float]] {
        var random = SeededRandom(seed: 2026)
        return (0..<40).map { _ in (0..<100).map { _ in Float(Int.random(in: -1000...1000, using: &random)) }
        }
    }

    private static func make(in folder: FilePath) throws {
        let store = try VectorStore(folder: folder, space: space)
        for (index, row) in rows().enumerated() {
            try store.append(id: UInt64(index + 1), vector: row)
            if index == 24 { try store.commit() }
        }
        try store.commit()
        try store.remove([3, 10, 20])
        try store.commit()
    }

    /// `IMGVEC_RECORD=1` writes the golden store anew, for a new version of the format; an old one is never replaced.
    @Test(.enabled(if: Platform.environment("IMGVEC_RECORD") == "1")) func record() throws {
        try Self.make(in: Self.golden)
    }

    @Test func goldenFilesAreRead() throws {
        let snapshot = try VectorSnapshot.open(folder: Self.golden, space: Self.space)
        let live = (UInt64(1)...40).filter { ![3, 10, 20].contains($0) }
        #expect(snapshot.allIDs() == live)
        #expect(snapshot.generation == 4)
        #expect(snapshot.verify() == [])
        #expect(VectorStore.verify(folder: Self.golden, space: Self.space) == [])
        let rows = Self.rows()
        for (row, id) in live.enumerated() {
            let unit = SyntheticVectors.unit(rows[Int(id) - 1])
            for (a, b) in zip(snapshot.vector(ofRow: row), unit) { #expect(abs(a - b) < 2e-4) }
            let first = try snapshot.search(rows[Int(id) - 1], count: 1, options: .exact).first
            #expect(first?.id == id)
        }
    }

    /// Version 2: buckets whose means have no codes; version 3: float32 vectors in buckets whose means have codes.
    static let goldenBuckets = [Fixtures.path("index/v2"), Fixtures.path("index/v3")]

    private static func makeBuckets(in folder: FilePath) throws {
        let store = try VectorStore(folder: folder, space: space, precision: .float32)
        store.buckets.leastRows = 30
        store.buckets.rowsPerBucket = 8
        for (index, row) in rows().enumerated() { try store.append(id: UInt64(index + 1), vector: row) }
        try store.commit()
        try store.remove([3, 10, 20])
        try store.commit()
    }

    /// `IMGVEC_RECORD=3` writes the golden store of version 3 anew.
    @Test(.enabled(if: Platform.environment("IMGVEC_RECORD") == "3")) func recordBuckets() throws {
        try Self.makeBuckets(in: Self.goldenBuckets[1])
    }

    @Test(arguments: goldenBuckets) func goldenFilesWithBucketsAreRead(_ folder: FilePath) throws {
        let snapshot = try VectorSnapshot.open(folder: folder, space: Self.space)
        #expect(snapshot.allIDs() == (UInt64(1)...40).filter { ![3, 10, 20].contains($0) })
        #expect(VectorStore.verify(folder: folder, space: Self.space) == [])
        let rows = Self.rows()
        for id in snapshot.allIDs() {
            let first = try snapshot.search(rows[Int(id) - 1], count: 1).first
            #expect(first?.id == id)
            let row = try #require(snapshot.row(ofID: id))
            let unit = SyntheticVectors.unit(rows[Int(id) - 1])
            let tolerance: Float = folder == Self.goldenBuckets[1] ? 1e-7 : 2e-4
            for (a, b) in zip(snapshot.vector(ofRow: row), unit) { #expect(abs(a - b) < tolerance) }
        }
    }

    @Test func theWriterStillWritesTheGoldenBuckets() throws {
        let folder = try TemporaryFolder()
        try Self.makeBuckets(in: folder.path)
        for entry in try Folders.list(Self.goldenBuckets[1]) {
            let then = try FileContents.read(Self.goldenBuckets[1].appending(entry.name)).bytes
            let now = try FileContents.read(folder.path.appending(entry.name)).bytes
            // Rounding on other machines may change means, not the layout.
            #expect(then.count == now.count && then.prefix(128) == now.prefix(128), "\(entry.name)")
        }
    }

    /// What is written today is what was written then, but for the rounding of factors on other machines.
    @Test func theWriterStillWritesTheGoldenFiles() throws {
        let folder = try TemporaryFolder()
        try Self.make(in: folder.path)
        for entry in try Folders.list(Self.golden) {
            let then = try FileContents.read(Self.golden.appending(entry.name)).bytes
            let now = try FileContents.read(folder.path.appending(entry.name)).bytes
            #expect(then.count == now.count)
            #expect(then.prefix(128) == now.prefix(128), "\(entry.name)")
        }
        #expect(try Folders.list(folder.path).count == Folders.list(Self.golden).count)
    }

    /// A copy of the golden store with the files of a folder under `damaged` put in their places.
    private func copy(_ name: String) throws -> TemporaryFolder {
        let copy = try TemporaryFolder()
        for folder in [Self.golden, Fixtures.path("index/damaged").appending(name)] {
            for entry in try Folders.list(folder) {
                if entry.name.extension == "missing" {
                    AtomicFile.unlink(copy.path.appending(entry.name.stem))
                    continue
                }
                let bytes = try FileContents.read(folder.appending(entry.name)).bytes
                try bytes.withUnsafeBytes { try AtomicFile.write($0, to: copy.path.appending(entry.name)) }
            }
        }
        return copy
    }

    /// Each folder under `damaged` makes one thing of the golden store wrong; `damage_store.py` writes them.
    @Test(arguments: [
        ("manifest-magic", "does not begin as a manifest"),
        ("manifest-newer", "newer imgvec (format 2, this one reads up to 1)"),
        ("manifest-checksum", "the checksum does not match"),
        ("manifest-short", "is cut short"),
        ("manifest-values", "impossible values"),
        ("manifest-missing", "it is missing, but there are segments"),
        ("segment-missing", "the manifest names it, but it is missing"),
        ("segment-magic", "does not begin as a segment"),
        ("segment-newer", "newer imgvec (format 7, this one reads up to 3)"),
        ("segment-header", "the header's checksum does not match"),
        ("segment-rows", "offsets do not fit its row count"),
        ("segment-huge", "impossible values"),
        ("segment-short", "bytes, not"),
        ("segment-long", "bytes, not"),
        ("segment-swapped", "it is not the file that the manifest names"),
        ("segment-space", "another model"),
        ("deletions-missing", "the manifest names it, but it is missing"),
        ("deletions-checksum", "the checksum does not match"),
        ("deletions-newer", "newer imgvec (format 2, this one reads up to 1)"),
        ("deletions-other", "it belongs to another segment"),
        ("deletions-rows", "it names rows that the segment does not have"),
    ]) func damageIsNamed(_ name: String, _ message: String) throws {
        let copy = try copy(name)
        let folder = copy.path
        for open in [
            { _ = try VectorSnapshot.open(folder: folder, space: Self.space) },
            { _ = try VectorStore(folder: folder, space: Self.space) },
        ] {
            let error = #expect(throws: IndexError.self, "\(name)") { try open() }
            #expect(error?.description.contains(message) == true, "\(name): \(String(describing: error))")
        }
        let problems = VectorStore.verify(folder: folder, space: Self.space)
        #expect(
            problems.contains { $0.description.contains(message) || message.contains("manifest names it") },
            "\(problems)")
    }

    /// Damage in the body is no obstacle to opening, but `verify` names each place.
    @Test(arguments: [
        ("body-flip", ["the checksum of the block of"]),
        ("body-checksums", ["the checksums' own checksum", "the checksum of the block of"]),
        ("body-ids", ["id 7 follows 9"]),
        ("body-length", ["the vector of id 5 has no unit length"]),
        ("body-nan", ["the vector of id 5 has no unit length"]),
        ("body-factors", ["the factors of id 5 do not belong"]),
        ("body-first-id", ["the first or last id is not the one in the header"]),
        ("body-shared-id", ["id 26 is in two segments"]),
    ]) func damagedBodiesAreFound(_ name: String, _ messages: [String]) throws {
        let copy = try copy(name)
        let folder = copy.path
        let problems = VectorStore.verify(folder: folder, space: Self.space)
        for message in messages {
            #expect(problems.contains { $0.description.contains(message) }, "\(name): \(problems)")
        }
        let snapshot = try VectorSnapshot.open(folder: folder, space: Self.space)
        #expect(try snapshot.search(Self.rows()[0], count: 5).count == 5)
    }
}
