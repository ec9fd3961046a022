import Encoders
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// BERT-like towers against transformers and sentence-transformers (Fixtures/generate_text_models.py).
@Suite struct SentenceEncoderTests {
    static let names = ["bert-sentences", "bert-dense", "distilbert", "roberta"]

    @Test(arguments: names, TowerParityTests.backends)
    func agreesWithTheReferenceAfterEachBlock(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name)
            let tower = try #require(try Model.load(Fixtures.path("models/\(name)")).textTower)
            var sequences: [[Int32]] = [], expected: [Tensor] = [], checked = 0
            while golden.has("text.\(sequences.count).ids") {
                let index = sequences.count, ids = try golden.tokens("text.\(index).ids")
                let vector = try tower([ids]) { stage, values in
                    guard let expected = try? golden.tensor("text.\(index).\(stage)") else { return }
                    let rows = Tensor(expected.shape, values.values.prefix(expected.count))
                    expectClose(rows, expected, "\(name) text \(index) \(stage)")
                    checked += 1
                }
                let reference = try golden.tensor("text.\(index).vector")
                // sentence-transformers' last module may scale to length 1; so does the encoder.
                expectClose(unit(vector), unit(reference), "\(name) text \(index)")
                sequences.append(ids)
                expected.append(unit(reference))
            }
            #expect(sequences.count == 11 && checked == 9)
            // All of them at once, which takes the path of many rows, and with ten times as many, of several
            // batches.
            for repeats in [1, 10] {
                let together = try tower(Array(repeatElement(sequences, count: repeats).joined()))
                for index in 0..<sequences.count * repeats {
                    expectClose(
                        unit(together.row(index)), expected[index % sequences.count],
                        "\(name) \(index) together")
                }
            }
        }
    }

    /// The folder's own tokenizer, prompt, length and modules give the reference's vector of a text.
    @Test(arguments: names) func textsComeOutAsInTheReference(name: String) throws {
        let golden = try Golden(name),
            encoder = try #require(try Model.load(Fixtures.path("models/\(name)")).textEncoder)
        let bytes = try FileContents.read(Fixtures.path("golden/models/sentences.json")).bytes
        let texts = try #require(try JSON.parse(bytes).array).compactMap(\.string)
        #expect(texts.count == 11)
        let vectors = try encoder.encode(texts)
        for (index, text) in texts.enumerated() {
            #expect(try encoder.tokens(of: text) == golden.tokens("text.\(index).ids"), "\(text)")
            let expected = try Embedding(normalizing: try golden.tensor("text.\(index).vector").values)
            #expect(vectors[index].cosine(to: expected) >= 0.99999, "\(name): \(text)")
        }
    }

    @Test func tellsWhatItIs() throws {
        let sentences = try Model.load(Fixtures.path("models/bert-sentences"))
        #expect(sentences.architecture == "BERT 2×32, mean pooling" && sentences.dimension == 32)
        #expect(!sentences.hasImageEncoder && sentences.hasTextEncoder)
        let dense = try Model.load(Fixtures.path("models/bert-dense"))
        #expect(dense.architecture == "BERT 2×24, cls+max pooling" && dense.dimension == 20)
        #expect(
            try Model.load(Fixtures.path("models/distilbert")).architecture == "DistilBERT 2×32, mean pooling"
        )
        #expect(
            try Model.load(Fixtures.path("models/roberta")).architecture == "RoBERTa 2×32, mean pooling")
    }

    /// Every file that decides the vectors counts in the fingerprint, and is installed.
    @Test func modulesAreOfTheModel() throws {
        let folder = try TemporaryFolder(), copy = folder.path.appending("copy")
        try Folders.create(copy)
        try copyModel(Fixtures.path("models/bert-dense"), to: copy)
        let first = try Model.load(copy).fingerprint
        #expect(try Model.load(Fixtures.path("models/bert-dense")).fingerprint == first)
        let store = ModelStore(folder.path.appending("store"))
        let installed = try store.add(copy, name: "dense")
        #expect(try Model.load(installed.path).fingerprint == first)
        try store.verify("dense")
        for name in [
            "1_Pooling/config.json", "2_Dense/config.json", "vocab.txt", "sentence_bert_config.json",
            "modules.json",
        ] {
            let path = copy.pushing(FilePath(name)), bytes = try FileContents.read(path).bytes
            // White space, or a piece more: what is read stays the same.
            try (bytes + Array("\n ".utf8)).withUnsafeBytes { try AtomicFile.write($0, to: path) }
            #expect(try Model.load(copy).fingerprint != first, "\(name)")
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
        }
        let weights = copy.pushing("2_Dense/model.safetensors")
        var bytes = try FileContents.read(weights).bytes
        bytes[bytes.count - 9] ^= 1
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: weights) }
        #expect(try Model.load(copy).fingerprint != first)
    }

    @Test(arguments: [
        (
            "modules.json", "models.Dense", "models.Router",
            "module 2 is 'sentence_transformers.models.Router'"
        ),
        (
            "modules.json", "\"path\": \"\"", "\"path\": \"0_Transformer\"",
            "has the transformer in '0_Transformer'"
        ),
        (
            "modules.json", "1_Pooling", "../1_Pooling",
            "names a file '../1_Pooling/config.json', which is no file name"
        ),
        (
            "modules.json", "1_Pooling", "9_Pooling",
            "names '9_Pooling', but there is no 9_Pooling/config.json"
        ),
        ("1_Pooling/config.json", "24", "25", "word_embedding_dimension is 25, but the transformer's is 24"),
        ("1_Pooling/config.json", "true", "1", "pooling_mode_cls_token is neither true nor false"),
        (
            "1_Pooling/config.json", "\"pooling_mode_cls_token\": true", "\"pooling_mode\": \"median\"",
            "pooling_mode is 'median'"
        ),
        ("2_Dense/config.json", "48", "47", "in_features is not 48"),
        ("2_Dense/config.json", "20", "21", "'linear.weight' has shape [20, 48], expected [21, 48]"),
        (
            "2_Dense/config.json", "activation.Tanh", "activation.SiLU",
            "activation_function is 'torch.nn.modules.activation.SiLU'"
        ),
        ("sentence_bert_config.json", "null", "0", "max_seq_length is no whole number"),
        ("config.json", "\"relu\"", "\"silu\"", "hidden_act is 'silu', expected quick_gelu, gelu"),
        (
            "config.json", "\"num_attention_heads\": 3", "\"num_attention_heads\": 5",
            "hidden_size 24 is no multiple"
        ),
        (
            "config.json", "\"vocab_size\": 224", "\"vocab_size\": 225",
            "has shape [224, 24], expected [225, 24]"
        ),
        ("config.json", "\"bert\"", "\"mpnet\"", "model_type 'mpnet' is not known"),
        // A line end in a value once broke the message in two.
        ("config.json", "\"bert\"", "\"be\\nrt\"", "model_type 'be\\x0art' is not known"),
        ("vocab.txt", "[SEP]", "[SEB]", "the vocabulary lacks '[SEP]'"),
    ])
    func refusesWhatItCannotRead(file: String, old: String, new: String, message: String) throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/bert-dense"), to: folder.path)
        let path = folder.path.pushing(FilePath(file))
        let text = String(decoding: try FileContents.read(path).bytes, as: UTF8.self)
        #expect(text.contains(old))
        try write(text.replacing(old, with: new), to: path)
        do {
            _ = try Model.load(folder.path).textEncoder
            Issue.record("no error, expected \(message)")
        } catch {
            #expect("\(error)".contains(message), "\(error)")
        }
    }

    private func unit(_ vector: Tensor) -> Tensor {
        let length = vector.values.reduce(Double(0)) { $0 + Double($1) * Double($1) }.squareRoot()
        return Tensor([vector.count], vector.values.map { Float(Double($0) / length) })
    }
}
