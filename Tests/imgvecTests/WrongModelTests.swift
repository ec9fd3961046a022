import SystemPackage
import SystemSupport
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Model files that are not what they should be: the program ends with 2 and one line that names file, tensor or field,
/// and what was expected.
@Suite struct WrongModelTests {
    /// A copy of a small CLIP whose files a test changes.
    private struct Copy {
        let folder: TemporaryFolder
        let program: Program
        var model: FilePath { folder.path.appending("model") }

        init(_ name: String = "clip-quick-gelu") throws {
            folder = try TemporaryFolder()
            program = Program(in: folder.path)
            try Folders.create(model)
            let original = Fixtures.path("models/\(name)")
            for entry in try Folders.list(original) where entry.kind != .directory {
                try write(try FileContents.read(original.appending(entry.name)).bytes, entry.name.string)
            }
        }

        func write(_ bytes: [UInt8], _ name: String) throws {
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: model.appending(name)) }
        }

        func read(_ name: String) throws -> [UInt8] { try FileContents.read(model.appending(name)).bytes }

        /// Replaces text in a file that holds it.
        func replace(_ old: String, _ new: String, in name: String) throws {
            let text = String(decoding: try read(name), as: UTF8.self)
            try #require(text.contains(old), "\(name) has no \(old)")
            try write(Array(text.replacing(old, with: new).utf8), name)
        }

        /// Replaces text in the header of the weights, whose length in front follows.
        func replaceInHeader(_ old: String, _ new: String) throws {
            let bytes = try read("model.safetensors")
            let length = Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
            let header = String(decoding: bytes[8..<8 + length], as: UTF8.self)
            try #require(header.contains(old), "the header has no \(old)")
            let changed = Array(header.replacing(old, with: new).utf8)
            try write(
                withUnsafeBytes(of: UInt64(changed.count).littleEndian, Array.init) + changed
                    + bytes[(8 + length)...], "model.safetensors")
        }

        /// Runs `embed` and expects it to fail with one line that holds all the given texts.
        func expectFailure(
            _ texts: String..., arguments: [String] = ["--text", "a cat"],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let run = try program.run(["embed", "--model", "model"] + arguments)
            #expect(run.status == 2, "\(run.errors)", sourceLocation: sourceLocation)
            #expect(run.bytes.isEmpty, sourceLocation: sourceLocation)
            #expect(run.errors.hasPrefix("imgvec: "), "\(run.errors)", sourceLocation: sourceLocation)
            #expect(
                run.errors.split(separator: "\n").count == 1, "\(run.errors)", sourceLocation: sourceLocation)
            for text in texts {
                #expect(
                    run.errors.contains(text), "\(run.errors) does not say: \(text)",
                    sourceLocation: sourceLocation)
            }
        }
    }

    private static let projection = "text_projection.weight"
    private static let entry = #""text_projection.weight":{"dtype":"F32","shape":[24,36],"#

    @Test func missingTensor() throws {
        let copy = try Copy()
        try copy.replaceInHeader("\"text_projection.weight\"", "\"text_projection.wight\"")
        try copy.expectFailure("model/model.safetensors", "'text_projection.weight' is missing")
    }

    @Test(arguments: [
        ("\"F32\",\"shape\":[36,24]", "has shape [36, 24], expected [24, 36]"),
        ("\"I32\",\"shape\":[24,36]", "has type I32, expected F32, F16 or BF16"),
        ("\"I64\",\"shape\":[24,18]", "has type I64, expected F32, F16 or BF16"),
        ("\"U8\",\"shape\":[24,144]", "has type U8, expected F32, F16 or BF16"),
        ("\"F8_E4M3\",\"shape\":[24,144]", "has type F8_E4M3, expected F32, F16 or BF16"),
        ("\"F9\",\"shape\":[24,36]", "has type 'F9', which safetensors does not know"),
        ("\"F32\",\"shape\":[24,35]", "of shape [24, 35] and type F32 has 3456 bytes"),
        ("\"F32\",\"shape\":[4294967296,4294967296,4294967296]", "has more elements than there can be"),
        ("\"F32\",\"shape\":[24.5,36]", "has a dimension that is no size"),
        ("\"F32\",\"shape\":\"all\"", "has no shape"),
    ])
    func wrongTensor(changed: String, message: String) throws {
        let copy = try Copy()
        try copy.replaceInHeader(Self.entry, "\"\(Self.projection)\":{\"dtype\":\(changed),")
        try copy.expectFailure("model/model.safetensors: tensor '\(Self.projection)'", message)
    }

    @Test func tensorsThatOverlapOrLeaveAGap() throws {
        // Two tensors of 144 bytes: the later one moves back onto the earlier one, which leaves a gap behind it.
        let copy = try Copy(),
            header = String(
                decoding: try copy.read("model.safetensors").prefix(20_000), as: UTF8.self)
        let name = "text_model.final_layer_norm.weight"
        let match = try #require(
            header.firstMatch(
                of:
                    /"text_model.final_layer_norm.weight":\{"dtype":"F32","shape":\[36\],"data_offsets":\[(\d+),(\d+)\]/
            ))
        let start = try #require(Int(match.1)), end = try #require(Int(match.2))
        try copy.replaceInHeader("[\(start),\(end)]", "[\(start - 4),\(end - 4)]")
        try copy.expectFailure("tensor '\(name)' overlaps '")
        try copy.replaceInHeader("[\(start - 4),\(end - 4)]", "[\(start + 4),\(end + 4)]")
        try copy.expectFailure(
            "tensor '\(name)' starts at byte \(start + 4), expected \(start): no tensor may be preceded by a gap"
        )
    }

    @Test func nameGivenTwice() throws {
        let copy = try Copy()
        try copy.replaceInHeader("\"text_projection.weight\"", "\"visual_projection.weight\"")
        try copy.expectFailure("model/model.safetensors", "the name 'visual_projection.weight' only once")
    }

    @Test func filesCutShortOrTooLong() throws {
        let copy = try Copy(), whole = try copy.read("model.safetensors")
        let length = Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        func declare(_ length: UInt64) -> [UInt8] {
            withUnsafeBytes(of: length.littleEndian, Array.init) + whole[8...]
        }
        try copy.write(Array(whole.dropLast(1000)), "model.safetensors")
        try copy.expectFailure("model/model.safetensors: tensor '", "is at bytes ")
        try copy.write(whole + [0, 0], "model.safetensors")
        try copy.expectFailure("2 bytes follow the last tensor")
        try copy.write(Array(whole.prefix(100)), "model.safetensors")
        try copy.expectFailure("has 100 bytes, its header needs \(length + 8)")
        try copy.write([], "model.safetensors")
        try copy.expectFailure("has 0 bytes, its header needs 8")
        try copy.write(declare(UInt64(whole.count)), "model.safetensors")
        try copy.expectFailure("not a whole safetensors file", "its header needs \(whole.count + 8)")
        try copy.write(declare(1 << 63), "model.safetensors")
        try copy.expectFailure("its header would have 9223372036854775808 bytes")
        try copy.write(declare(UInt64(length / 2)), "model.safetensors")
        try copy.expectFailure("safetensors header is not valid JSON")
        try Folders.removeTree(copy.model.appending("model.safetensors"))
        try copy.expectFailure("holds no model.safetensors")
    }

    /// Numbers that are not finite are not looked for when a model opens; a vector they spoil is refused.
    @Test func weightsThatAreNoNumbers() throws {
        let copy = try Copy(), whole = try copy.read("model.safetensors")
        let length = Int(whole.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let header = String(decoding: whole[8..<8 + length], as: UTF8.self)
        let match = try #require(
            header.firstMatch(
                of: /"text_projection.weight":\{"dtype":"F32","shape":\[24,36\],"data_offsets":\[(\d+),/))
        var bytes = whole
        let start = 8 + length + (try #require(Int(match.1)))
        for (value, place) in [(Float.nan, 40), (.infinity, 44)] {
            bytes.replaceSubrange(
                start + place..<start + place + 4,
                with: withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init))
        }
        try copy.write(bytes, "model.safetensors")
        try copy.expectFailure(
            "model/model.safetensors: tensor 'text_projection.weight' has numbers that are not finite")
    }

    @Test(arguments: [
        ("\"clip\"", "\"whisper\"", "model_type 'whisper' is not known"),
        ("\"clip\"", "[\"clip\"]", "model_type"),
        ("\"projection_dim\": 24", "\"projection_dim\": \"24\"", "projection_dim is no whole number"),
        ("\"projection_dim\": 24", "\"projection_dim\": -24", "projection_dim is no whole number"),
        ("\"projection_dim\": 24", "\"projection_dim\": 24.5", "projection_dim is no whole number"),
        ("{", "{,", "not valid JSON"),
    ])
    func wrongConfiguration(old: String, new: String, message: String) throws {
        let copy = try Copy()
        var text = String(decoding: try copy.read("config.json"), as: UTF8.self)
        text.replaceSubrange(try #require(text.firstRange(of: old)), with: new)
        try copy.write(Array(text.utf8), "config.json")
        try copy.expectFailure("model/", message)
    }

    @Test func tokenizerWithoutANeededPiece() throws {
        let copy = try Copy()
        try copy.replace("<|endoftext|>", "<|endoftxt|>", in: "vocab.json")
        try copy.expectFailure("vocab.json", "<|endoftext|>")
        try Folders.removeTree(copy.model.appending("vocab.json"))
        try copy.expectFailure("has no tokenizer")
    }

    @Test(.disabled(if: getuid() == 0, "root reads everything")) func folderWithoutPermission() throws {
        let copy = try Copy()
        chmod(copy.model.string, 0)
        defer { chmod(copy.model.string, 0o700) }
        try copy.expectFailure("model", "Permission denied")
    }

    /// Models of one kind say what they cannot do.
    @Test func towersThatAreNotThere() throws {
        let copy = try Copy("timm-resnet"), picture = Fixtures.path("images/formats/rgb.png").string
        try copy.expectFailure("the model resnet18.a1_in1k has no text tower")
        try copy.expectFailure(
            "has no logits, only: pooled",
            arguments: ["--model", "imgvec-mini", "--layer", "logits", picture])
        let plain = try copy.program.run(["embed", "--model", "model", picture])
        let logits = try copy.program.run(["embed", "--model", "model", "--layer", "logits", picture])
        #expect(plain.status == 0 && logits.status == 0, "\(plain.errors)\(logits.errors)")
        #expect(plain.text.split(separator: ",").count == 17 && logits.text.split(separator: ",").count == 8)
    }

    /// An index never mixes vectors of two layers, and knows which of them it was asked with.
    @Test func layersHaveSpacesOfTheirOwn() throws {
        let copy = try Copy("timm-resnet")
        try Folders.create(copy.folder.path.appending("pictures"))
        for name in ["rgb.png", "baseline.jpg"] {
            let bytes = try FileContents.read(Fixtures.path("images/formats/\(name)")).bytes
            try bytes.withUnsafeBytes {
                try AtomicFile.write($0, to: copy.folder.path.appending("pictures").appending(name))
            }
        }
        #expect(try copy.program.run("index pictures --model model --layer logits").status == 0)
        let asked = try copy.program.run("find --image pictures/rgb.png --format json")
        #expect(asked.status == 0 && asked.text.contains("rgb.png"), "\(asked.errors)")
        let pooled = try copy.program.run("find --image pictures/rgb.png --model model")
        #expect(
            pooled.status == 2 && pooled.errors.contains("no vectors of resnet18.a1_in1k"), "\(pooled.errors)"
        )
        #expect(try copy.program.run("index pictures --model model").errors.contains("2 new"))
        let words = try copy.program.run("find --text cat --model model")
        #expect(words.status == 2 && words.errors.contains("has no text tower"), "\(words.errors)")
    }
}
