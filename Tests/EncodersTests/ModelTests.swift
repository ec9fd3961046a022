import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct ModelTests {
    @Test func tellsWhatItIs() throws {
        let clip = try Model.load(Fixtures.path("models/clip-quick-gelu"))
        #expect(clip.dimension == 24 && clip.hasImageEncoder && clip.hasTextEncoder)
        #expect(clip.logitScale.map { abs($0 - 33.115) < 1e-2 } == true)
        #expect(clip.id.hasPrefix("clip-quick-gelu-") && clip.fingerprint.count == 64)
        let dual = try Model.load(Fixtures.path("models/dual"))
        let preprocessing = try #require(try dual.imageEncoder).preprocessing
        #expect(
            preprocessing.mode == .squash && preprocessing.width == 48 && preprocessing.filter == .bicubic)
        let calibration = try #require(dual.calibration)
        #expect(calibration.shareBelow(0.02, .imageImage) == 0.5)
        #expect(calibration.shareBelow(-1, .imageImage) == 0 && calibration.shareBelow(1, .textImage) == 1)
        #expect(calibration.copyThreshold == 0.8)
        let network = try Model.load(Fixtures.path("models/resnet-bottleneck.safetensors"))
        #expect(network.dimension == 192 && !network.hasTextEncoder)
        #expect(try network.textEncoder == nil)
        #expect(try network.imageEncoder?.preprocessing.mode == .shortestEdgeCrop(resize: 256))
    }

    /// A changed weight, tokenizer or configuration is another model; a copy elsewhere is the same.
    @Test func fingerprintFollowsTheFiles() throws {
        let folder = try TemporaryFolder(), original = Fixtures.path("models/dual")
        let first = try Model.load(original).fingerprint
        try copyModel(original, to: folder.path)
        #expect(try Model.load(folder.path).fingerprint == first)
        for (file, offset) in [("model.safetensors", -50), ("merges.txt", 30), ("config.json", 1)] {
            try copyModel(original, to: folder.path)
            let path = folder.path.appending(file)
            var bytes = try FileContents.read(path).bytes
            let index = offset < 0 ? bytes.count + offset : offset
            bytes[index] = file == "config.json" ? UInt8(ascii: " ") : bytes[index] ^ 1
            if file == "config.json" { bytes.insert(UInt8(ascii: " "), at: 1) }
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
            #expect(try Model.load(folder.path).fingerprint != first, "\(file)")
        }
    }

    @Test func namesFileAndReasonOfWhatIsWrong() throws {
        let folder = try TemporaryFolder(), path = folder.path
        func expectError(_ text: String, _ open: () throws -> Any?) {
            do {
                _ = try open()
                Issue.record("no error, expected \(text)")
            } catch {
                #expect("\(error)".contains(text), "\(error)")
                #expect(!"\(error)".contains("\n"))
            }
        }
        expectError("model.safetensors") { try Model.load(path) }
        try copyModel(Fixtures.path("models/clip-gelu"), to: path)
        let config = path.appending("config.json")
        let text = String(decoding: try FileContents.read(config).bytes, as: UTF8.self)
        for (old, new, message) in [
            ("\"model_type\": \"clip\"", "\"model_type\": \"vit\"", "model_type 'vit' is not known"),
            (
                "\"hidden_size\": 40", "\"hidden_size\": 41",
                "hidden_size 41 is no multiple of num_attention_heads 5"
            ),
            ("\"intermediate_size\": 96", "\"intermediate_size\": 95", "expected [95, 40]"),
            ("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"swish\"", "hidden_act is 'swish'"),
            ("\"patch_size\": 16", "\"patch_size\": 0", "vision_config.patch_size is no whole number"),
            ("\"image_size\": 32", "\"image_size\": 1e9", "vision_config.image_size is no whole number"),
            (
                "\"vocab_size\": 420", "\"vocab_size\": 421",
                "'text_model.embeddings.token_embedding.weight' has shape [420, 36], expected [421, 36]"
            ),
            (
                "\"eos_token_id\": 419", "\"eos_token_id\": 418",
                "reads texts at token 418, but the tokenizer ends them with 419"
            ),
            (
                "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
                "encoder.layers.2.layer_norm1.weight' is missing"
            ),
            ("{", "[", "not valid JSON"),
        ] {
            #expect(text.contains(old))
            try write(text.replacing(old, with: new), to: config)
            expectError(message) {
                let model = try Model.load(path)
                _ = try model.textEncoder
                return try model.imageEncoder
            }
        }
        try write(text, to: config)
        let preprocessor = path.appending("preprocessor_config.json")
        let old = String(decoding: try FileContents.read(preprocessor).bytes, as: UTF8.self)
        try write(old.replacing("\"height\": 32", with: "\"height\": 33"), to: preprocessor)
        expectError("crop_size is not 32 x 32") { try Model.load(path).imageEncoder }
        try write(old, to: preprocessor)
        try Folders.removeTree(path.appending("tokenizer.json"))
        expectError("has no tokenizer") { try Model.load(path).textEncoder }
        try Folders.removeTree(config)
        expectError("is of no known architecture") { try Model.load(path) }
    }

    /// A model in several safetensors files, listed by an index, is the model in one.
    @Test func readsShardedWeights() throws {
        let folder = try TemporaryFolder(), path = folder.path
        try copyModel(Fixtures.path("models/dual"), to: path)
        let before = try #require(try Model.load(path).textEncoder).encode(["a cat"])
        try AtomicFile.rename(
            path.appending("model.safetensors"), to: path.appending("model-00001-of-00001.safetensors"))
        let index = path.appending("model.safetensors.index.json")
        try write("{\"weight_map\": {\"logit_scale\": \"model-00001-of-00001.safetensors\"}}", to: index)
        #expect(try #require(try Model.load(path).textEncoder).encode(["a cat"]) == before)
        try write("{\"weight_map\": {\"logit_scale\": \"../model-00001-of-00001.safetensors\"}}", to: index)
        #expect(throws: ModelError.self) { try Model.load(path) }
        try write("{\"weight_map\": {\"logit_scale\": \"absent.safetensors\"}}", to: index)
        #expect(throws: ModelError.self) { try Model.load(path) }
    }

    /// Eight threads that build and run the same towers at once get what one thread gets.
    @Test func towersAreThreadSafe() throws {
        let model = try Model.load(Fixtures.path("models/dual"))
        var random = SeededRandom(seed: 7)
        let pictures = (0..<6).map { _ in
            PixelBuffer(
                width: 60, height: 50,
                pixels: (0..<9000).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let texts = ["a cat", "two dogs on a beach", String(repeating: "snow and ice ", count: 9)]
        let expected = try (
            #require(try Model.load(Fixtures.path("models/dual")).imageEncoder).encode(pictures),
            #require(try Model.load(Fixtures.path("models/dual")).textEncoder).encode(texts)
        )
        let failures = Failures()
        WorkerThreads.run(threads: 8) { _ in
            do {
                for _ in 0..<5 {
                    let images = try model.imageEncoder?.encode(pictures),
                        words = try model.textEncoder?.encode(texts)
                    if images != expected.0 || words != expected.1 { failures.add("other vectors") }
                }
            } catch { failures.add("\(error)") }
        }
        #expect(failures.all.isEmpty)
    }

    /// A picture's vector does not depend on what it is encoded beside.
    @Test(arguments: ["dual", "clip-gelu"])
    func vectorsDoNotDependOnTheBatch(name: String) throws {
        let encoder = try #require(try Model.load(Fixtures.path("models/\(name)")).imageEncoder)
        var random = SeededRandom(seed: 8)
        let pictures = (0..<11).map { _ in
            PixelBuffer(
                width: 40, height: 33,
                pixels: (0..<3960).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let together = try encoder.encode(pictures)
        for (picture, vector) in zip(pictures, together) {
            let alone = try #require(try encoder.encode([picture]).first)
            let largest = zip(alone.values, vector.values).map { abs($0 - $1) }.max() ?? 1
            #expect(largest < 2e-6)
        }
        #expect(try encoder.encode([]).isEmpty)
    }
}

func copyModel(_ source: FilePath, to target: FilePath) throws {
    for entry in try Folders.list(source) {
        if try FileStatus.of(source.appending(entry.name)).kind == .directory {
            try Folders.create(target.appending(entry.name))
            try copyModel(source.appending(entry.name), to: target.appending(entry.name))
            continue
        }
        let bytes = try FileContents.read(source.appending(entry.name)).bytes
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: target.appending(entry.name)) }
    }
}

func write(_ text: String, to path: FilePath) throws {
    try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
}
