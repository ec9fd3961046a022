import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// A hub on the loopback, and a user who pulls from it.
struct PullScene {
    let temporary: TemporaryFolder
    let program: Program
    let hub: LocalHub
    var repository: LocalHub.Repository

    static let name = "someone/tiny-clip"

    /// The hub has one of our fixtures; `large` weights are padded so that they take some time.
    init(_ fixture: String = "models/clip-quick-gelu", padding: Int = 0, fault: LocalHub.Fault? = nil) throws
    {
        temporary = try TemporaryFolder()
        program = Program(in: temporary.path)
        repository = try LocalHub.Repository(Self.name, folder: Fixtures.path(fixture))
        repository.files["README.md"] = Array("---\nlicense: mit\ntags:\n- clip\n---\n# Tiny\n".utf8)
        repository.files["pytorch_model.bin"] = [1, 2, 3]
        repository.files["onnx/model.onnx"] = [4, 5, 6]
        repository.files["images/example.png"] = [7]
        repository.large.formUnion(["pytorch_model.bin", "onnx/model.onnx"])
        if padding > 0 { repository.files["model.safetensors"] = try Self.padded(repository, by: padding) }
        hub = try LocalHub(repository, fault: fault)
    }

    /// The weights with one more tensor, which nothing asks for, of so many bytes.
    private static func padded(_ repository: LocalHub.Repository, by count: Int) throws -> [UInt8] {
        let bytes = try #require(repository.files["model.safetensors"])
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: Any])
        let data = bytes[(8 + length)...]
        header["padding"] = [
            "dtype": "U8", "shape": [count], "data_offsets": [data.count, data.count + count],
        ]
        let text = Array(try JSONSerialization.data(withJSONObject: header))
        var random = SeededRandom(seed: 1)
        let tail = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data + tail
    }

    var environment: [String: String] { ["HF_ENDPOINT": hub.hub.url, "HF_HUB_DOWNLOAD_TIMEOUT": "2"] }
    var store: FilePath { temporary.path.pushing("data/imgvec/models") }
    var installed: FilePath { store.appending("someone--tiny-clip") }
    var parts: FilePath { store.pushing(".staging/someone--tiny-clip/parts") }

    func pull(
        _ arguments: [String] = [], environment more: [String: String] = [:], input: [UInt8] = []
    ) throws -> Program.Output {
        try program.run(
            ["models", "pull", Self.name] + arguments, input: input,
            environment: environment.merging(more) { $1 })
    }

    /// Requires that the model is there with the content the hub has, and answers as the fixture does.
    func expectInstalled(
        _ output: Program.Output, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(output.status == 0, "\(output.errors)", sourceLocation: sourceLocation)
        for name in try files(below: installed, "") where name != "imgvec-model.json" {
            let bytes = try FileContents.read(installed.pushing(FilePath(name))).bytes
            #expect(bytes == repository.files[name], "\(name)", sourceLocation: sourceLocation)
        }
        let verify = try program.run("models verify")
        #expect(
            verify.status == 0 && verify.errors.contains(Self.name), "\(verify.errors)",
            sourceLocation: sourceLocation)
        let left = (try? Folders.list(store.appending(".staging")).map(\.name.string)) ?? []
        #expect(left.allSatisfy { $0.hasSuffix(".lock") }, "\(left)", sourceLocation: sourceLocation)
    }

    private func files(below folder: FilePath, _ prefix: String) throws -> [String] {
        try Folders.list(folder).flatMap { entry in
            let path = folder.appending(entry.name), name = prefix + entry.name.string
            return try FileStatus.of(path).kind == .directory ? files(below: path, name + "/") : [name]
        }
    }

    /// Requires that it failed with one line that holds the words, and that nothing was installed.
    func expectFailure(
        _ output: Program.Output, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(output.status == 2, "\(output.errors)", sourceLocation: sourceLocation)
        let last = output.errors.split(separator: "\n").last ?? ""
        #expect(last.hasPrefix("imgvec: "), "\(output.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(last.contains(word), "\(output.errors)", sourceLocation: sourceLocation) }
        #expect((try? FileStatus.of(installed)) == nil, sourceLocation: sourceLocation)
    }
}

