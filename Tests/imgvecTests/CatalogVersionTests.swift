import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// A catalog that version 1 has written: read as it is, migrated when it is written.
@Suite struct CatalogVersionTests {
    /// SQLite keeps `user_version` in bytes 60 to 63 of the file, most significant first.
    private func version(_ catalog: FilePath) throws -> Int {
        let bytes = try FileContents.read(catalog).bytes
        return bytes[60..<64].reduce(0) { $0 << 8 | Int($1) }
    }

    @Test func versionOneIsReadAndMigrated() throws {
        let album = try Album(count: 0)
        let local = album.pictures.appending(".imgvec"), catalog = local.appending("catalog.sqlite")
        try Folders.create(local)
        try Album.copy(Fixtures.path("index/catalog-v1/catalog.sqlite"), to: catalog)
        let names = ["lighthouse.jpg", "red-car-grey.jpg", "red-car-quality-40.jpg", "red-car.jpg"]
        for name in names {
            try Album.copy(
                Fixtures.path("images/gallery").appending(name), to: album.pictures.appending(name))
        }
        #expect(try version(catalog) == 1)
        #expect(try album.program.run("status --index pictures/.imgvec").text.contains("4 files, 4 distinct"))
        #expect(try album.program.run("dupes ignore --list --index pictures/.imgvec").status == 1)
        // Reading changes nothing.
        #expect(try version(catalog) == 1)
        let pair = "pictures/red-car.jpg pictures/red-car-grey.jpg --index pictures/.imgvec"
        #expect(try album.program.run("dupes ignore \(pair)").status == 0)
        #expect(try version(catalog) == 2)
        #expect(try album.program.run("status --index pictures/.imgvec").text.contains("4 files, 4 distinct"))
        #expect(try album.program.run("dupes ignore --list --index pictures/.imgvec").lines.count == 1)
        // The fixture has no vectors: they are made by today's model, and what was remembered stays.
        #expect(try album.program.run("index pictures --index pictures/.imgvec").status == 0)
        let found = try album.program.run("dupes --format jsonl --index pictures/.imgvec")
        #expect(
            found.text.contains("quality-40") && !found.text.contains("grey"), "\(found.text)\(found.errors)")
    }
}
