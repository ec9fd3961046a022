import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// ResNets as timm and transformers publish them, with their preprocessing and classifiers.
@Suite struct ResNetFamilyTests {
    static let names = ["timm-resnet", "resnet-transformers"]

    @Test(arguments: names, TowerParityTests.backends)
    func agreesWithTheReferenceAfterEachStage(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name), model = try Model.load(Fixtures.path("models/\(name)"))
            let tower = try #require(try model.imageTower), pixels = try golden.tensor("pixels")
            let two = Tensor([2] + pixels.shape[1...], pixels.values.prefix(pixels.count / 3 * 2))
            var told: [String: [Tensor]] = [:], checked = 0
            _ = try tower(two) { stage, values in told[stage, default: []].append(values) }
            for (stage, values) in told {
                guard let expected = try? golden.tensor("image.\(stage)") else { continue }
                expectClose(Tensor(joining: values), expected, "\(name) \(stage)")
                checked += 1
            }
            #expect(checked == 5)
            expectClose(try tower(pixels) { _, _ in }, try golden.tensor("image.vectors"), "\(name) pooled")
            let classifier = try #require(try model.reading(.logits).imageTower)
            expectClose(
                try classifier(pixels) { _, _ in }, try golden.tensor("image.logits"), "\(name) logits")
        }
    }

    /// The folder's own resize, crop and normalisation give the reference's vector of a picture.
    @Test(arguments: names, ["vector", "logits"])
    func picturesAreMadeReadyAsTheReferenceDoes(name: String, result: String) throws {
        let golden = try Golden(name)
        let model = try Model.load(Fixtures.path("models/\(name)"))
            .reading(result == "logits" ? .logits : .pooled)
        let values = try golden.tensor("picture")
        let picture = PixelBuffer(
            width: values.shape[1], height: values.shape[0], pixels: values.values.map { UInt8($0) })
        let vector = try #require(try model.imageEncoder?.encode([picture]).first)
        let expected = try Embedding(normalizing: try golden.tensor("picture.\(result)").values)
        #expect(vector.cosine(to: expected) >= 0.99999)
    }

    @Test func tellsWhatItIs() throws {
        let timm = try Model.load(Fixtures.path("models/timm-resnet"))
        #expect(timm.name == "resnet18.a1_in1k" && timm.dimension == 16 && !timm.hasTextEncoder)
        let preprocessing = try #require(try timm.imageEncoder).preprocessing
        #expect(preprocessing.mode == .shortestEdgeCrop(resize: 67) && preprocessing.filter == .bicubic)
        let network = try Model.load(Fixtures.path("models/resnet-transformers"))
        #expect(network.dimension == 48 && network.architecture.hasPrefix("ResNet (bottleneck [1, 2, 1, 1]"))
        #expect(try network.imageEncoder?.preprocessing.mode == .shortestEdgeCrop(resize: 73))
    }

    /// Vectors of a model's layers are of different spaces: name, size and fingerprint differ.
    @Test func layersAreDifferentModels() throws {
        let pooled = try Model.load(Fixtures.path("models/timm-resnet"))
        #expect(pooled.layer == .pooled && pooled.layers == [.pooled, .logits])
        let logits = try pooled.reading(.logits)
        #expect(logits.dimension == 7 && logits.name == "resnet18.a1_in1k:logits" && logits.layer == .logits)
        #expect(logits.fingerprint != pooled.fingerprint && logits.fingerprint.count == 64)
        #expect(
            try logits.fingerprint
                == Model.load(Fixtures.path("models/timm-resnet")).reading(.logits).fingerprint)
        #expect(try logits.reading(.logits).fingerprint == logits.fingerprint)
        let clip = try Model.load(Fixtures.path("models/clip-gelu"))
        #expect(clip.layers == [.pooled])
        #expect(throws: ModelError.noLayer("logits", model: clip.name, has: ["pooled"])) {
            try clip.reading(.logits)
        }
    }

    @Test(arguments: [
        ("\"resnet18\"", "\"resnet18d\"", "architecture 'resnet18d' is not supported"),
        ("\"resnet18\"", "\"resnetblur50\"", "architecture 'resnetblur50' is not supported"),
        ("\"in_chans\": 3", "\"in_chans\": 1", "model_args.in_chans is not 3"),
        ("\"in_chans\": 3", "\"block_args\": {}", "model_args.block_args changes the architecture"),
        ("\"avg\",", "\"max\",", "global_pool is 'max', expected 'avg'"),
        ("\"bicubic\"", "\"lanczos\"", "interpolation is 'lanczos'"),
        (
            "\"crop_pct\": 0.95", "\"crop_pct\": \"most\"",
            "pretrained_cfg.crop_pct is no number from 0.05 to 1.0"
        ),
        ("\"crop_mode\": \"center\"", "\"crop_mode\": \"border\"", "crop_mode 'border' is not supported"),
        ("\"tag\": \"a1_in1k\"", "\"tag\": 7", "pretrained_cfg.tag is no text"),
    ])
    func refusesVariantsOfTimm(old: String, new: String, message: String) throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/timm-resnet"), to: folder.path)
        let config = folder.path.appending("config.json")
        let text = String(decoding: try FileContents.read(config).bytes, as: UTF8.self)
        #expect(text.contains(old))
        try write(text.replacing(old, with: new), to: config)
        let error = #expect(throws: ModelError.self) { try Model.load(folder.path) }
        #expect("\(try #require(error))".contains(message), "\(error as Any)")
    }

    /// Squeeze-and-excitation and other additions show in the tensors' names.
    @Test func refusesTensorsOfOtherNetworks() throws {
        let folder = try TemporaryFolder(), path = folder.path.appending("x.safetensors")
        let bytes = try FileContents.read(Fixtures.path("models/resnet-basic.safetensors")).bytes
        for (old, new, message) in [
            ("\"layer1.0.bn2.bias\"", "\"layer1.0.se1.bias\"", "'layer1.0.se1.bias' is in no plain ResNet"),
            ("\"conv1.weight\"", "\"conv9.weight\"", "'conv1.weight' is missing"),
        ] {
            let start = try #require(position(of: old, in: bytes))
            var copy = bytes
            copy.replaceSubrange(start..<start + old.utf8.count, with: Array(new.utf8))
            try copy.withUnsafeBytes { try AtomicFile.write($0, to: path) }
            let error = #expect(throws: SafeTensorsError.self) { try Model.load(path) }
            #expect("\(try #require(error))".contains(message), "\(error as Any)")
        }
    }

    private func position(of text: String, in bytes: [UInt8]) -> Int? {
        let wanted = Array(text.utf8)
        return (0..<bytes.count - wanted.count).first {
            bytes[$0] == wanted[0] && Array(bytes[$0..<$0 + wanted.count]) == wanted
        }
    }
}
