import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// CLIP's kin in the layouts of transformers, OpenCLIP and timm against those libraries, layer by layer, with every
/// math library there is (Fixtures/generate_clip_models.py).
@Suite struct ImageTextFamilyTests {
    static let backends: [MathBackend] = TowerParityTests.backends
    static let both = [
        "clip-sharded", "siglip", "open-clip", "open-clip-custom", "open-clip-resnet", "open-clip-siglip",
    ]
    static let images = both + ["clip-vision", "clip-vision-plain"],
        texts = both + ["clip-text", "clip-text-plain"]

    private func load(_ name: String) throws -> Model { try Model.load(Fixtures.path("models/\(name)")) }

    @Test(arguments: images, backends)
    func imageTower(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let model = try load(name)
            try check(try #require(try model.imageTower), try Golden(name), name)
            #expect(model.dimension == (try model.imageTower?.dimension))
        }
    }

    /// timm's names for the network that OpenCLIP's fixture has, which gives the same vectors.
    @Test(arguments: backends)
    func residualNetworkUnderTimmsNames(backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let model = try Model.load(Fixtures.path("models/timm-clip-resnet.safetensors"))
            #expect(model.dimension == 24 && !model.hasTextEncoder)
            let tower = try #require(try model.imageTower)
            try check(tower, try Golden("open-clip-resnet"), "timm-clip-resnet")
            #expect(try model.imageEncoder?.preprocessing.width == 64)
        }
    }

    private func check(_ tower: any ImageTower, _ golden: Golden, _ name: String) throws {
        let pixels = try golden.tensor("pixels")
        var checked = 0
        // The first two pictures' intermediate results are stored.
        let two = Tensor([2] + pixels.shape[1...], pixels.values.prefix(pixels.count / pixels.shape[0] * 2))
        _ = try tower(two) { stage, values in
            guard let expected = try? golden.tensor("image.\(stage)") else { return }
            expectClose(values, expected.rows(like: values, of: 2), "\(name) \(stage)")
            checked += 1
        }
        // Embeddings and two layers, or stem and four stages; OpenCLIP has nothing to hook without a first norm.
        #expect(checked == (name.hasSuffix("resnet") ? 5 : name == "open-clip-custom" ? 2 : 3))
        expectClose(try tower(pixels) { _, _ in }, try golden.tensor("image.vectors"), "\(name) vectors")
    }

    @Test(arguments: texts, backends)
    func textTower(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name), model = try load(name)
            let tower = try #require(try model.textTower)
            #expect(model.dimension == tower.dimension)
            var sequences: [[Int32]] = [], expected: [Tensor] = [], checked = 0
            for index in 0..<4 {
                let ids = try golden.tokens("text.\(index).ids")
                let vector = try tower([ids]) { stage, values in
                    guard let expected = try? golden.tensor("text.\(index).\(stage)") else { return }
                    // A causal tower computes up to the token it reads, then padding; the last layer only that.
                    let isRead = stage == "layer.1", last = expected.shape[0] - 1
                    #expect(isRead ? values.shape[0] == 1 : values.shape[0] >= min(ids.count, last + 1))
                    let wanted = expected.rows(
                        like: values, at: name.hasSuffix("siglip") ? last : ids.count - 1)
                    expectClose(values.rows(like: wanted), wanted, "\(name) text \(index) \(stage)")
                    checked += 1
                }
                expected.append(try golden.tensor("text.\(index).vector"))
                expectClose(vector, expected[index], "\(name) text \(index)")
                sequences.append(ids)
            }
            #expect(checked == (name.hasPrefix("open") ? 4 : 6))
            let together = try tower(sequences)
            for index in 0..<4 {
                expectClose(together.row(index), expected[index], "\(name) text \(index) of four")
            }
        }
    }

    /// What the model says of pairs: cosines, scaled, and with SigLIP's bias.
    @Test(arguments: both)
    func logits(name: String) throws {
        let golden = try Golden(name), model = try load(name)
        let imageTower = try #require(try model.imageTower), textTower = try #require(try model.textTower)
        let images = try imageTower(try golden.tensor("pixels")) { _, _ in }
        let texts = try textTower(try (0..<4).map { try golden.tokens("text.\($0).ids") })
        let scale = try #require(model.logitScale)
        #expect((model.logitBias != nil) == name.hasSuffix("siglip"))
        let logits = try (0..<images.shape[0]).flatMap { image in
            try (0..<4).map { text in
                let image = try Embedding(normalizing: images.row(image).values)
                return image.cosine(to: try Embedding(normalizing: texts.row(text).values)) * scale
                    + (model.logitBias ?? 0)
            }
        }
        expectClose(Tensor([images.shape[0], 4], logits), try golden.tensor("logits"), "\(name) logits")
    }

    /// The words of every tokenizer's folder are those that the reference made its numbers of.
    @Test(arguments: texts)
    func textsFromWords(name: String) throws {
        let golden = try Golden(name)
        let encoder = try #require(try load(name).textEncoder)
        let vector = try #require(try encoder.encode(["a photo of a cat"]).first)
        let expected = try Embedding(normalizing: try golden.tensor("text.0.vector").values)
        #expect(vector.cosine(to: expected) >= 0.99999)
    }

    /// OpenCLIP strips punctuation before SigLIP's tokenizer; this tokenizer sees the difference.
    @Test func openCLIPCleansTexts() throws {
        let golden = try Golden("open-clip-siglip")
        let encoder = try #require(try load("open-clip-siglip").textEncoder)
        let vectors = try encoder.encode([
            "A  photo,\tof_a CAT's  red-car! ", "a photo of a cats redcar", "a photo of a cat s red car",
        ])
        let expected = try Embedding(normalizing: try golden.tensor("sentence.vector").values)
        #expect(vectors[0].cosine(to: expected) >= 0.99999)
        #expect(vectors[0].cosine(to: vectors[1]) >= 0.999999 && vectors[0].cosine(to: vectors[2]) < 0.999)
        #expect(TextCleaning.canonicalize(" a_b\u{A0}C.D\u{1D}É ") == "a b cd é")
        #expect(TextCleaning.canonicalize(##"!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~a"##) == "a")
        #expect(TextCleaning.lower(" a_b\u{A0}C.D ") == "a_b c.d")
        #expect(TextCleaning.whitespace("\u{3000}A\n\n B\u{200B} ") == "A B\u{200B}")
    }

    @Test func tellsWhatItIs() throws {
        for (name, architecture) in [
            ("clip-vision", "CLIP ViT-32/8@32, image tower"), ("clip-text", "CLIP text tower"),
            ("siglip", "SigLIP ViT-32/8@32"), ("open-clip", "OpenCLIP ViT-32/8@48"),
            ("open-clip-siglip", "SigLIP ViT-48/8@32"),
            ("open-clip-resnet", "CLIP ResNet [2, 1, 1, 1], width 4"),
        ] {
            #expect(try load(name).architecture == architecture)
        }
        let vision = try load("clip-vision-plain"), text = try load("clip-text-plain")
        #expect(vision.dimension == 32 && !vision.hasTextEncoder && vision.logitScale == nil)
        #expect(text.dimension == 24 && !text.hasImageEncoder)
        #expect(try vision.textEncoder == nil && text.imageEncoder == nil)
    }
}
