import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// A copy of the gallery pictures in a fresh folder, with a program to run there.
struct Album: Sendable {
    let temporary: TemporaryFolder
    let program: Program
    var folder: FilePath { temporary.path }
    var pictures: FilePath { folder.appending("pictures") }

    /// Copies the first `count` gallery pictures.
    init(count: Int = 12) throws {
        temporary = try TemporaryFolder()
        program = Program(in: temporary.path)
        try Folders.create(temporary.path.appending("pictures"))
        let gallery = Fixtures.path("images/gallery")
        for entry in try Folders.list(gallery).prefix(count) {
            try Self.copy(gallery.appending(entry.name), to: pictures.appending(entry.name))
        }
    }

    static func copy(_ source: FilePath, to target: FilePath) throws {
        try FileContents.read(source).bytes.withUnsafeBytes { try AtomicFile.write($0, to: target) }
    }

    /// Names below `pictures`, sorted.
    func names() throws -> [String] { try Folders.list(pictures).map(\.name.string) }
}

@Suite struct IndexCommandTests {
    @Test func indexesAFolderAndFindsEachPictureFirst() throws {
        let album = try Album()
        let index = try album.program.run("index pictures")
        #expect(index.status == 0, "\(index.errors)")
        #expect(index.errors.contains("12 new"))
        #expect(index.bytes.isEmpty)
        for name in try album.names() {
            let found = try album.program.run([
                "find", "--image", "pictures/\(name)", "--top", "1", "--format", "paths",
            ])
            #expect(found.status == 0, "\(found.errors)")
            #expect(found.lines == [album.pictures.appending(name).string])
        }
    }

    @Test func secondRunDecodesNothing() throws {
        let album = try Album()
        #expect(try album.program.run("index pictures").status == 0)
        let second = try album.program.run("index")
        #expect(second.status == 0)
        #expect(second.errors.hasPrefix("12 unchanged; 12 pictures in the index"), "\(second.errors)")
    }

    @Test func renamedFolderKeepsItsVectorsWithoutReading() throws {
        let album = try Album()
        let nested = album.pictures.appending("trip")
        try Folders.create(nested)
        for name in try album.names() where name != "trip" {
            try AtomicFile.rename(album.pictures.appending(name), to: nested.appending(name))
        }
        #expect(try album.program.run("index pictures").status == 0)
        try AtomicFile.rename(nested, to: album.pictures.appending("holiday"))
        let second = try album.program.run("index pictures")
        #expect(second.errors.hasPrefix("12 moved; 12 pictures in the index"), "\(second.errors)")
        let found = try album.program.run("find --text house --top 100 --format paths")
        #expect(found.lines.count == 12)
        #expect(found.lines.allSatisfy { $0.contains("/holiday/") })
    }

