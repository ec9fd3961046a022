import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct FileCopyTests {
    @Test func copiesEveryByteToANewFile() throws {
        let folder = try TemporaryFolder()
        let source = folder.path.appending("a"), target = folder.path.appending("b")
        for count in [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000] {
            var random = SeededRandom(seed: UInt64(count))
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: source) }
            try FileCopy.copy(source, to: target)
            #expect(try FileContents.read(target).bytes == bytes)
            #expect(throws: SystemError("create", path: target, errno: .fileExists)) {
                try FileCopy.copy(source, to: target)
            }
            AtomicFile.unlink(target)
        }
    }

    @Test func leavesNothingWhenItFails() throws {
        let folder = try TemporaryFolder()
        let source = folder.path.appending("a"), target = folder.path.appending("b")
        #expect(throws: SystemError("copy", path: folder.path, errno: .isDirectory)) {
            try FileCopy.copy(folder.path, to: target)
        }
        try [UInt8](repeating: 1, count: 100).withUnsafeBytes { try AtomicFile.write($0, to: source) }
        let before = try Folders.list(folder.path).count
        do {
            try FileCopy.copy(source, to: target) { true }
            // A file system that shares blocks has copied before it was asked.
            AtomicFile.unlink(target)
        } catch { #expect(error.errno == .interrupted) }
        #expect(try Folders.list(folder.path).count == before)
    }
}
