#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Runs that are killed or interrupted in the middle: nothing lost, nothing doubled, the same answers afterwards.
@Suite struct InterruptionTests {
    private static let query = "find --text house --top 200 --format json"

    /// An album with many different pictures: the gallery, each picture under several names with bytes added after
    /// the end of the file, which makes it another content.
    private func largeAlbum() throws -> Album {
        let album = try Album(count: 20)
        for name in try album.names() {
            let bytes = try FileContents.read(album.pictures.appending(name)).bytes
            for copy in 1...4 {
                let target = album.pictures.appending("\(copy)-\(name)")
                try (bytes + Array("copy \(copy)".utf8)).withUnsafeBytes {
                    try AtomicFile.write($0, to: target)
                }
            }
        }
        return album
    }

    private func answer(_ album: Album, _ index: String) throws -> [String] {
        // The numbers of the contents may differ, the scores and paths may not.
        try album.program.run("find --text house --top 200 --index \(index)").lines.sorted()
    }

    @Test func killedAtRandomMomentsLosesNothing() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let album = try largeAlbum()
        #expect(try album.program.run("index pictures --index whole").status == 0)
        let expected = try answer(album, "whole")
        #expect(expected.count == 100)
        for _ in 0..<5 {
            let running = try album.program.start(
                ["index", "pictures", "--index", "killed"].map { Array($0.utf8) })
            usleep(UInt32.random(in: 20_000...700_000, using: &random))
            running.signal(SIGKILL)
            _ = try running.wait()
        }
        let finish = try album.program.run("index pictures --index killed")
        #expect(finish.status == 0, "seed \(seed): \(finish.errors)")
        #expect(finish.errors.contains("100 pictures in the index"), "seed \(seed): \(finish.errors)")
        let verify = try album.program.run("verify --index killed")
        #expect(verify.status == 0, "seed \(seed): \(verify.text)\(verify.errors)")
        #expect(try answer(album, "killed") == expected, "seed \(seed)")
        #expect(try album.program.run("compact --index killed").status == 0)
        #expect(try answer(album, "killed") == expected, "seed \(seed), after compact")
    }

    @Test func interruptedRunKeepsFinishedWorkAndEndsWith130() throws {
        let album = try largeAlbum()
        let running = try album.program.start(["index", "pictures", "--jobs", "1"].map { Array($0.utf8) })
        // Wait for the first commits' files to appear, then interrupt.
        let store = album.folder.pushing("data/imgvec/index/vectors")
        for _ in 0..<500 where (try? FileStatus.of(store)) == nil { usleep(5_000) }
        running.signal(SIGINT)
        let ended = try running.wait()
        #expect(ended.status == 130 || ended.status == 0, "\(ended.errors)")
        if ended.status == 130 { #expect(ended.errors.contains("interrupted: "), "\(ended.errors)") }
        #expect(try album.program.run("verify").status == 0)
        let finish = try album.program.run("index pictures")
        #expect(finish.errors.contains("100 pictures in the index"), "\(finish.errors)")
    }
}
