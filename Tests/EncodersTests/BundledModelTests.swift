import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// The model that the program carries gives the vectors that PyTorch gives for the exported weights.
@Suite struct BundledModelTests {
    private func golden() throws -> SafeTensors {
        try SafeTensors(Fixtures.path("golden/mini/expected.safetensors"))
    }

    @Test(arguments: TowerParityTests.backends)
    func pictures(backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try golden(), entry = try #require(golden.entries["pixels"])
            let expected = try golden.weights("image_vectors").tensor()
            let (count, height, width) = (entry.shape[0], entry.shape[1], entry.shape[2])
            let size = height * width * 3
            let pictures = (0..<count).map { index in
                let start = entry.range.lowerBound + index * size
                return PixelBuffer(
                    width: width, height: height, pixels: Array(golden.bytes[start..<start + size]))
            }
            let vectors = try #require(try Model.embedded().imageEncoder).encode(pictures)
            for (index, vector) in vectors.enumerated() {
                expectClose(
                    Tensor([vector.dimension], vector.values), expected.row(index), "picture \(index)")
            }
        }
    }

    @Test(arguments: TowerParityTests.backends)
    func texts(backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let rows = try #require(
                try JSON.parse(FileContents.read(Fixtures.path("golden/mini/texts.json")).bytes).array)
            let expected = try golden().weights("text_vectors").tensor()
            let encoder = try #require(try Model.embedded().textEncoder)
            let texts = try rows.map { try #require($0["text"]?.string) }
            for (row, text) in zip(rows, texts) {
                #expect(try encoder.tokenizer.encode(text).map { Double($0) } == row["ids"]?.numbers)
            }
            let together = try encoder.encode(texts)
            for (index, text) in texts.enumerated() {
                let alone = try #require(try encoder.encode([text]).first)
                for vector in [alone, together[index]] {
                    expectClose(Tensor([vector.dimension], vector.values), expected.row(index), text)
                }
            }
        }
    }

    @Test func isWhatTheDocumentsSay() throws {
        let model = try Model.embedded()
        #expect(model.source == .embedded && model.dimension == 256 && model.name.hasPrefix("imgvec-mini"))
        #expect(model.calibration?.shareBelow(2, .textImage) == 1)
        #expect(try #require(try model.imageEncoder).preprocessing.mode == .squash)
        // Opened twice it is the same model.
        #expect(try Model.embedded().fingerprint == model.fingerprint)
    }
}
