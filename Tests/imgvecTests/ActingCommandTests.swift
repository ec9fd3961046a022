import Acting
import Foundation
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// `dupes --plan`, `apply`, `undo` and `dupes ignore`, as a user runs them.
@Suite struct ActingCommandTests {
    /// red-car.jpg with a byte-equal copy, a smaller one, and an unrelated picture, indexed.
    private func album() throws -> Album {
        let album = try Album(count: 0)
        let gallery = Fixtures.path("images/gallery")
        try Album.copy(gallery.appending("red-car.jpg"), to: album.pictures.appending("car.jpg"))
        try Folders.create(album.pictures.appending("old"))
        try Album.copy(gallery.appending("red-car.jpg"), to: album.pictures.pushing("old/car-again.jpg"))
        try Album.copy(gallery.appending("red-car-quality-40.jpg"), to: album.pictures.appending("small.jpg"))
        try Album.copy(gallery.appending("lighthouse.jpg"), to: album.pictures.appending("other.jpg"))
        #expect(try album.program.run("index pictures").status == 0)
        return album
    }

    private func files(_ album: Album) throws -> [FilePath: [UInt8]] {
        func list(_ folder: FilePath) throws -> [FilePath: [UInt8]] {
            try Folders.list(folder).reduce(into: [:]) { files, entry in
                let path = folder.appending(entry.name)
                switch try FileStatus.of(path, followingLinks: false).kind {
                case .directory: files.merge(try list(path)) { first, _ in first }
                case .regular: files[path] = try FileContents.read(path).bytes
                default: files[path] = []
                }
            }
        }
        return try list(album.pictures)
    }

