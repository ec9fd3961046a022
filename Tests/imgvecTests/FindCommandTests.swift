import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct FindCommandTests {
    @Test func formatsAgreeWithEachOther() throws {
        let album = try Album(count: 6)
        #expect(try album.program.run("index pictures -q").errors.isEmpty)
        let paths = try album.program.run("find --text tree --format paths").lines
        #expect(paths.count == 6)
        let tsv = try album.program.run("find --text tree").lines.map {
            $0.split(separator: "\t").map(String.init)
        }
        #expect(tsv.map { $0[1] } == paths)
        let scores = try tsv.map { try #require(Float($0[0])) }
        #expect(scores == scores.sorted(by: >))
        let json = try #require(
            try JSONSerialization.jsonObject(
                with: Data(album.program.run("find --text tree --format json").bytes))
                as? [[String: Any]])
        #expect(json.compactMap { $0["path"] as? String } == paths)
        #expect(json.allSatisfy { Set($0.keys) == ["path", "score", "calibrated", "id"] })
        let csv = try album.program.run("find --text tree --format csv").lines
        #expect(csv[0] == "path,score,calibrated,id" && csv.count == 7)
        #expect(try album.program.run("find --text tree -0").text == paths.map { $0 + "\0" }.joined())
        let table = try album.program.run("find --text tree --format table").lines
        #expect(table[0].hasPrefix("score") && table[1].contains("pictures/"))
    }

    @Test func nothingAboveTheMinimumEndsWithOne() throws {
        let album = try Album(count: 3)
        #expect(try album.program.run("index pictures").status == 0)
        let none = try album.program.run("find --text tree --min 0.999")
        #expect(none.status == 1 && none.bytes.isEmpty && none.errors.isEmpty)
    }

    @Test func exactSearchGivesTheSameAsTheDefault() throws {
        let album = try Album(count: 12)
        #expect(try album.program.run("index pictures").status == 0)
        #expect(
            try album.program.run("find --text boat --top 12").bytes
                == album.program.run("find --text boat --top 12 --exact").bytes)
    }

    @Test func weightsAndNegativesChangeTheOrder() throws {
        let album = try Album(count: 6)
        #expect(try album.program.run("index pictures").status == 0)
        let names = try album.names().map { "pictures/\($0)" }
        let near = try album.program.run([
            "find", "--image", "5:\(names[0])", "--image", names[1], "--format", "paths",
        ])
        #expect(near.lines[0].hasSuffix(names[0]) && near.lines.count == 6)
        let away = try album.program.run([
            "find", "--image", names[1], "--not-image", names[0], "--format", "paths",
        ])
        #expect(try #require(away.lines.last).hasSuffix(names[0]))
        let cancelled = try album.program.run(["find", "--image", names[0], "--not-image", names[0]])
        #expect(cancelled.status == 2 && cancelled.errors.contains("the query is empty"))
    }

    @Test func pictureOutsideTheIndexAndOnStandardInputGiveTheSame() throws {
        let album = try Album(count: 5)
        #expect(try album.program.run("index pictures").status == 0)
        let outside = album.folder.appending("query.jpg")
        try AtomicFile.rename(album.pictures.appending(try album.names()[2]), to: outside)
        let byFile = try album.program.run("find --image query.jpg --format json")
        let byInput = try album.program.run(
            "find --image - --format json", input: try FileContents.read(outside).bytes)
        #expect(byFile.status == 0 && byFile.bytes == byInput.bytes, "\(byFile.errors)\(byInput.errors)")
    }

    @Test func staysWithinTheAskedFolder() throws {
        let album = try Album(count: 6)
        try Folders.create(album.pictures.appending("one"))
        let name = try album.names()[0]
        try AtomicFile.rename(
            album.pictures.appending(name), to: album.pictures.pushing(FilePath("one/\(name)")))
        // The same picture outside the folder is another name of what is found, and not asked for.
        try Album.copy(
            album.pictures.pushing(FilePath("one/\(name)")), to: album.pictures.appending("copy.jpg"))
        #expect(try album.program.run("index pictures").status == 0)
        let inside = try album.program.run("find --text tree --in pictures/one --format paths")
        #expect(inside.lines == [album.pictures.pushing(FilePath("one/\(name)")).string])
        #expect(try album.program.run("find --text tree --in nowhere").status == 1)
    }

    @Test func failuresAreOneLineThatNamesTheRemedy() throws {
        let album = try Album(count: 1)
        let missing = try album.program.run("find --text tree")
        #expect(missing.status == 2 && missing.errors.hasPrefix("imgvec: no index at "))
        #expect(missing.errors.contains("imgvec index FOLDER"))
        #expect(try album.program.run("index pictures").status == 0)
        for (line, words) in [
            ("find --image nowhere.jpg", "nowhere.jpg"), ("find --image pictures", "pictures"),
            ("find --model nowhere --text x", "nowhere"), ("index nowhere", "nowhere"),
        ] {
            let run = try album.program.run(line)
            #expect(run.status == 2, "\(line)")
            #expect(run.bytes.isEmpty && run.errors.contains(words), "\(line): \(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(line): \(run.errors)")
        }
        for line in ["find", "find --text x --top 0", "find --nonsense", "dupes --level what", "nonsense"] {
            #expect(try album.program.run(line).status == 2, "\(line)")
        }
    }

    @Test func closedPipeIsNoError() throws {
        let album = try Album(count: 6)
        #expect(try album.program.run("index pictures").status == 0)
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = [
            "-c",
            "{ '\(Program.binary.string)' --index '\(album.folder.string)/data/imgvec/index' 2>&1 >/dev/null; "
                + "'\(Program.binary.string)' find --index '\(album.folder.string)/data/imgvec/index' --text x; "
                + "echo $? >'\(album.folder.string)/status'; } | true",
        ]
        try shell.run()
        shell.waitUntilExit()
        let status = try FileContents.read(album.folder.appending("status")).bytes
        #expect(String(decoding: status, as: UTF8.self) == "0\n")
    }

    @Test func helpAndVersionGoToStandardOutput() throws {
        let album = try Album(count: 1)
        let help = try album.program.run("--help")
        #expect(help.status == 0 && help.text.contains("SUBCOMMANDS") && help.errors.isEmpty)
        #expect(try album.program.run("--version").text == "imgvec 0.1.0\n")
        for shell in ["bash", "zsh", "fish"] {
            let script = try album.program.run("--generate-completion-script \(shell)")
            #expect(script.status == 0 && script.text.contains("imgvec"))
        }
    }
}
