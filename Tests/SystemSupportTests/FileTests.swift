import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct FileTests {
    private func write(_ text: String, to path: FilePath) throws {
        try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
    }

    @Test func mapsAFileAndRefusesWhatIsNone() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("data")
        try write("hello", to: path)
        let file = try MappedFile(path)
        #expect(Array(file.bytes) == Array("hello".utf8))
        #expect(file.isInMemory(1..<3) && file.isInMemory(5..<5) && file.isInMemory(-4..<900))
        file.advise(.willNeed, in: 1..<900)
        try write("", to: path)
        #expect(try MappedFile(path).bytes.isEmpty)
        #expect(Array(file.bytes) == Array("hello".utf8), "a mapping outlives the replacement of its file")
        #expect(
            throws: SystemError("open", path: folder.path.appending("none"), errno: .noSuchFileOrDirectory)
        ) {
            _ = try MappedFile(folder.path.appending("none"))
        }
        #expect(throws: SystemError.self) { _ = try MappedFile(folder.path) }
    }

    @Test(arguments: [true, false]) func copiesAPartOfAMappedFile(keepsOpen: Bool) throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("data")
        try write("hello, world", to: path)
        let file = try MappedFile(path, keepsOpen: keepsOpen)
        #expect(try file.copy(of: 7..<12) == Array("world".utf8))
        #expect(try file.copy(of: 12..<12).isEmpty)
        try write("another text", to: path)
        #expect(
            try file.copy(of: 0..<5) == Array("hello".utf8), "the file that was mapped, not its successor")
    }

    @Test func copyingFromAFileThatWasCutShortIsAnError() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("data")
        try write("hello, world", to: path)
        let file = try MappedFile(path, keepsOpen: true)
        #expect(truncate(path.string, 9) == 0)
        #expect(throws: SystemError("read", path: path, errno: .ioError)) { _ = try file.copy(of: 7..<12) }
    }

    @Test func atomicWriteKeepsTheOldFileWhenItFails() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("data")
        try write("old", to: path)
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try AtomicFile.write(to: path) { file in
                _ = try file.writeAll("new".utf8)
                throw Stop()
            }
        }
        #expect(try FileContents.read(path).bytes == Array("old".utf8))
        #expect(try Folders.list(folder.path).count == 1, "the temporary file is gone")
        try write("new", to: path)
        #expect(try FileContents.read(path).bytes == Array("new".utf8))
    }

    @Test func fullDiskIsAnErrorAndLeavesTheOldFile() throws {
        guard (try? FileStatus.of("/dev/full")) != nil else { return }
        #expect(throws: (any Error).self) {
            let full = try FileDescriptor.open("/dev/full", .writeOnly)
            defer { try? full.close() }
            _ = try full.writeAll("x".utf8)
        }
    }

    @Test func readingHasALimitAndRefusesPipesAndFolders() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("data")
        try write("hello", to: path)
        #expect(try FileContents.read(path, limit: 5).bytes.count == 5)
        #expect(throws: SystemError("read", path: path, errno: .fileTooLarge)) {
            try FileContents.read(path, limit: 4)
        }
        #expect(throws: SystemError("read", path: folder.path, errno: .isDirectory)) {
            try FileContents.read(folder.path)
        }
        let pipe = folder.path.appending("pipe")
        #expect(mkfifo(pipe.string, 0o600) == 0)
        #expect(throws: SystemError("read", path: pipe, errno: .invalidArgument)) {
            try FileContents.read(pipe)
        }
        // Neither of these waits or fails.
        for path in [path, folder.path, pipe, folder.path.appending("none")] { FileContents.announce(path) }
    }

    @Test func lockIsExclusiveAndSaysWhoHoldsIt() throws {
        let folder = try TemporaryFolder()
        let path = folder.path.appending("lock")
        var first = try FileLock(path)
        #expect(first != nil)
        #expect(try FileLock(path) == nil)
        #expect(FileLock.owner(of: path) == Int(getpid()))
        first = nil
        #expect(try FileLock(path) != nil)
        withExtendedLifetime(first) {}
    }

    #if os(Linux)
        /// A process started by another thread holds a copy of every descriptor until its exec: the lock stayed taken.
        @Test func lockIsFreeAtOnceThoughACopyOfItsDescriptorLives() throws {
            let folder = try TemporaryFolder()
            let path = folder.path.appending("lock")
            var first = try FileLock(path)
            #expect(first != nil)
            let copies = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))
                    == path.string
            }.compactMap { Int32($0) }.map { dup($0) }
            #expect(copies.count == 1)
            first = nil
            #expect(try FileLock(path) != nil)
            for copy in copies { close(copy) }
            withExtendedLifetime(first) {}
        }
    #endif

    @Test func foldersAreListedByBytesAndRemovedWhole() throws {
        let folder = try TemporaryFolder()
        let top = folder.path.appending("a")
        try Folders.create(top.pushing("b/c"))
        try Folders.create(top.pushing("b/c"))
        let odd = try #require(FilePath(bytes: top.bytes + Array("/".utf8) + [0xFF, 0xFE]))
        try write("x", to: odd)
        try write("y", to: top.appending("B"))
        #expect(try Folders.list(top).map(\.name.bytes) == [Array("B".utf8), Array("b".utf8), [0xFF, 0xFE]])
        #expect(throws: SystemError.self) { try Folders.create(odd.appending("below-a-file")) }
        try Folders.removeTree(top)
        #expect((try? FileStatus.of(top)) == nil)
    }

    @Test func pathsKeepTheirBytes() throws {
        let bytes: [UInt8] = Array("/x/".utf8) + [0x80, 0x0A, 0xFF]
        #expect(FilePath(bytes: bytes)?.bytes == bytes)
        #expect(FilePath(bytes: [UInt8(ascii: "a"), 0]) == nil)
    }

    @Test(arguments: [
        ("*.tmp", "x/y.tmp", true), ("*.tmp", "x.tmp/y", false), ("x/*", "x/y/z", true), ("y", "x/y", true),
        ("y", "y/x", false), ("[0-9]*", "a/1b", true), ("/", "a", false),
    ])
    func globs(pattern: String, path: String, isMatch: Bool) {
        #expect(Glob(pattern).matches(relativePath: Array(path.utf8)) == isMatch, "\(pattern) \(path)")
    }
}
