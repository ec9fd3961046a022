import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// The reader of sixty lines that Docs shows finds in the golden files what this one finds.
@Suite struct SecondReaderTests {
    /// What the script prints; nil where there is no Python.
    private static func run(_ folder: FilePath, _ id: UInt64) throws -> (output: String, status: Int32)? {
        let process = Process(), output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "python3", Fixtures.path("../Docs/read_vectors.py").string, folder.string, "\(id)",
        ]
        (process.standardOutput, process.standardError) = (output, output)
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return process.terminationStatus == 127 ? nil : (text, process.terminationStatus)
    }

    @Test func itHasSixtyLines() throws {
        let script = try FileContents.read(Fixtures.path("../Docs/read_vectors.py")).bytes
        #expect(script.count { $0 == UInt8(ascii: "\n") } <= 60)
    }

    @Test(arguments: ["index/v1", "index/v2", "index/v3"]) func itFindsTheSameRows(_ name: String) throws {
        let folder = Fixtures.path(name)
        let snapshot = try VectorSnapshot.open(folder: folder, space: FormatTests.space)
        let row = try #require(snapshot.row(ofID: 5))
        let found = try snapshot.search(snapshot.vector(ofRow: row), count: 10, options: .exact)
        guard let (output, status) = try Self.run(folder, 5) else { return }
        #expect(status == 0, "\(output)")
        let lines = output.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(lines.map { $0.first.flatMap { UInt64($0) } } == found.map(\.id))
        for (line, neighbor) in zip(lines, found) {
            let cosine = try #require(line.last.flatMap { Float($0) })
            #expect(abs(cosine - neighbor.similarity) <= 1e-4)
        }
    }

    @Test func itFindsAFlippedByte() throws {
        let copy = try TemporaryFolder()
        for entry in try Folders.list(Fixtures.path("index/v1")) {
            var bytes = try FileContents.read(Fixtures.path("index/v1").appending(entry.name)).bytes
            if entry.name.string == "0000000001.seg" { bytes[bytes.count / 2] ^= 4 }
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: copy.path.appending(entry.name)) }
        }
        guard let (output, status) = try Self.run(copy.path, 5) else { return }
        #expect(status != 0 && output == "0000000001.seg is damaged\n")
    }
}
