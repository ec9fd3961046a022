import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct VectorCommandTests {
    @Test func embedWritesUnitVectorsAsLinesAndAsNumPy() throws {
        let album = try Album(count: 3)
        let names = try album.names().map { "pictures/\($0)" }
        let lines = try album.program.run(["embed"] + names + ["--text", "a tree"])
        #expect(lines.status == 0 && lines.lines.count == 4, "\(lines.errors)")
        var vectors: [[Double]] = []
        for line in lines.lines {
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["path"] != nil || object["text"] as? String == "a tree")
            vectors.append(try #require(object["vector"] as? [Double]))
        }
        #expect(vectors.allSatisfy { abs($0.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4 })
        let npy = try album.program.run(["embed"] + names + ["--text", "a tree", "--npy", "v.npy"])
        #expect(npy.status == 0 && npy.bytes.isEmpty)
        let bytes = try FileContents.read(album.folder.appending("v.npy")).bytes
        let header = 10 + Int(bytes[8]) + 256 * Int(bytes[9])
        #expect(header % 64 == 0)
        #expect(
            String(decoding: bytes[10..<header], as: UTF8.self).contains("'shape': (4, \(vectors[0].count))"))
        let values = bytes[header...].withUnsafeBytes { raw in
            (0..<raw.count / 4).map {
                Float(bitPattern: raw.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
        #expect(values.count == 4 * vectors[0].count)
        #expect(zip(values, vectors.joined()).allSatisfy { abs(Double($0) - $1) < 1e-6 })
    }

    @Test func embedNamesWhatItCannotReadAndGoesOn() throws {
        let album = try Album(count: 1)
        let name = try album.names()[0]
        let run = try album.program.run(["embed", "nowhere.jpg", "pictures/\(name)"])
        #expect(run.status == 3 && run.lines.count == 1)
        #expect(run.errors.contains("nowhere.jpg"))
    }

    /// A vector of half a picture is no silent answer.
    @Test func aPictureThatEndsEarlyIsNamed() throws {
        let album = try Album(count: 2)
        #expect(try album.program.run(["index", "pictures", "--quiet"]).status == 0)
        let whole = try FileContents.read(Fixtures.path("images/gallery/lighthouse.jpg")).bytes
        try whole.prefix(whole.count / 2).withUnsafeBytes {
            try AtomicFile.write($0, to: album.folder.appending("half.jpg"))
        }
        for command in [
            ["embed", "half.jpg"], ["compare", "half.jpg", "half.jpg"], ["find", "--image", "half.jpg"],
        ] {
            let run = try album.program.run(command)
            #expect(run.status == 0 && !run.bytes.isEmpty, "\(command): \(run.errors)")
            #expect(run.errors.contains("half.jpg: file ends early"), "\(command): \(run.errors)")
        }
    }

    /// Pictures are embedded in batches on several threads: each vector has to stand with its own name.
    @Test func embedKeepsTheOrderAroundUnreadablePictures() throws {
        let album = try Album(count: 21)
        var names = try album.names().map { "pictures/\($0)" }
        names.insert("nowhere.jpg", at: 3)
        names.insert("nowhere.jpg", at: 13)
        func vectors(_ names: [String]) throws -> [(path: String, vector: [Double])] {
            try album.program.run(["embed"] + names).lines.map { line in
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                return (
                    try #require(object["path"] as? String), try #require(object["vector"] as? [Double])
                )
            }
        }
        let all = try vectors(names)
        #expect(all.map(\.path) == names.filter { $0 != "nowhere.jpg" })
        for place in [0, 2, 3, 8, 11, 20] {
            let alone = try #require(try vectors([all[place].path]).first).vector
            #expect(zip(alone, all[place].vector).allSatisfy { abs($0 - $1) < 1e-5 }, "\(all[place].path)")
        }
    }

    @Test func compareGivesASymmetricMatrix() throws {
        let album = try Album(count: 2)
        let names = try album.names().map { "pictures/\($0)" }
        let run = try album.program.run(["compare"] + names + ["--text", "a house", "--format", "json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(run.bytes)) as? [String: Any])
        let cosine = try #require(object["cosine"] as? [[Double]])
        #expect(cosine.count == 3 && (object["items"] as? [Any])?.count == 3)
        for row in 0..<3 {
            #expect(abs(cosine[row][row] - 1) < 1e-5)
            for column in 0..<3 { #expect(abs(cosine[row][column] - cosine[column][row]) < 1e-6) }
        }
    }

    @Test func tokensGoThereAndBack() throws {
        let album = try Album(count: 0)
        let run = try album.program.run(["tokens", "A photo of a Dog", "--format", "json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(run.bytes)) as? [String: Any])
        let ids = try #require(object["ids"] as? [Int])
        #expect((object["pieces"] as? [String])?.count == ids.count)
        let back = try album.program.run(["tokens", "--decode"] + ids.map(String.init))
        #expect(back.text == "a photo of a dog\n")
    }

    @Test func modelsAreInstalledUsedCheckedAndRemoved() throws {
        let album = try Album(count: 4)
        let list = try album.program.run("models")
        #expect(list.status == 0 && list.text.hasPrefix("imgvec-mini"))
        let folder = Fixtures.path("models/clip-quick-gelu")
        #expect(try album.program.run(["models", "add", folder.string, "--name", "tiny"]).status == 0)
        #expect(try album.program.run("models").text.contains("tiny"))
        #expect(try album.program.run("models info tiny").text.contains("image, text"))
        #expect(try album.program.run("models verify").status == 0)
        #expect(try album.program.run("index pictures --model tiny").status == 0)
        let named = try album.program.run("find --text tree --model tiny --format json")
        let alone = try album.program.run("find --text tree --format json")
        #expect(named.status == 0 && named.bytes == alone.bytes, "\(alone.errors)")
        let other = try album.program.run("find --text tree --model imgvec-mini")
        #expect(other.status == 2 && other.errors.contains("no vectors of imgvec-mini"), "\(other.errors)")
        // A second space in the same index: the same pictures, embedded again.
        let second = try album.program.run("index pictures")
        #expect(second.errors.contains("4 new; 4 pictures"), "\(second.errors)")
        #expect(try album.program.run("verify").status == 0)
        #expect(try album.program.run("models remove tiny").status == 0)
        #expect(try album.program.run("find --text tree --model tiny").status == 2)
    }
}
