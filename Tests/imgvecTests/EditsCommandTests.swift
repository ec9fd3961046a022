import Foundation
import Imaging
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// `dupes --level edits` on pictures that were turned, mirrored, cropped, made grey and captioned.
@Suite struct EditsCommandTests {
    /// The members of each group beside the kept one, by name, with their levels.
    private func members(_ output: Program.Output) throws -> [String: String] {
        var members: [String: String] = [:]
        for line in output.lines {
            let group = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let list = try #require(group["members"] as? [[String: Any]])
            let names = list.compactMap {
                ($0["path"] as? String).flatMap { FilePath($0).lastComponent?.string }
            }
            let levels = list.compactMap { $0["level"] as? String }
            let key = names.sorted().joined(separator: " ")
            members[key] = levels.max()
        }
        return members
    }

    /// The groups of the gallery: every copy is named after its original.
    private static let expected = [
        "brown-dog-blurred.jpg brown-dog.jpg", "coffee-cup-webp.webp coffee-cup.jpg",
        "letter-page-turned.jpg letter-page.jpg", "lighthouse-watermarked.jpg lighthouse.jpg",
        "mountain-lake-converted.png mountain-lake.jpg",
        "orange-cat-captioned.jpg orange-cat-mirrored.jpg orange-cat.jpg",
        "red-car-grey.jpg red-car-quality-40.jpg red-car.jpg",
        "sunset-beach-cropped.jpg sunset-beach-half-size.jpg sunset-beach.jpg",
    ]

