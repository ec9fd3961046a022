import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct FindingsCommandTests {
    /// Pairs of names that a `dupes` run put into one group: kept file first.
    private func pairs(_ output: Program.Output) throws -> Set<[String]> {
        var pairs: Set<[String]> = []
        for line in output.lines {
            let group = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let members = try #require(group["members"] as? [[String: Any]])
            let names = members.compactMap {
                ($0["path"] as? String).flatMap { FilePath($0).lastComponent?.string }
            }
            #expect((group["keep"] as? String)?.hasSuffix(names[0]) == true)
            for name in names.dropFirst() { pairs.insert([names[0], name]) }
        }
        return pairs
    }

    @Test func levelsNestAndEachMemberSaysItsOwn() throws {
        let album = try Album(count: 0)
        let source = Fixtures.path("images/gallery/red-car.jpg")
        let bytes = try FileContents.read(source).bytes
        // Written in the same tick, the shorter name is kept; written later, the older one: the same file here.
        try Album.copy(source, to: album.pictures.appending("original.jpg"))
        try Album.copy(source, to: album.pictures.appending("same-bytes-again.jpg"))
        // Bytes after the end of the picture: another file, the same pixels.
        try (bytes + Array("trailing".utf8)).withUnsafeBytes {
            try AtomicFile.write($0, to: album.pictures.appending("longer.jpg"))
        }
        try Album.copy(
            Fixtures.path("images/gallery/lighthouse.jpg"), to: album.pictures.appending("other.jpg"))
        #expect(try album.program.run("index pictures").status == 0)
        #expect(
            try pairs(album.program.run("dupes --level bytes --format jsonl")) == [
                ["original.jpg", "same-bytes-again.jpg"]
            ])
        let pixels = try album.program.run("dupes --level pixels --format jsonl")
        #expect(
            try pairs(pixels) == [["longer.jpg", "original.jpg"], ["longer.jpg", "same-bytes-again.jpg"]])
        #expect(pixels.text.contains("\"level\":\"pixels\""))
        #expect(try album.program.run("dupes --format jsonl").bytes == pixels.bytes)
    }

    @Test func blocksAreThoseOfFdupes() throws {
        let album = try Album(count: 2)
        let names = try album.names()
        for name in names {
            try Album.copy(album.pictures.appending(name), to: album.pictures.appending("z-\(name)"))
        }
        #expect(try album.program.run("index pictures").status == 0)
        let paths = names.map { album.pictures.appending($0).string }
        let copies = names.map { album.pictures.appending("z-\($0)").string }
        let expected = "\(paths[0])\n\(copies[0])\n\n\(paths[1])\n\(copies[1])\n"
        #expect(try album.program.run("dupes --level bytes").text == expected)
        #expect(
            try album.program.run("dupes --level bytes -0").text
                == expected.replacingOccurrences(of: "\n", with: "\0"))
        let csv = try album.program.run("dupes --level bytes --format csv").lines
        #expect(
            csv[0] == "group,path,level,score,size,width,height,evidence,format,modified,captured,reason"
                && csv.count == 5)
    }

    @Test func galleryCopiesAreFoundAndUnlikePicturesAreNot() throws {
        let album = try Album(count: 1000)
        #expect(try album.program.run("index pictures").status == 0)
        let found = try pairs(album.program.run("dupes --format jsonl"))
        // Copies are named after their original: red-car.jpg, red-car-smaller.jpg.
        for pair in found {
            #expect(Self.isCopyName(pair[0], of: pair[1]), "\(pair)")
        }
        #expect(found.count >= 5, "\(found)")
    }

    private static func isCopyName(_ a: String, of b: String) -> Bool {
        let (first, second) = (a.prefix { $0 != "." }, b.prefix { $0 != "." })
        return first.hasPrefix(second) || second.hasPrefix(first)
            || first.split(separator: "-").prefix(2) == second.split(separator: "-").prefix(2)
    }

    @Test func noCopiesEndsWithOne() throws {
        let album = try Album(count: 1)
        #expect(try album.program.run("index pictures").status == 0)
        let run = try album.program.run("dupes")
        #expect(run.status == 1 && run.bytes.isEmpty && run.errors.isEmpty)
    }

    @Test func everyPictureGetsAnOutlierScoreWithReasonAndNeighbours() throws {
        let album = try Album(count: 20)
        #expect(try album.program.run("index pictures").status == 0)
        for method in ["knn", "lof", "both"] {
            let run = try album.program.run("anomalies --top 100 --format json --method \(method)")
            #expect(run.status == 0, "\(run.errors)")
            let rows = try #require(
                try JSONSerialization.jsonObject(with: Data(run.bytes)) as? [[String: Any]])
            #expect(rows.count == 20)
            let scores = rows.compactMap { $0["score"] as? Double }
            #expect(scores == scores.sorted(by: >))
            for row in rows {
                #expect(Set(row.keys) == ["path", "score", "reason", "neighbors"])
                #expect((row["neighbors"] as? [[String: Any]])?.count == 3)
                #expect((row["reason"] as? String)?.isEmpty == false)
            }
        }
        #expect(try album.program.run("anomalies --min 1000").status == 1)
    }

    @Test func damagedFilesAreAllNamedAndNoneStopsTheRun() throws {
        let album = try Album(count: 2)
        let damaged = Fixtures.path("images/damaged")
        for entry in try Folders.list(damaged) {
            try Album.copy(
                damaged.appending(entry.name), to: album.pictures.appending("bad-\(entry.name.string)"))
        }
        let run = try album.program.run("index pictures")
        #expect(run.status == 3, "\(run.errors)")
        let lines = run.errors.split(separator: "\n")
        for name in ["empty.jpg", "bomb.png", "text.jpg", "random-after-head.jpg", "truncated-in-header.png"]
        {
            #expect(lines.count { $0.hasPrefix("imgvec: pictures/bad-\(name): ") } == 1, "\(name)")
        }
        #expect(try album.program.run("verify").status == 0)
        // Mislabelled files are what their bytes are.
        let found = try album.program.run("find --text x --top 100 --format paths").text
        #expect(found.contains("bad-png-named.jpg") && found.contains("bad-jpeg-named.png"))
    }

    @Test func everyDecoderFeatureIsIndexed() throws {
        let album = try Album(count: 0)
        let formats = Fixtures.path("images/formats")
        let names = try Folders.list(formats)
        for entry in names {
            try Album.copy(formats.appending(entry.name), to: album.pictures.appending(entry.name))
        }
        let run = try album.program.run("index pictures")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.contains("\(names.count) pictures in the index"), "\(run.errors)")
    }
}
