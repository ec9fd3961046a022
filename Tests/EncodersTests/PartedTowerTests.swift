import Encoders
import Imaging
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Vectors of several parts, each of a fixed length.
@Suite struct PartedTowerTests {
    private func configuration(_ parts: String, in folder: FilePath) throws {
        let path = folder.appending("config.json")
        let text = String(
            decoding: try FileContents.read(Fixtures.path("models/dual/config.json")).bytes, as: UTF8.self)
        let changed = text.replacing(
            "\"projection_dim\": 24,", with: "\"projection_dim\": 24, \"image_parts\": \(parts),")
        #expect(changed != text)
        try write(changed, to: path)
    }

    /// Each part keeps its direction and gets its length; texts stay as they were.
    @Test func partsHaveTheirShare() throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/dual"), to: folder.path)
        try configuration(
            "[{\"dimension\": 16, \"share\": 0.75}, {\"dimension\": 8, \"share\": 0.25}]", in: folder.path)
        let parted = try Model.load(folder.path), plain = try Model.load(Fixtures.path("models/dual"))
        var random = SeededRandom(seed: 11)
        let pictures = (0..<3).map { _ in
            PixelBuffer(
                width: 50, height: 40,
                pixels: (0..<6000).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let vectors = try #require(try parted.imageEncoder).encode(pictures)
        let whole = try #require(try plain.imageEncoder).encode(pictures)
        for (vector, other) in zip(vectors, whole) {
            for (range, share) in [(0..<16, Float(0.75)), (16..<24, 0.25)] {
                let part = vector.values[range], before = other.values[range]
                let (length, old) = (part.squares, before.squares)
                #expect(abs(length - share) < 1e-5)
                let product = zip(part, before).reduce(0) { $0 + $1.0 * $1.1 }
                #expect(abs(product / (length * old).squareRoot() - 1) < 1e-5)
            }
        }
        #expect(
            try #require(try parted.textEncoder).encode(["a cat"])
                == #require(try plain.textEncoder).encode(["a cat"]))
    }

    @Test(arguments: [
        ("[{\"dimension\": 16, \"share\": 0.75}]", "image_parts do not add up to 24"),
        (
            "[{\"dimension\": 16, \"share\": 0.75}, {\"dimension\": 8, \"share\": 0.75}]",
            "image_parts do not add up"
        ),
        ("[{\"dimension\": 24, \"share\": -1}]", "image_parts.share is no number"),
        ("[{\"dimension\": 1e30, \"share\": 1}]", "image_parts.dimension is no whole number"),
        ("[{\"share\": 1}]", "image_parts.dimension is missing"),
        ("\"halves\"", "image_parts do not add up"),
    ])
    func namesWhatIsWrong(parts: String, message: String) throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/dual"), to: folder.path)
        try configuration(parts, in: folder.path)
        do {
            _ = try Model.load(folder.path)
            Issue.record("no error for \(parts)")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }
}

extension ArraySlice<Float> {
    fileprivate var squares: Float { reduce(0) { $0 + $1 * $1 } }
}
