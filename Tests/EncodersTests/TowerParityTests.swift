import Encoders
import Imaging
import Inference
import SystemPackage
import TestSupport
import Testing

/// The towers against transformers and torchvision, layer by layer, with every math library there is.
@Suite struct TowerParityTests {
    static let backends = MathLibrary.present
    static let clips = ["clip-quick-gelu", "clip-gelu", "clip-f16", "clip-bf16"]

    @Test(arguments: clips + ["dual"], backends)
    func imageTower(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name)
            let tower = try #require(try Model.load(Fixtures.path("models/\(name)")).imageTower)
            let pixels = try golden.tensor("pixels")
            try check(tower, pixels, golden, name)
        }
    }

    @Test(arguments: ["resnet-basic", "resnet-bottleneck"], backends)
    func residualNetwork(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name)
            let model = try Model.load(Fixtures.path("models/\(name).safetensors"))
            let tower = try #require(try model.imageTower)
            #expect(model.dimension == tower.dimension)
            try check(tower, try golden.tensor("pixels"), golden, name)
        }
    }

    private func check(_ tower: any ImageTower, _ pixels: Tensor, _ golden: Golden, _ name: String) throws {
        // The first two pictures' intermediate results are stored; a tower may tell them one after the other.
        let two = Tensor([2] + pixels.shape[1...], pixels.values.prefix(pixels.count / pixels.shape[0] * 2))
        var told: [String: [Tensor]] = [:]
        _ = try tower(two) { stage, values in told[stage, default: []].append(values) }
        var checked = 0
        for (stage, values) in told {
            guard let expected = try? golden.tensor("image.\(stage)") else { continue }
            let told = Tensor(joining: values)
            expectClose(told, expected.rows(like: told, of: 2), "\(name) \(stage)")
            checked += 1
        }
        #expect(checked == (name == "clip-f16" || name == "clip-bf16" ? 0 : name.hasPrefix("clip") ? 3 : 5))
        expectClose(try tower(pixels) { _, _ in }, try golden.tensor("image.vectors"), "\(name) vectors")
    }

    @Test(arguments: clips + ["dual"], backends)
    func textTower(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name)
            let tower = try #require(try Model.load(Fixtures.path("models/\(name)")).textTower)
            var sequences: [[Int32]] = [], expected: [Tensor] = [], checked = 0
            for index in 0..<6 {
                let ids = try golden.tokens("text.\(index).ids")
                let vector = try tower([ids]) { stage, values in
                    guard let expected = try? golden.tensor("text.\(index).\(stage)") else { return }
                    // Only the positions up to the end token are computed, then padding; in the end only that.
                    let wanted = expected.rows(like: values, at: ids.count - 1)
                    #expect(wanted.shape[0] == (stage == "layer.1" ? 1 : min(ids.count, values.shape[0])))
                    expectClose(values.rows(like: wanted), wanted, "\(name) text \(index) \(stage)")
                    checked += 1
                }
                expected.append(try golden.tensor("text.\(index).vector"))
                expectClose(vector, expected[index], "\(name) text \(index)")
                sequences.append(ids)
            }
            #expect(checked == 6)
            // All of them at once, which takes the path of many rows.
            let together = try tower(sequences)
            for index in 0..<6 {
                expectClose(together.row(index), expected[index], "\(name) text \(index) of six")
            }
        }
    }

    @Test(arguments: clips)
    func pictureFromPixels(name: String) throws {
        let golden = try Golden(name)
        let encoder = try #require(try Model.load(Fixtures.path("models/\(name)")).imageEncoder)
        let values = try golden.tensor("picture")
        let picture = PixelBuffer(
            width: values.shape[1], height: values.shape[0], pixels: values.values.map { UInt8($0) })
        let vector = try #require(try encoder.encode([picture]).first)
        let expected = try Embedding(normalizing: try golden.tensor("picture.vector").values)
        #expect(vector.cosine(to: expected) >= 0.9999)
    }

    @Test func wholeTextPath() throws {
        let golden = try Golden("clip-quick-gelu")
        let encoder = try #require(try Model.load(Fixtures.path("models/clip-quick-gelu")).textEncoder)
        let vector = try #require(try encoder.encode(["a photo of a cat"]).first)
        let expected = try Embedding(normalizing: try golden.tensor("text.0.vector").values)
        #expect(vector.cosine(to: expected) >= 0.99999)
    }
}
