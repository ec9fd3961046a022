import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct UpkeepCommandTests {
    @Test func forgetDropsWhatIsBelowAPathAndCompactGivesSpaceBack() throws {
        let album = try Album(count: 6)
        try Folders.create(album.pictures.appending("old"))
        for name in try album.names().prefix(2) {
            try AtomicFile.rename(
                album.pictures.appending(name), to: album.pictures.pushing(FilePath("old/\(name)")))
        }
        #expect(try album.program.run("index pictures").status == 0)
        #expect(try album.program.run("forget nowhere").status == 1)
        let forget = try album.program.run("forget pictures/old")
        #expect(forget.status == 0 && forget.errors == "forgot 2 files\n")
        #expect(try album.program.run("find --text x --top 9").lines.count == 4)
        #expect(try album.program.run("verify").status == 0)
        let compact = try album.program.run("compact")
        #expect(compact.status == 0, "\(compact.errors)")
        #expect(try album.program.run("find --text x --top 9").lines.count == 4)
        #expect(try album.program.run("verify").status == 0)
        let status = try album.program.run("status").text
        #expect(status.contains("pictures    4 files, 4 distinct"))
        #expect(status.contains("vectors     4 of imgvec-mini"))
    }

    /// The index can be asked on a read-only disk: nothing has to be created beside the catalog.
    @Test func catalogAtRestIsOneFile() throws {
        let album = try Album(count: 2)
        let index = album.folder.pushing("data/imgvec/index")
        func names() throws -> [String] { try Folders.list(index).map(\.name.string) }
        #expect(try album.program.run("index pictures").status == 0)
        #expect(try names() == ["catalog.sqlite", "lock", "vectors"])
        for command in ["find --text x", "dupes", "status", "verify"] { _ = try album.program.run(command) }
        #expect(try names() == ["catalog.sqlite", "lock", "vectors"])
        // Byte 18 of an SQLite file: 1 = rollback journal, 2 = write-ahead log.
        #expect(try FileContents.read(index.appending("catalog.sqlite")).bytes[18] == 1)
    }

    @Test func verifyNamesADamagedSegment() throws {
        let album = try Album(count: 3)
        #expect(try album.program.run("index pictures").status == 0)
        let sound = try album.program.run("verify")
        #expect(sound.status == 0 && sound.bytes.isEmpty)
        let vectors = album.folder.pushing("data/imgvec/index/vectors")
        let folder = vectors.appending(try #require(try Folders.list(vectors).first).name)
        let segment = try #require(try Folders.list(folder).first { $0.name.string.hasSuffix(".seg") })
        let path = folder.appending(segment.name)
        var bytes = try FileContents.read(path).bytes
        bytes[bytes.count / 2] ^= 0x10
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
        let damaged = try album.program.run("verify")
        #expect(damaged.status == 2 && damaged.text.contains(".seg"), "\(damaged.text)")
    }

    @Test func damagedCatalogIsOneClearLine() throws {
        let album = try Album(count: 1)
        let index = album.folder.appending("broken")
        try Folders.create(index)
        try Array("this is no database, but it is long enough to look at".utf8)
            .withUnsafeBytes { try AtomicFile.write($0, to: index.appending("catalog.sqlite")) }
        for command in [
            "status --index broken", "index pictures --index broken", "find --text x --index broken",
        ] {
            let run = try album.program.run(command)
            #expect(run.status == 2 && run.errors.contains("catalog.sqlite"), "\(command): \(run.errors)")
        }
    }

    @Test func readOnlyFolderIsOneClearLine() throws {
        let album = try Album(count: 1)
        let run = try album.program.run("index pictures --index /proc/imgvec")
        #expect(run.status == 2)
        #expect(run.errors.contains("cannot create the folder /proc/imgvec"), "\(run.errors)")
    }
}