    @Test func editsOfTheGalleryAreFoundAndNothingElse() throws {
        let album = try Album(count: 1000)
        #expect(try album.program.run("index pictures").status == 0)
        let run = try album.program.run("dupes --level edits --format jsonl")
        #expect(run.status == 0, "\(run.errors)")
        #expect(try members(run).keys.sorted() == Self.expected)
        // At the default level turned, mirrored, grey and far cropped pictures are left out.
        let copies = try members(album.program.run("dupes --format jsonl"))
        #expect(
            !copies.keys.contains { $0.contains("mirrored") || $0.contains("turned") || $0.contains("grey") })
        #expect(copies.keys.contains("coffee-cup-webp.webp coffee-cup.jpg"))
    }

    /// Of pictures of one size the one without words or a mark on it is kept, however few bytes it has.
    @Test func aMarkedCopyIsNotKept() throws {
        let album = try Album(count: 0)
        let names = [
            "orange-cat.jpg", "orange-cat-captioned.jpg", "lighthouse.jpg", "lighthouse-watermarked.jpg",
        ]
        for name in names {
            try Album.copy(
                Fixtures.path("images/gallery").appending(name), to: album.pictures.appending(name))
        }
        #expect(try album.program.run("index pictures").status == 0)
        func kept(_ options: String) throws -> [Substring] {
            let list = try album.program.run("dupes --level edits --format tsv \(options)").text
            return list.split(separator: "\n\n").compactMap { $0.split(separator: "\n").first }
        }
        let standard = try kept("")
        #expect(
            standard.count == 2 && standard.allSatisfy { !$0.contains("captioned") && !$0.contains("marked") }
        )
        #expect(try kept("--keep size").contains { $0.contains("watermarked") })
        let table = try album.program.run("dupes --level edits --format csv").text
        #expect(table.contains("marked (covers"), "\(table)")
    }

    /// Thirty pixels a side: their hashes and vectors are far from their photographs'. At the default level.
    @Test func verySmallCopiesAreCandidates() throws {
        let album = try Album(count: 1000)
        let names = ["castle.jpg", "green-pears.jpg", "guitar.jpg", "night-city.jpg", "hot-air-balloons.jpg"]
        for name in names {
            let bytes = try Data(
                contentsOf: URL(fileURLWithPath: Fixtures.path("images/gallery").appending(name).string))
            let picture = try bytes.withUnsafeBytes { try ImageDecoder.decode($0).pixels }
            let longer = max(picture.width, picture.height)
            let small = picture.resized(
                width: picture.width * 30 / longer, height: picture.height * 30 / longer, filter: .bilinear)
            try Data(small.jpeg(quality: 85)).write(
                to: URL(fileURLWithPath: album.pictures.appending("small-" + name).string))
        }
        #expect(try album.program.run("index pictures").status == 0)
        let groups = try members(album.program.run("dupes --format jsonl")).keys
        for name in names { #expect(groups.contains("\(name) small-\(name)"), "\(name)") }
    }

    @Test func sketchesAreKeptAndMadeAgainWhenDamaged() throws {
        let album = try Album(count: 0)
        for name in ["orange-cat.jpg", "orange-cat-mirrored.jpg", "red-car.jpg", "blue-car.jpg"] {
            try Album.copy(
                Fixtures.path("images/gallery").appending(name), to: album.pictures.appending(name))
        }
        let index = album.folder.appending("index")
        let environment = ["IMGVEC_INDEX": index.string]
        func run(_ line: String) throws -> Program.Output {
            try album.program.run(line, environment: environment)
        }
        #expect(try run("index pictures").status == 0)
        let sketches = index.appending("sketches.sqlite")
        #expect((try? FileStatus.of(sketches)) == nil)
        let first = try run("dupes --level edits --format jsonl")
        #expect(try members(first).keys.sorted() == ["orange-cat-mirrored.jpg orange-cat.jpg"])
        let kept = try FileContents.read(sketches).bytes
        #expect(try run("dupes --level edits --format jsonl").bytes == first.bytes)
        #expect(try FileContents.read(sketches).bytes == kept)
        // Zeros in the rows, cut short, and no database at all: the answer stays the same.
        var zeros = kept
        for place in kept.count / 2..<kept.count { zeros[place] = 0 }
        for damaged in [zeros, Array(kept.prefix(kept.count / 2)), Array("no database".utf8), []] {
            try damaged.withUnsafeBytes { try AtomicFile.write($0, to: sketches) }
            let again = try run("dupes --level edits --format jsonl")
            #expect(again.bytes == first.bytes, "\(damaged.count) bytes: \(again.errors)")
        }
        // What no picture holds any more goes with `compact`.
        for name in ["red-car.jpg", "blue-car.jpg"] { AtomicFile.unlink(album.pictures.appending(name)) }
        #expect(try run("index pictures").status == 0)
        let before = try FileContents.read(sketches).bytes.count
        #expect(try run("compact").status == 0)
        #expect(try FileContents.read(sketches).bytes.count < before)
        #expect(try run("dupes --level edits --format jsonl").bytes == first.bytes)
    }

    @Test func anIndexWhereNoSketchCanBeKeptAnswersToo() throws {
        let album = try Album(count: 0)
        for name in ["orange-cat.jpg", "orange-cat-mirrored.jpg"] {
            try Album.copy(
                Fixtures.path("images/gallery").appending(name), to: album.pictures.appending(name))
        }
        let index = album.folder.appending("index")
        let environment = ["IMGVEC_INDEX": index.string]
        #expect(try album.program.run("index pictures", environment: environment).status == 0)
        // A folder of that name cannot be opened as a database, whoever asks.
        try Folders.create(index.appending("sketches.sqlite"))
        let run = try album.program.run("dupes --level edits --format jsonl", environment: environment)
        #expect(try members(run).keys.sorted() == ["orange-cat-mirrored.jpg orange-cat.jpg"], "\(run.errors)")
    }

    /// More pixels than the photograph has made the standard rule keep a screenshot of it and let the photograph go.
    @Test func aScreenshotIsNotKeptInsteadOfItsPhotograph() throws {
        let album = try Album(count: 0)
        let castle = Fixtures.path("images/gallery/castle.jpg")
        let photo = try FileContents.read(castle).bytes.withUnsafeBytes {
            try ImageDecoder.decode($0, limits: DecodeLimits()).pixels
        }
        var page = PixelBuffer(
            width: photo.width * 3 / 2, height: photo.height * 3 / 2, red: 244, green: 244, blue: 244)
        for row in 0..<photo.height {
            let from = 3 * row * photo.width, to = 3 * ((row + 40) * page.width + 50)
            for place in 0..<3 * photo.width { page.pixels[to + place] = photo.pixels[from + place] }
        }
        let half = photo.resized(width: photo.width / 2, height: photo.height / 2, filter: .box)
        func write(_ picture: PixelBuffer, _ name: String) throws {
            try picture.jpeg(quality: 92).withUnsafeBytes {
                try AtomicFile.write($0, to: album.pictures.appending(name))
            }
        }
        func kept(_ options: String = "") throws -> String? {
            #expect(try album.program.run("index pictures").status == 0)
            let run = try album.program.run("dupes --level edits --format jsonl \(options)")
            let line = try #require(run.lines.first)
            let group = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            return (group["keep"] as? String).flatMap { FilePath($0).lastComponent?.string }
        }
        try write(page, "page.jpg")
        try write(half, "half.jpg")
        // Of a photograph that is there only half the size, the page shows more.
        #expect(try kept() == "page.jpg")
        try Album.copy(castle, to: album.pictures.appending("photo.jpg"))
        #expect(try kept() == "photo.jpg")
        #expect(try kept("--keep resolution") == "page.jpg")
        let words = try album.program.run("dupes --level edits --format jsonl").text
        #expect(words.contains("framed (fills 44 %)") && words.contains("\"framed\""), "\(words)")
    }
}
