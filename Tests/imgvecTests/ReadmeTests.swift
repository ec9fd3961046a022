import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Every command that the README shows, run as it stands there.
@Suite struct ReadmeTests {
    private static let commands: [String] = {
        let path = Fixtures.repository.appending("README.md")
        let text = (try? FileContents.read(path).bytes).map { String(decoding: $0, as: UTF8.self) } ?? ""
        // Indented lines that call the program; the transcript at the top begins with "$" and is the demo's.
        return text.split(separator: "\n").map(String.init).filter { line in
            line.hasPrefix("    ") && !line.hasPrefix("    $") && line.contains("imgvec ")
                && !line.contains("./dev")
        }
    }()

    @Test func commandsDoWhatTheySay() throws {
        #expect(Self.commands.count >= 12)
        let album = try Album(count: 8)
        for folder in ["Pictures", "photos/2024", "old", "dogs"] {
            try Folders.create(album.folder.pushing(FilePath(folder)))
        }
        let names = try album.names()
        let places = ["Pictures", "photos", "photos/2024", "old", "."]
        for (name, place) in zip(names, places) {
            let target = place == "." ? "photo.jpg" : "\(place)/\(name)"
            try Album.copy(album.pictures.appending(name), to: album.folder.pushing(FilePath(target)))
        }
        // Something for `dupes` and `apply` to do.
        try Album.copy(
            album.pictures.appending(names[0]), to: album.folder.pushing("Pictures/copy.jpg"))
        try Array("old".utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: album.folder.appending("stamp"))
        }
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
            ofItemAtPath: album.folder.appending("stamp").string)
        #expect(try album.program.run("index old").status == 0)
        for command in Self.commands {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/sh")
            shell.arguments = ["-c", command]
            shell.currentDirectoryURL = URL(fileURLWithPath: album.folder.string)
            shell.environment = [
                "HOME": album.folder.string, "XDG_DATA_HOME": album.folder.appending("data").string,
                "PATH": Program.binary.removingLastComponent().string + ":/usr/local/bin:/usr/bin:/bin",
            ]
            let (output, errors) = (Pipe(), Pipe())
            shell.standardOutput = output
            shell.standardError = errors
            try shell.run()
            let written = output.fileHandleForReading.readDataToEndOfFile()
            let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            shell.waitUntilExit()
            // 1 is "nothing found", which is an answer; nothing else but 0 is.
            let isAnswer = [0, 1].contains(shell.terminationStatus)
            #expect(isAnswer, "\(command): \(said)")
            // What goes on into another command leaves nothing to see.
            let isHeard = !written.isEmpty || !said.isEmpty || command.contains("xargs")
            #expect(isHeard || shell.terminationStatus == 1, "\(command) said nothing")
        }
    }
}
