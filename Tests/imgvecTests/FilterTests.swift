import Foundation
import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// `find` among some of the pictures only: by folder, format, date and size.
@Suite struct FilterTests {
    /// A picture of the album as the test knows it.
    private struct Picture {
        let path: FilePath
        let format: ImageFormat
        let size: Int64
        /// When it was taken or modified, as `YYYY-MM-DDThh:mm:ss`.
        let date: String
    }

    private static func localTime(_ seconds: Int) -> String {
        var time = time_t(seconds), parts = tm()
        localtime_r(&time, &parts)
        let fields = [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec]
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return fields.map(two).joined(separator: "-") + "T" + clock.map(two).joined(separator: ":")
    }

    /// A JPEG with an EXIF segment put in that says when it was taken.
    private static func taken(_ date: String, _ jpeg: [UInt8]) -> [UInt8] {
        var tiff: [UInt8] = [0x49, 0x49, 42, 0, 8, 0, 0, 0]
        // The first folder points at the EXIF folder, which holds DateTimeOriginal.
        tiff += [1, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]
        tiff += [1, 0, 0x03, 0x90, 2, 0, 20, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0]
        let (day, clock) = (date.prefix(10).replacing("-", with: ":"), date.suffix(8))
        tiff += Array("\(day) \(clock)".utf8) + [0]
        let segment = Array("Exif".utf8) + [0, 0] + tiff
        let length = segment.count + 2
        return Array(jpeg.prefix(2)) + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + segment
            + jpeg.dropFirst(2)
    }