    @Test func planApplyUndoGoAllTheWayRound() throws {
        let album = try album()
        let before = try files(album)
        let found = try album.program.run("dupes --plan plan.jsonl --format jsonl")
        #expect(found.status == 0 && found.lines.count == 1, "\(found.errors)")
        let plan = try Plan(contentsOf: album.folder.appending("plan.jsonl"))
        #expect(
            plan.entries.map(\.line.action).sorted { $0.rawValue < $1.rawValue } == [.keep, .trash, .trash])
        #expect(plan.entries.allSatisfy { $0.line.reason?.isEmpty == false })
        let dry = try album.program.run("apply plan.jsonl --dry-run")
        #expect(dry.status == 0 && dry.lines.count == 2, "\(dry.errors)")
        #expect(try files(album) == before)
        let applied = try album.program.run("apply plan.jsonl")
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(applied.lines == dry.lines)
        #expect(try files(album).count == 2)
        #expect(try album.program.run("dupes").status == 1)
        #expect(try album.program.run("find --text car --top 9").lines.count == 2)
        // A second time there is nothing left to do.
        let again = try album.program.run("apply plan.jsonl")
        #expect(again.status == 3 && again.errors.contains("is not there any more"), "\(again.errors)")
        #expect(try album.program.run("undo --list").lines.count == 1)
        let undone = try album.program.run("undo")
        #expect(undone.status == 0 && undone.lines.count == 2, "\(undone.errors)")
        #expect(try files(album) == before)
        #expect(try album.program.run("dupes --format jsonl").bytes == found.bytes)
        #expect(try album.program.run("undo").status == 1)
        #expect(try album.program.run("index").errors.hasPrefix("4 unchanged"))
    }

    @Test func keepRulesReferencesAndRootsDecide() throws {
        let album = try album()
        func kept(_ options: String) throws -> String {
            let run = try album.program.run("dupes --format jsonl \(options)")
            guard let line = run.lines.first,
                let group = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            else { return "none: \(run.errors)" }
            return FilePath(group["keep"] as? String ?? "").lastComponent?.string ?? ""
        }
        #expect(try kept("--keep path:*/old/*") == "car-again.jpg")
        #expect(try kept("--keep path:small*,resolution") == "small.jpg")
        #expect(try kept("--keep shortest-path") == "car.jpg")
        #expect(try kept("--reference pictures/old") == "car-again.jpg")
        #expect(try kept("--reference pictures/small.jpg --keep resolution") == "small.jpg")
        #expect(try album.program.run("dupes --keep biggest").status == 2)
        #expect(try album.program.run("dupes --reference nowhere").status == 2)
        // Between the folders named, and not inside one of them.
        let isolated = try album.program.run(
            "dupes --isolate --in pictures --in pictures/old --format jsonl --keep path:*/old/*")
        #expect(isolated.lines.count == 1 && isolated.text.contains("small.jpg"))
        #expect(try album.program.run("dupes --isolate").status == 1)
    }

    @Test func referencesAreNeverActedOn() throws {
        let album = try album()
        let run = try album.program.run(
            "dupes --reference pictures/small.jpg --reference pictures/car.jpg --plan p --action delete")
        #expect(run.status == 0, "\(run.errors)")
        let lines = try Plan(contentsOf: album.folder.appending("p")).entries.map(\.line)
        for line in lines {
            #expect((line.action == .delete) == (line.path.lastComponent == "car-again.jpg"), "\(line)")
        }
        let refused = try album.program.run("apply p")
        #expect(refused.status == 3 && refused.errors.contains("--allow-delete"), "\(refused.errors)")
        #expect(try album.program.run("apply p --allow-delete").status == 0)
        #expect(try files(album).count == 3)
        let undone = try album.program.run("undo")
        #expect(undone.status == 3 && undone.errors.contains("deleted for good"), "\(undone.errors)")
    }

    @Test(arguments: ["trash", "move:moved", "hardlink", "symlink"]) func everyActionIsUndone(
        action: String
    ) throws {
        let album = try album()
        let before = try files(album)
        #expect(try album.program.run("dupes --plan p --action \(action)").status == 0)
        let applied = try album.program.run("apply p")
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(try files(album) != before || action == "hardlink")
        #expect(try album.program.run("dupes --level bytes").status == 1)
        #expect(try album.program.run("verify").status == 0)
        #expect(try album.program.run("undo").status == 0)
        #expect(try files(album) == before)
        #expect(try album.program.run("dupes --level bytes").lines.count == 2)
    }

    @Test func editedPlansDoWhatTheySay() throws {
        let album = try album()
        #expect(try album.program.run("dupes --plan p").status == 0)
        let path = album.folder.appending("p")
        let text = String(decoding: try FileContents.read(path).bytes, as: UTF8.self)
        // The small one stays, the line of the other copy is deleted: nothing to do.
        let edited = text.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.contains("car-again.jpg") }.joined(separator: "\n")
            .replacingOccurrences(of: "\"trash\"", with: "\"skip\"")
        try Array(edited.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
        let run = try album.program.run("apply p")
        #expect(run.status == 1 && run.bytes.isEmpty, "\(run.errors)")
        try Array((text + "trash everything\n").utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
        let broken = try album.program.run("apply p")
        let number = text.split(separator: "\n", omittingEmptySubsequences: false).count
        #expect(broken.status == 2 && broken.errors.contains("p:\(number): "), "\(broken.errors)")
        // Another program's file is not overwritten by a plan.
        let refused = try album.program.run("dupes --plan pictures/car.jpg")
        #expect(refused.status == 2 && refused.errors.contains("no imgvec plan"), "\(refused.errors)")
    }

    @Test func ignoredPairsStayIgnoredAndAThirdPictureIsFound() throws {
        let album = try album()
        AtomicFile.unlink(album.pictures.pushing("old/car-again.jpg"))
        #expect(try album.program.run("index").status == 0)
        #expect(try album.program.run("dupes").status == 0)
        #expect(try album.program.run("dupes ignore pictures/car.jpg pictures/small.jpg").status == 0)
        #expect(try album.program.run("dupes ignore pictures/small.jpg pictures/car.jpg").status == 1)
        #expect(try album.program.run("dupes").status == 1)
        // By content: it holds after a move.
        try AtomicFile.rename(
            album.pictures.appending("small.jpg"), to: album.pictures.pushing("old/moved.jpg"))
        #expect(try album.program.run("index").status == 0)
        #expect(try album.program.run("dupes").status == 1)
        let listed = try album.program.run("dupes ignore --list")
        #expect(listed.lines.count == 1 && listed.text.contains("old/moved.jpg"), "\(listed.errors)")
        // A third picture that matches one of them.
        let bytes = try FileContents.read(album.pictures.appending("car.jpg")).bytes
        try (bytes + Array("more".utf8)).withUnsafeBytes {
            try AtomicFile.write($0, to: album.pictures.appending("third.jpg"))
        }
        #expect(try album.program.run("index").status == 0)
        let found = try album.program.run("dupes --format paths").text
        #expect(found.contains("third.jpg"))
        #expect(
            try album.program.run("dupes ignore --remove pictures/car.jpg pictures/old/moved.jpg").status == 0
        )
        #expect(try album.program.run("dupes --format paths").text.contains("moved.jpg"))
        #expect(try album.program.run("dupes ignore --list").status == 1)
        #expect(try album.program.run("dupes ignore pictures/car.jpg").status == 2)
        let same = try album.program.run("dupes ignore pictures/car.jpg pictures/car.jpg")
        #expect(same.status == 2 && same.errors.contains("same bytes"), "\(same.errors)")
    }

    @Test func sidecarsGoWithTheirPictureAndRawFilesHoldItBack() throws {
        let album = try album()
        func write(_ name: String, _ text: String) throws {
            try Array(text.utf8).withUnsafeBytes {
                try AtomicFile.write($0, to: album.pictures.pushing(FilePath(name)))
            }
        }
        try write("small.xmp", "edits")
        try write("old/car-again.dng", "raw")
        let before = try files(album)
        #expect(try album.program.run("dupes --plan p --keep path:*/pictures/car.jpg").status == 0)
        let lines = try Plan(contentsOf: album.folder.appending("p")).entries.map(\.line)
        let small = try #require(lines.first { $0.path.lastComponent == "small.jpg" })
        #expect(small.companions.map(\.path.lastComponent) == ["small.xmp"])
        let again = try #require(lines.first { $0.path.lastComponent == "car-again.jpg" })
        #expect(again.action == .skip && again.reason?.contains("car-again.dng") == true)
        #expect(try album.program.run("apply p").status == 0)
        #expect(try files(album).count == before.count - 2)
        #expect(try album.program.run("undo").status == 0)
        #expect(try files(album) == before)
    }

    @Test func aRawFileAndItsJPEGAreOnePicture() throws {
        let album = try Album(count: 0)
        let source = Fixtures.path("images/gallery/red-car.jpg")
        let bytes = try FileContents.read(source).bytes
        try Album.copy(source, to: album.pictures.appending("a.jpg"))
        // What is in a file named .dng is decided by its bytes; named singly, it is indexed.
        try (bytes + [0]).withUnsafeBytes { try AtomicFile.write($0, to: album.pictures.appending("a.dng")) }
        #expect(try album.program.run("index pictures pictures/a.dng").status == 0)
        #expect(try album.program.run("dupes").status == 1)
        try AtomicFile.rename(album.pictures.appending("a.dng"), to: album.pictures.appending("b.dng"))
        #expect(try album.program.run("index pictures pictures/b.dng").status == 0)
        #expect(try album.program.run("dupes").status == 0)
    }

    /// Killed again and again at random moments of `apply` and `undo`: nothing is lost, and undoing brings all back.
    @Test func killedAtRandomMomentsNothingIsLost() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let album = try Album(count: 0)
        var lines: [PlanLine] = []
        for group in 1...60 {
            for (name, action) in [
                ("keep", PlanAction.keep), ("a", .trash), ("b", .hardlink), ("c", .symlink), ("d", .move),
            ] {
                let path = album.pictures.pushing(FilePath("\(group)/\(name).jpg"))
                try Folders.create(path.removingLastComponent())
                let text = action == .trash ? "copy \(group)" : "kept \(group)"
                try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
                let status = try FileStatus.of(path)
                lines.append(
                    PlanLine(
                        action: action, group: group, path: path, size: status.size,
                        modified: status.modifiedNanoseconds, sha256: try digest(path),
                        destination: album.folder.appending("moved")))
            }
        }
        try Plan(lines).write(
            to: album.folder.appending("p"),
            head: Plan.Head(program: "test", time: "now", command: "none", index: "/"))
        let before = try files(album)
        let contents = Set(before.values.map { $0 })
        func everything() throws -> Set<[UInt8]> {
            func all(_ folder: FilePath) throws -> [[UInt8]] {
                guard (try? FileStatus.of(folder)) != nil else { return [] }
                return try Folders.list(folder).flatMap { entry -> [[UInt8]] in
                    let path = folder.appending(entry.name)
                    switch try FileStatus.of(path, followingLinks: false).kind {
                    case .directory: return try all(path)
                    case .regular: return [try FileContents.read(path).bytes]
                    default: return []
                    }
                }
            }
            return Set(try all(album.folder))
        }
        var killed = 0
        for round in 0..<100 {
            let command = round % 2 == 0 ? "apply p" : "undo"
            let running = try album.program.start(command.split(separator: " ").map { Array($0.utf8) })
            usleep(UInt32.random(in: 5_000...250_000, using: &random))
            running.signal(SIGKILL)
            if try running.wait().status == 128 + SIGKILL { killed += 1 }
            #expect(try everything().isSuperset(of: contents), "seed \(seed), round \(round)")
        }
        for _ in 0..<200 {
            if try album.program.run("undo").status == 1 { break }
        }
        #expect(try files(album) == before, "seed \(seed)")
        #expect(killed > 10, "seed \(seed): the rounds were over before they could be killed")
    }

    private func digest(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        defer { try? file.close() }
        return try ContentDigest.sha256(of: file, path: path)
    }

    @Test func anInterruptedRunStopsBetweenTwoActions() throws {
        let album = try Album(count: 0)
        var lines: [PlanLine] = []
        for number in 0...400 {
            let path = album.pictures.appending("\(number).jpg")
            try Array("\(number)".utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
            let status = try FileStatus.of(path)
            lines.append(
                PlanLine(
                    action: number == 0 ? .keep : .trash, group: 1, path: path, size: status.size,
                    modified: status.modifiedNanoseconds, sha256: try digest(path)))
        }
        try Plan(lines).write(
            to: album.folder.appending("p"),
            head: Plan.Head(program: "test", time: "now", command: "none", index: "/"))
        let before = try files(album)
        let running = try album.program.start(["apply", "p"].map { Array($0.utf8) })
        // Wait for the first file to go, then interrupt.
        for _ in 0..<2000 {
            if try Folders.list(album.pictures).count < before.count { break }
            usleep(1_000)
        }
        running.signal(SIGINT)
        let ended = try running.wait()
        #expect(ended.status == 130 || ended.status == 0, "\(ended.errors)")
        if ended.status == 130 { #expect(ended.errors.contains("interrupted: "), "\(ended.errors)") }
        #expect(try album.program.run("undo").status == 0)
        #expect(try files(album) == before)
    }
}
