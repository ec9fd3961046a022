import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Towers that compute with bytes.
@Suite struct NumbersTests {
    static let models = [
        "clip-quick-gelu", "clip-vision", "dual", "open-clip", "open-clip-resnet", "open-clip-siglip",
        "resnet-basic.safetensors", "resnet-bottleneck.safetensors", "resnet-transformers", "siglip",
        "timm-clip-resnet.safetensors",
    ]

    private static func pictures(_ encoder: any ImageEncoder) throws -> [PixelBuffer] {
        let gallery = Fixtures.path("images/gallery")
        return try Folders.list(gallery).filter { $0.name.extension == "jpg" }.sorted {
            $0.name.string < $1.name.string
        }
        .prefix(12).map { entry in
            let bytes = try FileContents.read(gallery.appending(entry.name)).bytes
            return try bytes.withUnsafeBytes {
                try ImageDecoder.decode($0, minimumSide: encoder.preprocessing.minimumSide).pixels
            }
        }
    }

    /// Small random networks have few channels to average rounding out over: real ones come closer.
    @Test(arguments: models) func nearFloats(name: String) throws {
        let model = try Model.load(Fixtures.path("models/\(name)"))
        let (floats, bytes) = (
            try #require(try model.imageEncoder), try #require(try model.computing(in: .int8).imageEncoder)
        )
        let pictures = try Self.pictures(floats)
        let pairs = Array(zip(try floats.encode(pictures), try bytes.encode(pictures)))
        let cosines = pairs.map { $0.cosine(to: $1) }
        #expect(cosines.allSatisfy { $0 >= 0.99 }, "\(name): \(cosines)")
        #expect(pairs.contains { $0 != $1 }, "\(name) was not computed in bytes")
    }