    @Test func renamedRootIsFollowedAndItsOldNameForgotten() throws {
        let album = try Album(count: 5)
        #expect(try album.program.run("index pictures").status == 0)
        try AtomicFile.rename(album.pictures, to: album.folder.appending("renamed"))
        let second = try album.program.run("index renamed")
        #expect(second.errors.hasPrefix("5 moved; 5 pictures in the index"), "\(second.errors)")
        #expect(try album.program.run("index").errors.hasPrefix("5 unchanged; 5 pictures"))
        #expect(
            try album.program.run("find --text house --top 9").lines.allSatisfy { $0.contains("/renamed/") })
    }

    @Test func copyOfAKnownPictureIsRecognisedByContent() throws {
        let album = try Album(count: 2)
        #expect(try album.program.run("index pictures").status == 0)
        let name = try album.names()[0]
        try Album.copy(album.pictures.appending(name), to: album.pictures.appending("copy-of-it.jpg"))
        let second = try album.program.run("index pictures")
        #expect(
            second.errors.hasPrefix("1 recognised by content, 2 unchanged; 3 pictures"), "\(second.errors)")
    }

    @Test func removedPictureLeavesTheResultsAndComesBackFree() throws {
        let album = try Album(count: 3)
        #expect(try album.program.run("index pictures").status == 0)
        let name = try album.names()[0]
        try AtomicFile.rename(album.pictures.appending(name), to: album.folder.appending(name))
        let second = try album.program.run("index pictures")
        #expect(second.errors.hasPrefix("2 unchanged, 1 gone; 2 pictures"), "\(second.errors)")
        #expect(try album.program.run("find --text house --top 9 --format paths").lines.count == 2)
        try AtomicFile.rename(album.folder.appending(name), to: album.pictures.appending(name))
        let third = try album.program.run("index pictures")
        #expect(third.errors.hasPrefix("1 recognised by content, 2 unchanged; 3 pictures"), "\(third.errors)")
    }

    @Test func absentRootIsNotADeletion() throws {
        let album = try Album(count: 3)
        #expect(try album.program.run("index pictures").status == 0)
        try AtomicFile.rename(album.pictures, to: album.folder.appending("unplugged"))
        let second = try album.program.run("index")
        #expect(second.status == 0)
        #expect(second.errors.contains("is not there; what is indexed below it is kept"))
        #expect(
            second.errors.contains("3 kept although not there now; 3 pictures in the index"),
            "\(second.errors)")
        #expect(try album.program.run("index pictures").status == 2)
    }

    #if os(Linux)
        /// A disk mounted below a root and taken away leaves an empty mount point; its pictures are kept.
        @Test func emptyMountPointIsNotADeletion() throws {
            func run(_ tool: String, _ arguments: [String]) -> Bool {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/bin/\(tool)")
                process.arguments = arguments
                process.standardError = FileHandle.nullDevice
                guard (try? process.run()) != nil else { return false }
                process.waitUntilExit()
                return process.terminationStatus == 0
            }
            let album = try Album(count: 2)
            let stick = album.pictures.appending("stick")
            try Folders.create(stick)
            guard run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", stick.string]) else {
                print("skipped emptyMountPointIsNotADeletion: mounting needs root")
                return
            }
            let name = try album.names()[0]
            do {
                defer { _ = run("umount", [stick.string]) }
                try Album.copy(Fixtures.path("images/gallery/rocket.jpg"), to: stick.appending("rocket.jpg"))
                #expect(try album.program.run("index pictures").errors.hasPrefix("3 new; 3 pictures"))
            }
            let away = try album.program.run("index pictures")
            #expect(
                away.errors.hasPrefix("2 unchanged, 1 kept although not there now; 3 pictures"),
                "\(away.errors)")
            // The same emptiness without another disk is a deletion.
            try Folders.create(album.pictures.appending("folder"))
            try AtomicFile.rename(
                album.pictures.appending(name), to: album.pictures.pushing(FilePath("folder/\(name)")))
            #expect(try album.program.run("index pictures").errors.hasPrefix("1 moved, 1 unchanged, 1 kept"))
            try Folders.removeTree(album.pictures.pushing(FilePath("folder/\(name)")))
            let gone = try album.program.run("index pictures")
            #expect(gone.errors.hasPrefix("1 unchanged, 1 gone, 1 kept"), "\(gone.errors)")
        }
    #endif

    @Test func unreadableFileIsNamedRememberedAndCounted() throws {
        let album = try Album(count: 2)
        try Album.copy(
            Fixtures.path("images/damaged/empty.jpg"), to: album.pictures.appending("empty.jpg"))
        let first = try album.program.run("index pictures")
        #expect(first.status == 3)
        #expect(first.errors.contains("pictures/empty.jpg: "))
        #expect(first.errors.contains("2 new, 1 unreadable; 2 pictures"), "\(first.errors)")
        let second = try album.program.run("index pictures")
        #expect(second.status == 3)
        #expect(!second.errors.contains("empty.jpg"))
        #expect(second.errors.hasPrefix("2 unchanged, 1 still unreadable; 2 pictures"), "\(second.errors)")
        let listed = try album.program.run("status --unreadable")
        #expect(listed.lines.count == 1 && listed.text.contains("empty.jpg\t"))
    }

    @Test func hardLinksAreCountedOnceAndSymbolicLinksPassedOver() throws {
        let album = try Album(count: 1)
        let name = try album.names()[0]
        try FileManager.default.linkItem(
            atPath: album.pictures.appending(name).string,
            toPath: album.pictures.appending("z-link.jpg").string)
        try FileManager.default.createSymbolicLink(
            atPath: album.pictures.appending("a-symlink.jpg").string, withDestinationPath: name)
        let run = try album.program.run("index pictures")
        #expect(run.errors.hasPrefix("1 new, 1 further hard links; 1 picture in"), "\(run.errors)")
    }

    @Test func hiddenSystemAndExcludedFoldersAreSkipped() throws {
        let album = try Album(count: 4)
        let names = try album.names()
        for (folder, name) in zip([".hidden", "@eaDir", "cache"], names) {
            try Folders.create(album.pictures.appending(folder))
            try AtomicFile.rename(
                album.pictures.appending(name), to: album.pictures.pushing(FilePath("\(folder)/\(name)")))
        }
        let run = try album.program.run(["index", "pictures", "--exclude", "cache"])
        #expect(run.errors.hasPrefix("1 new; 1 picture in"), "\(run.errors)")
        let hidden = try album.program.run("index pictures --hidden")
        #expect(hidden.errors.hasPrefix("3 new, 1 unchanged; 4 pictures"), "\(hidden.errors)")
    }

    @Test func readsPathsFromStandardInput() throws {
        let album = try Album(count: 5)
        let list = try album.names().prefix(2).map { album.pictures.appending($0).string + "\0" }.joined()
        let run = try album.program.run("index --files-from - -0", input: Array(list.utf8))
        #expect(run.status == 0)
        #expect(run.errors.hasPrefix("2 new; 2 pictures"), "\(run.errors)")
        #expect(try album.program.run("index --files-from -", input: []).status == 1)
    }

    @Test func fileNamesAreBytes() throws {
        let album = try Album(count: 1)
        let name: [UInt8] = Array("caf".utf8) + [0xE9, 0x0A, 0x22] + Array(".jpg".utf8)
        let target = try #require(FilePath(bytes: album.pictures.bytes + [UInt8(ascii: "/")] + name))
        try Album.copy(album.pictures.appending(try album.names()[0]), to: target)
        try Folders.removeTree(
            album.pictures.appending(try album.names().first { !$0.hasPrefix("caf") } ?? ""))
        #expect(try album.program.run("index pictures").status == 0)
        let found = try album.program.run("find --text x -0")
        #expect(found.bytes == target.bytes + [0])
        let json = try album.program.run("find --text x --format jsonl")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(json.bytes)) as? [String: Any])
        #expect(object["path_bytes"] as? String == Data(target.bytes).base64EncodedString())
        let query = try album.program.run([
            Array("find".utf8), Array("--image".utf8), target.bytes, Array("-0".utf8),
        ])
        #expect(query.bytes == target.bytes + [0], "\(query.errors)")
    }

    @Test func secondWriterIsRefused() throws {
        let album = try Album(count: 2)
        #expect(try album.program.run("index pictures").status == 0)
        let lock = try FileLock(album.folder.pushing("data/imgvec/index/lock"))
        try #require(lock != nil)
        let second = try album.program.run("index pictures")
        #expect(second.status == 2)
        #expect(second.errors.contains("is being written by another imgvec (process"))
        #expect(try album.program.run("find --text house").status == 0)
        withExtendedLifetime(lock) {}
    }

    @Test func localIndexMovesWithItsFolder() throws {
        let album = try Album(count: 3)
        #expect(try album.program.run("init pictures").status == 0)
        #expect(try album.program.run("init pictures").status == 2)
        let inside = Program(in: album.pictures)
        #expect(try inside.run("index .").status == 0)
        try AtomicFile.rename(album.pictures, to: album.folder.appending("moved"))
        let moved = Program(in: album.folder.appending("moved"))
        let found = try moved.run("find --text house --format paths")
        #expect(found.lines.count == 3)
        #expect(found.lines.allSatisfy { $0.hasPrefix(album.folder.appending("moved").string + "/") })
        #expect(try moved.run("index").errors.hasPrefix("3 unchanged; 3 pictures"))
    }

    @Test func resultsDoNotDependOnTheNumberOfThreads() throws {
        let album = try Album(count: 12)
        #expect(try album.program.run("index pictures --jobs 1 --index one").status == 0)
        #expect(try album.program.run("index pictures --jobs 4 --index four").status == 0)
        let one = try album.program.run("find --text house --top 12 --format json --index one")
        let four = try album.program.run("find --text house --top 12 --format json --index four")
        #expect(one.bytes == four.bytes)
    }
}