@Suite struct ModelPullTests {
    @Test func bringsWhatIsNeededAndNothingElse() throws {
        let scene = try PullScene()
        let output = try scene.pull()
        try scene.expectInstalled(output)
        #expect(output.errors.contains("installed someone/tiny-clip: CLIP"), "\(output.errors)")
        let names = try Folders.list(scene.installed).map(\.name.string)
        #expect(
            names == [
                "README.md", "config.json", "imgvec-model.json", "merges.txt", "model.safetensors",
                "preprocessor_config.json", "vocab.json",
            ])
        let asked = scene.hub.hub.requests + scene.hub.content.requests
        #expect(
            !asked.contains {
                $0.target.contains("pytorch") || $0.target.contains("onnx") || $0.target.contains("png")
            })
        #expect(asked.allSatisfy { $0.headers["user-agent"]?.hasPrefix("imgvec/") == true })
    }

    @Test func isFoundByItsNameAndItsShortName() throws {
        let scene = try PullScene()
        #expect(try scene.pull().status == 0)
        let folder = Fixtures.path("models/clip-quick-gelu").string
        let expected = try scene.program.run(["embed", "--text", "a tree", "--model", folder]).text
        for name in ["someone/tiny-clip", "tiny-clip"] {
            let run = try scene.program.run(["embed", "--text", "a tree", "--model", name])
            #expect(run.status == 0 && run.text == expected, "\(name): \(run.errors)")
        }
        #expect(try scene.program.run("models").lines.contains { $0.hasPrefix("someone/tiny-clip\t") })
        let info = try scene.program.run("models info tiny-clip").text
        #expect(info.contains("license       mit"))
        #expect(info.contains("pulled from   \(scene.hub.hub.url)/someone/tiny-clip"), "\(info)")
        #expect(info.contains("commit        \(scene.repository.commit)"))
        let other = try scene.program.run(["models", "add", folder, "--name", "other/tiny-clip"])
        #expect(other.status == 0, "\(other.errors)")
        let ambiguous = try scene.program.run("models info tiny-clip")
        #expect(ambiguous.status == 2 && ambiguous.errors.contains("other/tiny-clip or someone/tiny-clip"))
        #expect(try scene.program.run("models remove other/tiny-clip").status == 0)
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        let gone = try scene.program.run("models info tiny-clip")
        #expect(gone.status == 2 && gone.errors.contains("no model 'tiny-clip'"))
    }

    /// Every family is read from its configuration and its weights' tables alone before the weights come.
    @Test(arguments: [
        "clip-f16", "clip-gelu", "dual", "bert-dense", "bert-sentences", "roberta", "distilbert",
        "resnet-transformers",
        "timm-resnet",
    ])
    func everyFamilyIsPulled(_ fixture: String) throws {
        let scene = try PullScene("models/\(fixture)")
        try scene.expectInstalled(try scene.pull())
        let info = try scene.program.run("models info tiny-clip")
        #expect(info.status == 0, "\(info.errors)")
        let original = try scene.program.run(["models", "info", Fixtures.path("models/\(fixture)").string])
        func kind(_ output: Program.Output) -> [String] {
            output.lines.filter { $0.hasPrefix("architecture") || $0.hasPrefix("fingerprint") }
        }
        #expect(kind(info) == kind(original) && kind(info).count == 2)
    }

    @Test func dryRunListsAndWritesNothing() throws {
        let scene = try PullScene()
        let output = try scene.pull(["--dry-run"])
        #expect(output.status == 0, "\(output.errors)")
        let size = try #require(scene.repository.files["model.safetensors"]).count
        #expect(output.lines.contains("\(size)\tto download\tmodel.safetensors"), "\(output.text)")
        #expect(output.lines.count == 6 && output.errors.contains("to download"))
        #expect(scene.hub.downloads.isEmpty)
        #expect((try? FileStatus.of(scene.store)) == nil)
    }

    @Test func revisionIsAskedForAndRecorded() throws {
        let scene = try PullScene()
        let missing = try scene.pull(["--revision", "no such/branch"])
        scene.expectFailure(missing, "someone/tiny-clip", "no branch, tag or commit 'no such/branch'")
        #expect(
            scene.hub.hub.requests.last?.target == "/api/models/someone/tiny-clip/revision/no%20such%2Fbranch"
        )
        try scene.expectInstalled(try scene.pull(["--revision", "refs/pr/1"]))
    }

    @Test func secondPullIsNoWorkAndAnotherContentIsRefused() throws {
        var scene = try PullScene()
        #expect(try scene.pull().status == 0)
        let count = scene.hub.downloads.count
        let again = try scene.pull()
        #expect(again.status == 0 && again.errors.contains("installed already"), "\(again.errors)")
        // A new commit that changes the card only.
        scene.repository.commit = String(repeating: "ab", count: 20)
        scene.repository.files["README.md"] = Array("# Another card\n".utf8)
        scene.hub.change(scene.repository)
        let card = try scene.pull()
        #expect(card.status == 0 && card.errors.contains("installed already"), "\(card.errors)")
        #expect(scene.hub.downloads.count == count)
        // One that changes the vocabulary.
        scene.repository.files["merges.txt"]? += Array("\n".utf8)
        scene.hub.change(scene.repository)
        let other = try scene.pull()
        #expect(other.status == 2 && other.errors.contains("differs; remove it first"), "\(other.errors)")
        let named = try scene.pull(["--name", "newer"])
        #expect(named.status == 0, "\(named.errors)")
        #expect(try scene.program.run("models verify newer tiny-clip").status == 0)
    }

    @Test func damagedInstallationIsNotTakenForOne() throws {
        let scene = try PullScene()
        #expect(try scene.pull().status == 0)
        AtomicFile.unlink(scene.installed.appending("model.safetensors"))
        let again = try scene.pull()
        #expect(
            again.status == 2 && again.errors.contains("model.safetensors is not the file"), "\(again.errors)"
        )
        try Array("{".utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: scene.installed.appending("imgvec-model.json"))
        }
        let list = try scene.program.run("models")
        #expect(
            list.status == 3 && list.lines.count == 1
                && list.errors.contains("imgvec-model.json: not valid JSON"))
        #expect(try scene.program.run("models verify").status == 2)
        #expect(
            try scene.program.run("embed --text tree --model tiny-clip").errors.contains("not valid JSON"))
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        try scene.expectInstalled(try scene.pull())
    }

    @Test func shardedWeightsComeWithTheirIndex() throws {
        var scene = try PullScene()
        let single = try #require(scene.repository.files["model.safetensors"])
        scene.repository.files["model.safetensors"] = nil
        scene.repository.files["model-00001-of-00001.safetensors"] = single
        scene.repository.files["model.safetensors.index.json"] = Array(
            "{\"weight_map\": {\"logit_scale\": \"model-00001-of-00001.safetensors\"}}".utf8)
        scene.repository.large.insert("model-00001-of-00001.safetensors")
        scene.hub.change(scene.repository)
        try scene.expectInstalled(try scene.pull())
        scene.repository.files["model.safetensors.index.json"] = Array(
            "{\"weight_map\": {\"logit_scale\": \"../../model.safetensors\"}}".utf8)
        scene.hub.change(scene.repository)
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        scene.expectFailure(try scene.pull(), "model.safetensors.index.json lists no safetensors files")
    }

    /// What cannot be read is refused by its configuration, before vocabularies and weights.
    @Test func unknownArchitectureIsRefusedBeforeItsWeights() throws {
        var scene = try PullScene(padding: 3_000_000)
        scene.repository.files["config.json"] = Array("{\"model_type\": \"whisper\"}".utf8)
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        scene.expectFailure(
            output, "someone/tiny-clip: config.json: model_type 'whisper'", "weights were not downloaded")
        #expect(!output.errors.contains(scene.store.string))
        #expect(!scene.hub.downloads.contains { $0.path.contains("vocab.json") })
        let asked = scene.hub.content.requests.compactMap { $0.range?.last }
        #expect(asked.allSatisfy { $0 < 300_000 } && !asked.isEmpty)
        #expect(try scene.program.run("models").errors.isEmpty)
    }

    @Test func weightsInOtherFormatsAreNamed() throws {
        var scene = try PullScene()
        scene.repository.files["model.safetensors"] = nil
        scene.hub.change(scene.repository)
        scene.expectFailure(
            try scene.pull(), "it has no model.safetensors", "but onnx/model.onnx, pytorch_model.bin")
    }

    /// A tensor of the wrong shape shows in the table at the head of the weights.
    @Test func wrongTensorsAreRefusedBeforeTheWeights() throws {
        var scene = try PullScene(padding: 3_000_000)
        let weights = String(
            decoding: try #require(scene.repository.files["model.safetensors"]), as: Unicode.Latin1.self)
        scene.repository.files["model.safetensors"] = weights.replacing(
            "text_projection.weight", with: "text_projektion.weight"
        )
        .unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        scene.expectFailure(output, "text_projection.weight")
        #expect(scene.hub.content.requests.compactMap { $0.range?.last }.allSatisfy { $0 < 300_000 })
    }

    /// Old models have PyTorch weights only, and a conversion by Hugging Face's bot as a pull request.
    @Test func conversionOfTheHubsOwnBotIsTakenWhenItIsOfTheSameWeights() throws {
        var scene = try PullScene()
        let weights = try #require(scene.repository.files["model.safetensors"])
        scene.repository.files["model.safetensors"] = nil
        func offer(_ number: Int, _ author: String, _ files: [String: [UInt8]]) {
            let commit = String(repeating: "\(number % 10)", count: 40)
            scene.repository.offers.append((number, author, commit, files))
        }
        offer(9, "mallory", ["model.safetensors": [1]])
        offer(8, "SFconvertbot", ["model.safetensors": [2], "pytorch_model.bin": [9, 9]])
        scene.hub.change(scene.repository)
        scene.expectFailure(try scene.pull(), "it has no model.safetensors", "pytorch_model.bin")
        offer(7, "SFconvertbot", ["model.safetensors": weights])
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        #expect(output.errors.contains("'main' has no safetensors; taking Hugging Face's own conversion"))
        #expect(output.errors.contains("pull request 7"))
        scene.repository.files["model.safetensors"] = weights
        try scene.expectInstalled(output)
        #expect(try scene.program.run("models info tiny-clip").text.contains("commit        7777777777"))
        let again = try scene.pull()
        #expect(again.status == 0 && again.errors.contains("installed already"), "\(again.errors)")
    }

    @Test func largeDownloadNeedsAnAgreement() throws {
        var scene = try PullScene()
        scene.repository.announced["model.safetensors"] = (
            1_500_000_000, scene.repository.tag("model.safetensors")
        )
        // The announced size has to be in the table of tensors too.
        let bytes = try #require(scene.repository.files["model.safetensors"])
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        var header = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: Any])
        let data = bytes.count - 8 - length
        var end = 1_500_000_000
        var text = Data()
        for _ in 0..<3 {
            header["padding"] = ["dtype": "U8", "shape": [end - data], "data_offsets": [data, end]]
            text = try JSONSerialization.data(withJSONObject: header)
            end = 1_500_000_000 - 8 - text.count
        }
        scene.repository.files["model.safetensors"] =
            withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + Array(text)
            + bytes[(8 + length)...] + [UInt8](repeating: 0, count: 400_000)
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        scene.expectFailure(output, "takes 1.4 GiB to download; say --yes")
        let listed = try scene.pull(["--dry-run"])
        #expect(listed.status == 0 && listed.text.contains("1500000000\t"), "\(listed.errors)")
    }
}

extension String {
    fileprivate init(decoding bytes: [UInt8], as: Unicode.Latin1.Type) {
        self.init(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

extension Unicode { fileprivate enum Latin1 {} }