    /// Pictures of several formats, sizes and dates in two folders; every third JPEG says when it was taken.
    private func album() throws -> (Album, [Picture]) {
        let album = try Album(count: 0)
        var pictures: [Picture] = []
        let names = try Folders.list(Fixtures.path("images/gallery")).map(\.name)
        for (index, name) in names.enumerated() {
            let folder = album.pictures.appending(index % 2 == 0 ? "even" : "odd")
            try Folders.create(folder)
            let path = folder.appending(name)
            var bytes = try FileContents.read(Fixtures.path("images/gallery").appending(name)).bytes
            let format = try #require(bytes.withUnsafeBytes { ImageFormat.sniff($0) })
            let modified = 1_500_000_000 + index * 5_000_000
            var date = Self.localTime(modified)
            if format == .jpeg, index % 3 == 0 {
                date = "20\(10 + index % 14)-0\(1 + index % 9)-1\(index % 10)T0\(index % 10):30:00"
                bytes = Self.taken(date, bytes)
            }
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(modified))],
                ofItemAtPath: path.string)
            pictures.append(Picture(path: path, format: format, size: Int64(bytes.count), date: date))
        }
        let run = try album.program.run("index pictures")
        #expect(run.status == 0, "\(run.errors)")
        return (album, pictures)
    }

    /// What a filter means, without the catalog.
    private func accepts(_ filter: PictureFilter, _ picture: Picture) -> Bool {
        (filter.folders.isEmpty || filter.folders.contains { picture.path.starts(with: $0) })
            && (filter.formats.isEmpty || filter.formats.contains(picture.format))
            && (filter.since.map { picture.date >= $0.text } ?? true)
            && (filter.until.map { picture.date.prefix($0.text.count) <= $0.text } ?? true)
            && (filter.minimumSize.map { picture.size >= $0 } ?? true)
            && (filter.maximumSize.map { picture.size <= $0 } ?? true)
    }

    @Test func randomFiltersFindWhatCountingFinds() throws {
        let (album, pictures) = try album()
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let reader = try ImageLibrary(
            LibraryPaths(folder: album.folder.pushing(FilePath("data/imgvec/index")))
        ).reader()
        let record = try reader.defaultModel()
        let snapshot = try reader.vectors(of: record)
        var sizes: Set<Int> = []
        for round in 0..<200 {
            let vector = (0..<record.dimension).map { _ in random.normal() }
            var query = Query([Query.Part(.text("unused"))], top: Int.random(in: 1...60, using: &random))
            let everything = try reader.find(
                {
                    var all = query
                    all.top = 1000
                    all.isExact = true
                    return all
                }(), vector: vector, snapshot: snapshot, calibration: nil)
            #expect(everything.count == pictures.count)
            var filter = PictureFilter()
            func sometimes() -> Bool { Int.random(in: 0..<3, using: &random) == 0 }
            if sometimes() {
                let whole = pictures.randomElement(using: &random)?.path ?? "/"
                filter.folders = [sometimes() ? whole : whole.removingLastComponent()]
            }
            if sometimes() {
                filter.formats = Set([.jpeg, .png, .webp, .gif].filter { _ in Bool.random(using: &random) })
            }
            func date() throws -> DatePrefix {
                let date = pictures.randomElement(using: &random)?.date ?? ""
                let length = [4, 7, 10, 16, 19].randomElement(using: &random) ?? 4
                return try #require(DatePrefix(String(date.prefix(length))), "\(date)")
            }
            if sometimes() { filter.since = try date() }
            if sometimes() { filter.until = try date() }
            if sometimes() { filter.minimumSize = pictures.randomElement(using: &random)?.size }
            if sometimes() { filter.maximumSize = pictures.randomElement(using: &random)?.size }
            query.filter = filter
            let found = try reader.find(query, vector: vector, snapshot: snapshot, calibration: nil)
            let accepted = Set(pictures.filter { accepts(filter, $0) }.map(\.path))
            let wanted = everything.filter { accepted.contains($0.path) }.prefix(query.top)
            #expect(found.map(\.path) == wanted.map(\.path), "seed \(seed), round \(round), \(filter)")
            sizes.insert(accepted.count)
        }
        #expect(sizes.count > 5, "seed \(seed)")
    }

    @Test func optionsOfTheCommandLine() throws {
        let (album, pictures) = try album()
        func found(_ options: String) throws -> Set<String> {
            let run = try album.program.run("find --text tree --top 1000 --format paths \(options)")
            #expect(run.status == (run.lines.isEmpty ? 1 : 0), "\(options): \(run.errors)")
            return Set(run.lines)
        }
        func wanted(_ condition: (Picture) -> Bool) -> Set<String> {
            Set(pictures.filter(condition).map(\.path.string))
        }
        #expect(try found("--type png --type webp") == wanted { $0.format != .jpeg })
        #expect(try found("--type jpg") == wanted { $0.format == .jpeg })
        #expect(try found("--type gif").isEmpty)
        #expect(try found("--since 2019") == wanted { $0.date >= "2019" })
        #expect(try found("--until 2019") == wanted { $0.date.prefix(4) <= "2019" })
        #expect(
            try found("--since 2018-02 --until 2020-06-30")
                == wanted { $0.date >= "2018-02" && $0.date.prefix(10) <= "2020-06-30" })
        let size = pictures.map(\.size).sorted()[pictures.count / 2]
        #expect(try found("--min-size \(size)") == wanted { $0.size >= size })
        #expect(try found("--max-size 0.002M") == wanted { $0.size <= 2000 })
        #expect(try found("--max-size 2KiB") == wanted { $0.size <= 2048 })
        #expect(
            try found("--in pictures/odd --type png")
                == wanted { $0.format == .png && $0.path.string.contains("/odd/") })
        for bad in [
            "--type word", "--since 2019-13", "--since 2019-02-29", "--until yesterday", "--min-size 5x",
            "--max-size word", "--min-size 10000000000G", "--min-size 3i",
        ] {
            let run = try album.program.run("find --text tree \(bad)")
            #expect(run.status == 2 && run.bytes.isEmpty, "\(bad): \(run.errors)")
            #expect(run.errors.contains(String(bad.split(separator: " ")[1])), "\(bad): \(run.errors)")
        }
    }

    /// A picture has several names; only those that satisfy the filter are told.
    @Test func onlyTheNamesThatSatisfyTheFilterAreTold() throws {
        let album = try Album(count: 3)
        let name = try album.names()[0]
        try Album.copy(album.pictures.appending(name), to: album.pictures.appending("old.jpg"))
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
            ofItemAtPath: album.pictures.appending("old.jpg").string)
        #expect(try album.program.run("index pictures").status == 0)
        let found = try album.program.run("find --text tree --until 2001 --format paths")
        #expect(found.lines == [album.pictures.appending("old.jpg").string])
    }

    @Test func datesAreRead() {
        for text in ["2024", "2024-02-29", "0000", "2024-06-30T18:05", "2024-06-30 18:05:59"] {
            #expect(DatePrefix(text)?.text == text.replacing(" ", with: "T"))
        }
        for text in [
            "", "24", "2024-", "2024-00", "2024-2-1", "2023-02-29", "2024-06-31", "2024-06-30T24:00",
            "2024-06-30T18:60", "2024/06/30", "２０２４", "2024-06-30T18", "+024", "2024-06-30x18:05",
        ] {
            #expect(DatePrefix(text) == nil, "\(text)")
        }
    }
}
