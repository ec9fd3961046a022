import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// An album with copies whose names try to break a page, and its report.
struct ReportAlbum {
    let album: Album
    var report: FilePath { album.folder.appending("report.html") }
    var program: Program { album.program }

    /// Names that a page has to survive; each is a copy of the red car, `</script>` spelled by a folder and a name.
    static let hostileNames = [
        "x<", "\"quote' &amp;.jpg", "{{data}}.jpg", "two\nlines.jpg", "a\u{202E}gpj.exe.jpg", "日本語 🎉.jpg",
    ]

    init() throws {
        album = try Album(count: 0)
        func copy(_ name: String, to target: FilePath) throws {
            try Album.copy(Fixtures.path("images/gallery").appending(name), to: target)
        }
        let pictures = album.pictures
        for name in ["orange-cat.jpg", "sunset-beach.jpg"] {
            try copy(name, to: pictures.appending(name))
            try copy(name, to: pictures.appending("copy of \(name)"))
        }
        try copy("red-car.jpg", to: pictures.appending("red-car.jpg"))
        for name in Self.hostileNames.dropFirst() { try copy("red-car.jpg", to: pictures.appending(name)) }
        try Folders.create(pictures.appending("x<"))
        try copy("red-car.jpg", to: pictures.pushing("x</script><!--<script>alert(1).jpg"))
        #if os(Linux)
            // Bytes that are no UTF-8; macOS refuses such names.
            let odd = try #require(
                FilePath(bytes: pictures.bytes + [0x2F, 0x62, 0xFF, 0xFE, 0x2E, 0x6A, 0x70, 0x67]))
            try copy("red-car.jpg", to: odd)
        #endif
        let indexed = try program.run("index pictures")
        #expect(indexed.status == 0, "\(indexed.errors)")
    }

    /// Writes the report and gives its text.
    func write() throws -> String {
        let run = try program.run("dupes --level bytes --html report.html")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.bytes.isEmpty, "the page takes the place of the list")
        return String(decoding: try FileContents.read(report).bytes, as: UTF8.self)
    }
}

@Suite struct ReportFileTests {
    /// The text of every script element whose tag has a mark.
    private func elements(_ page: String, _ mark: String) -> [String] {
        page.components(separatedBy: "<script type=\(mark)>").dropFirst()
            .map { $0.components(separatedBy: "</script>")[0] }
    }

    @Test func everyFileIsInThePageOnceWithItsLineOfThePlan() throws {
        let reported = try ReportAlbum()
        let page = try reported.write()
        let groups = elements(page, "\"application/json\" class=\"group\"")
        let thumbnails = elements(page, "\"text/plain\"")
        #expect(groups.count == 3 && thumbnails.count == 3)
        var places: [String] = []
        for text in groups {
            let group = try #require(
                try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
            let members = try #require(group["members"] as? [[String: Any]])
            for (index, member) in members.enumerated() {
                #expect(member["picture"] as? Int == 0, "files of the same bytes share a thumbnail")
                #expect(member["width"] as? Int ?? 0 > 100 && member["format"] as? String == "JPEG")
                let line = try #require(member["line"] as? String)
                let fields = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                #expect(fields["action"] as? String == (index == 0 ? "keep" : "trash"))
                places.append(try #require(fields["path"] as? String))
                let link = try #require(member["link"] as? String)
                #expect(link.allSatisfy { $0.isASCII && !"<>\"' \n{}".contains($0) }, "\(link)")
            }
        }
        let listed = try reported.program.run("dupes --level bytes -0").bytes
            .split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        #expect(places.sorted() == listed.sorted())
        for text in thumbnails {
            let jpeg = [UInt8](try #require(Data(base64Encoded: text)))
            #expect(jpeg.starts(with: [0xFF, 0xD8, 0xFF]) && jpeg.count < 40_000)
        }
    }

    @Test func noNameEndsAScriptElementOrReachesTheNetwork() throws {
        let reported = try ReportAlbum()
        let page = try reported.write()
        // Plan, three groups with thumbnails, the script itself: as many ends as starts.
        #expect(page.components(separatedBy: "</script").count == 1 + 8)
        #expect(page.components(separatedBy: "<script").count == 1 + 8)
        #expect(!page.contains("<!--"))
        #expect(page.contains("default-src 'none'; script-src 'sha256-"))
        #expect(!page.contains("unsafe-inline"))
        for address in ["http://", "https://", "//cdn"] { #expect(!page.contains(address), "\(address)") }
    }

    @Test func aFileThatIsNoReportIsNotReplaced() throws {
        let reported = try ReportAlbum()
        _ = try reported.write()
        #expect(try reported.program.run("dupes --html report.html").status == 0, "a report is replaced")
        let names = ["pictures/red-car.jpg", "empty.html", "short.html"]
        for (name, text) in zip(names.dropFirst(), ["", "<!doctype html>\n<title>mine</title>"]) {
            try Array(text.utf8).withUnsafeBytes {
                try AtomicFile.write($0, to: reported.album.folder.appending(name))
            }
        }
        for name in names {
            let path = reported.album.folder.pushing(FilePath(name))
            let before = try FileContents.read(path).bytes
            let run = try reported.program.run("dupes --html \(name)")
            #expect(run.status == 2 && run.errors.contains("is no imgvec report"), "\(run.errors)")
            #expect(try FileContents.read(path).bytes == before)
        }
    }

    @Test func aPictureThatIsGoneOrChangedSaysSoInsteadOfAThumbnail() throws {
        let reported = try ReportAlbum()
        let pictures = reported.album.pictures
        for name in ["orange-cat.jpg", "copy of orange-cat.jpg"] {
            try Folders.removeTree(pictures.appending(name))
        }
        for name in ["sunset-beach.jpg", "copy of sunset-beach.jpg"] {
            try Array("something else".utf8).withUnsafeBytes {
                try AtomicFile.write($0, to: pictures.appending(name))
            }
        }
        let page = try reported.write()
        #expect(page.components(separatedBy: "\"problem\":\"No such file or directory\"").count == 1 + 2)
        #expect(page.components(separatedBy: "\"problem\":\"changed since it was indexed\"").count == 1 + 2)
    }

    @Test func theListIsWrittenBesideThePageWhenAFormatIsAskedFor() throws {
        let reported = try ReportAlbum()
        let run = try reported.program.run("dupes --level bytes --html report.html --format jsonl")
        #expect(run.status == 0 && run.lines.count == 3)
    }

    @Test func nothingFoundLeavesNoPage() throws {
        let album = try Album(count: 1)
        #expect(try album.program.run("index pictures").status == 0)
        #expect(try album.program.run("dupes --html report.html").status == 1)
        #expect((try? FileStatus.of(album.folder.appending("report.html"))) == nil)
    }
}