    /// A picture's vector is the same to the last bit, alone and in any company.
    @Test(arguments: ["clip-quick-gelu", "resnet-basic.safetensors", "dual"])
    func vectorsDoNotDependOnTheBatch(name: String) throws {
        let encoder = try #require(
            try Model.load(Fixtures.path("models/\(name)")).computing(in: .int8).imageEncoder)
        let pictures = try Self.pictures(encoder)
        let together = try encoder.encode(pictures)
        for (picture, embedding) in zip(pictures, together) {
            #expect(try encoder.encode([picture])[0] == embedding)
        }
        #expect(try encoder.encode(pictures.reversed()) == together.reversed())
    }

    @Test func areModelsOfTheirOwn() throws {
        let model = try Model.load(Fixtures.path("models/resnet-basic.safetensors"))
        let bytes = try model.computing(in: .int8)
        #expect(
            bytes.fingerprint != model.fingerprint && bytes.numbers == .int8 && bytes.name.hasSuffix(":int8"))
        #expect(try model.computing(in: .float32).fingerprint == model.fingerprint)
        #expect(try bytes.computing(in: .int8).fingerprint == bytes.fingerprint)
        #expect(throws: ModelError.self) { try bytes.computing(in: .float32) }
        #expect(throws: ModelError.self) { try bytes.reading(.logits) }
        let variants = try model.variants
        #expect(Set(variants.map(\.fingerprint)).count == 4)
        #expect(variants.contains { $0.fingerprint == bytes.fingerprint })
        #expect(
            try variants.contains {
                $0.fingerprint == (try model.reading(.logits).computing(in: .int8).fingerprint)
            })
        // Texts are the same, and in floats.
        let dual = try Model.load(Fixtures.path("models/dual"))
        let texts = ["a cat", "a dog on the beach"]
        #expect(
            try dual.textEncoder?.encode(texts) == (try dual.computing(in: .int8).textEncoder?.encode(texts)))
    }

    @Test func embeddedModelAgrees() throws {
        let agreement = try Model.embedded().computing(in: .int8).agreementWithFloats()
        #expect(agreement.cosines.count == 4 && agreement.suffices, "\(agreement.cosines)")
        #expect(agreement.smallest <= agreement.mean && agreement.mean < 1)
    }

    /// A CLIP whose first channel is huge behind every normalisation, where no weight reads it: nothing to floats,
    /// everything to bytes.
    private static func spoiltModel(in folder: FilePath) throws {
        let original = Fixtures.path("models/clip-vision")
        for entry in try Folders.list(original) where entry.kind != .directory {
            let bytes = try FileContents.read(original.appending(entry.name)).bytes
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: folder.appending(entry.name)) }
        }
        let path = folder.appending("model.safetensors")
        var bytes = try FileContents.read(path).bytes
        for (name, entry) in try SafeTensors(path).entries {
            let start = entry.range.lowerBound
            if name.contains("layer_norm"), name.hasSuffix("weight") {
                // 30,000 as a half float.
                bytes[start] = 0x53
                bytes[start + 1] = 0x77
            }
            if name.contains("_proj.weight") && !name.contains("out_proj") && name.contains("self_attn")
                || name.contains("fc1.weight")
            {
                for row in 0..<entry.shape[0] {
                    bytes[start + 2 * row * entry.shape[1]] = 0
                    bytes[start + 2 * row * entry.shape[1] + 1] = 0
                }
            }
        }
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
    }

    @Test func disagreementIsSeen() throws {
        let folder = try TemporaryFolder()
        try Self.spoiltModel(in: folder.path)
        let agreement = try Model.load(folder.path).computing(in: .int8).agreementWithFloats()
        #expect(!agreement.suffices, "\(agreement.cosines)")
    }

    /// A record counts for the program and the model it was made with; one that cannot be written is no error.
    @Test func agreementIsRecorded() throws {
        let folder = try TemporaryFolder(), place = folder.path.appending("records")
        let model = try Model.load(Fixtures.path("models/clip-vision")).computing(in: .int8)
        let records = AgreementRecords(folder: place, program: "1")
        let measured = try records.agreement(of: model)
        #expect(measured == (try model.agreementWithFloats()))
        let path = place.appending("\(model.fingerprint).json")
        let line = try FileContents.read(path).bytes
        #expect(try records.agreement(of: model) == measured)
        #expect(try FileContents.read(path).bytes == line)
        let forged = String(decoding: line, as: UTF8.self).replacing(/\[.*\]/, with: "[1,1,0.5,1]")
        try Array(forged.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
        #expect(try records.agreement(of: model).smallest == 0.5, "the record is read")
        let later = AgreementRecords(folder: place, program: "2")
        #expect(try later.agreement(of: model) == measured, "of another version")
        #expect(try later.agreement(of: model) == measured)
        let unwritable = AgreementRecords(folder: path, program: "3")
        #expect(try unwritable.agreement(of: model) == measured)
    }

    /// The program uses floats then, and says so; otherwise the index holds the int8 model's vectors, and is asked with
    /// them.
    @Test func programChecksFirst() throws {
        let folder = try TemporaryFolder(), program = Program(in: folder.path)
        let gallery = Fixtures.path("images/gallery").string
        let spoilt = folder.path.appending("spoilt")
        try Folders.create(spoilt)
        try Self.spoiltModel(in: spoilt)
        let refused = try program.run([
            "embed", "\(gallery)/bicycle.jpg", "--model", "spoilt", "--numbers", "int8",
        ])
        #expect(refused.status == 0 && refused.errors.contains("computing in fp32"), "\(refused.errors)")
        let floats = try program.run(["embed", "\(gallery)/bicycle.jpg", "--model", "spoilt"])
        #expect(refused.bytes == floats.bytes && floats.errors.isEmpty)

        // What was found is on record, and the record decides the next time; a broken one does not.
        let records = try Folders.list(folder.path.pushing(".cache/imgvec/int8")).map(\.name)
        #expect(records.count == 1)
        let record = folder.path.pushing(".cache/imgvec/int8").appending(try #require(records.first))
        let line = String(decoding: try FileContents.read(record).bytes, as: UTF8.self)
        let head = try #require(line.firstIndex(of: "["))
        for (cosines, falls) in [("[0.999,0.999,0.999,0.999]}", false), ("[0.999]}", true)] {
            let bytes = Array((line[..<head] + cosines).utf8)
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: record) }
            let again = try program.run([
                "embed", "\(gallery)/bicycle.jpg", "--model", "spoilt", "--numbers", "int8",
            ])
            #expect(again.errors.contains("computing in fp32") == falls, "\(cosines): \(again.errors)")
        }
        #expect(String(decoding: try FileContents.read(record).bytes, as: UTF8.self) == line)

        let indexed = try program.run(["index", gallery, "--numbers", "int8", "--index", "x"])
        #expect(indexed.status == 0 || indexed.status == 3, "\(indexed.errors)")
        #expect(!indexed.errors.contains("fp32"))
        for (question, answer) in [
            (["--image", "\(gallery)/bicycle.jpg"], "bicycle"), (["--text", "a red car"], "red-car"),
        ] {
            let found = try program.run(
                ["find", "--index", "x", "--top", "3", "--format", "paths"] + question)
            #expect(found.status == 0 && found.text.contains(answer), "\(found.text)\(found.errors)")
        }
        let other = try program.run(["find", "--index", "x", "--text", "a cat", "--numbers", "fp32"])
        #expect(other.status == 2, "\(other.text)")
    }
}
