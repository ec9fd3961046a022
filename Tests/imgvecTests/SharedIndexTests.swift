import Synchronization
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Processes that use one index at the same time: one writes, others ask.
@Suite struct SharedIndexTests {
    /// Each of the album's pictures under more names, with bytes behind the end of the file: another content, the
    /// same picture.
    private func grow(_ album: Album, copies: Int) throws {
        for name in try album.names() {
            let bytes = try FileContents.read(album.pictures.appending(name)).bytes
            for copy in 1...copies {
                try (bytes + [UInt8](repeating: UInt8(copy), count: copy)).withUnsafeBytes {
                    try AtomicFile.write($0, to: album.pictures.appending("\(copy)-\(name)"))
                }
            }
        }
    }

    /// Runs a writer, and asks for all pictures again and again until it has ended: each answer is whole and right.
    private func ask(
        _ album: Album, during writer: [String], picture: String, from least: Int, to most: Int
    ) throws -> Int {
        let isDone = Mutex(false), failures = Mutex<[String]>([]), answers = Mutex(0)
        WorkerThreads.run(threads: 3) { number in
            do {
                if number == 0 {
                    defer { isDone.withLock { $0 = true } }
                    let output = try album.program.run(writer)
                    if output.status != 0 { failures.withLock { $0.append("\(writer): \(output.errors)") } }
                    return
                }
                repeat {
                    let found = try album.program.run([
                        "find", "--image", "pictures/\(picture)", "--top", "1000", "--format", "paths",
                    ])
                    let isRight =
                        found.status == 0 && found.errors.isEmpty
                        && (least...most).contains(found.lines.count)
                        && Set(found.lines).count == found.lines.count
                        && found.lines.first?.hasSuffix(picture) == true
                    if !isRight {
                        failures.withLock {
                            $0.append(
                                "\(found.status) \(found.errors) \(found.lines.count) \(found.lines.first ?? "")"
                            )
                        }
                    }
                    answers.withLock { $0 += 1 }
                } while !isDone.withLock { $0 }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        return answers.withLock { $0 }
    }

    @Test func readersBesideAWriterGetWholeAnswers() throws {
        let album = try Album(count: 8)
        #expect(try album.program.run("index pictures").status == 0)
        let picture = try #require(try album.names().first)
        try grow(album, copies: 3)
        // Both who ask begin with the writer; how many answers they get meanwhile depends on the machine.
        #expect(try ask(album, during: ["index", "pictures"], picture: picture, from: 8, to: 32) >= 2)
        let all = try album.program.run("find --image pictures/\(picture) --top 1000 --format paths")
        #expect(all.lines.count == 32)
        try Folders.create(album.folder.appending("away"))
        for name in try album.names() where name.hasPrefix("3-") {
            try AtomicFile.rename(
                album.pictures.appending(name), to: album.folder.pushing("away").appending(name))
        }
        #expect(try ask(album, during: ["index", "pictures"], picture: picture, from: 24, to: 32) >= 2)
        #expect(try ask(album, during: ["compact"], picture: picture, from: 24, to: 24) >= 2)
        let output = try album.program.run("verify")
        #expect(output.status == 0, "\(output.errors)")
    }
}
