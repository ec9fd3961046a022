import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct OutputTests {
    /// Two copies of a picture whose time and camera's word are known.
    private func album() throws -> Album {
        let album = try Album(count: 0)
        let exif = try #require(
            FilePath(bytes: Fixtures.path("images/formats/exif-big-endian.jpg").bytes))
        for name in ["first.jpg", "second, \"quoted\".jpg"] {
            try Album.copy(exif, to: album.pictures.appending(name))
        }
        #expect(try album.program.run("index pictures").status == 0)
        return album
    }

    /// The name's line end and escape sequence once went to the terminal as they were.
    @Test(arguments: ["index", "models info", "embed"])
    func aNameCannotBreakAMessageOrSteerTheTerminal(command: String) throws {
        let folder = try TemporaryFolder()
        let arguments = command.split(separator: " ").map(String.init) + ["no\nsuch\u{1B}[31m/thing"]
        let output = try Program(in: folder.path).run(arguments)
        #expect(
            output.status != 0 && output.errors.contains("no\\x0asuch\\x1b[31m/thing"), "\(output.errors)")
        #expect(output.errors.split(separator: "\n").count == 1)
    }

    @Test func copiesSayEverythingThatIsKnownInJSON() throws {
        let album = try album()
        for format in ["json", "jsonl"] {
            let run = try album.program.run("dupes --level bytes --format \(format)")
            let value = try JSONSerialization.jsonObject(with: Data(run.bytes))
            let group = try #require((value as? [String: Any]) ?? (value as? [[String: Any]])?.first)
            #expect(Set(group.keys) == ["keep", "members"])
            let members = try #require(group["members"] as? [[String: Any]])
            #expect(members.count == 2)
            for member in members {
                #expect(
                    Set(member.keys) == [
                        "path", "level", "score", "size", "width", "height", "evidence", "format", "modified",
                        "captured", "reason",
                    ])
                let path = try #require(member["path"] as? String)
                let status = try FileStatus.of(FilePath(path))
                #expect(member["format"] as? String == "jpeg")
                #expect(member["size"] as? Int64 == status.size)
                let modified = try #require(member["modified"] as? String)
                let date = try #require(try? Date(modified, strategy: .iso8601))
                #expect(Int64(date.timeIntervalSince1970) == status.modifiedNanoseconds / 1_000_000_000)
                #expect((member["captured"] as? String)?.count == 19)
            }
        }
    }

    @Test func csvHasTheSameColumnsInEveryRow() throws {
        let album = try album()
        let rows = try album.program.run("dupes --level bytes --format csv").lines
        try #require(rows.count == 3)
        #expect(rows[2].contains("second, \"\"quoted\"\".jpg\",bytes,1.000000,"))
        // Without quoted parts, every comma ends a column.
        let counts = rows.map { row in
            row.components(separatedBy: "\"").enumerated().filter { $0.offset.isMultiple(of: 2) }
                .reduce(0) { $0 + $1.element.count { $0 == "," } }
        }
        #expect(Set(counts) == [11], "\(rows)")
    }

    @Test func tableColumnsStandUnderEachOtherInAllGroups() throws {
        let album = try Album(count: 1000)
        #expect(try album.program.run("index pictures").status == 0)
        let text = try album.program.run("dupes --format table").text
        let rows = text.split(separator: "\n").map { Array($0) }
        #expect(rows.count > 10)
        let starts = rows.map { row in
            String(row).range(of: "pictures/").map { String(row)[..<$0.lowerBound].count }
        }
        #expect(Set(starts).count == 1 && starts[0] != nil, "\(text)")
        #expect(text.components(separatedBy: "\n\n").count > 3)
    }

    @Test func wideNamesKeepColumnsAligned() throws {
        let album = try Album(count: 0)
        // Columns each name takes on a terminal.
        let names = [
            ("plain.jpg", 9), ("日本語.jpg", 10), ("e\u{301}te\u{301}.jpg", 7), ("🎉👨‍👩‍👧.jpg", 8),
            ("ｗｉｄｅ.jpg", 12), ("❤️.jpg", 6),
        ]
        for (name, _) in names {
            try Album.copy(
                Fixtures.path("images/gallery/red-car.jpg"), to: album.folder.appending(name))
        }
        let run = try album.program.run(["compare", "--format", "table"] + names.map(\.0))
        #expect(run.status == 0, "\(run.errors)")
        for (line, (name, width)) in zip(run.lines.dropFirst(), names) {
            let tail = try #require(line.components(separatedBy: name).last)
            let gap = tail.prefix { $0 == " " }.count
            #expect(width + gap == 14, "\(line)")
        }
    }

    @Test func aNameCannotTurnItsOwnDirectionOnATerminal() throws {
        let album = try Album(count: 0)
        let name = "photo\u{202E}gpj.exe"
        for copy in [name, "other-\(name)"] {
            try Album.copy(Fixtures.path("images/gallery/red-car.jpg"), to: album.pictures.appending(copy))
        }
        #expect(try album.program.run("index pictures --all-files").status == 0)
        let table = try album.program.run("dupes --format table").text
        #expect(table.contains("photo\\u202egpj.exe") && !table.contains("\u{202E}"))
        // Scripts get the bytes.
        #expect(try album.program.run("dupes --format paths").text.contains(name))
    }
}
