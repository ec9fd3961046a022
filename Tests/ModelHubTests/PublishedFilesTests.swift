import ModelHub
import Testing

@Suite struct PublishedFilesTests {
    @Test func sentenceEncoderComesWithItsPooling() throws {
        let files = [
            ".gitattributes", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
            "README.md",
            "config.json", "model.safetensors", "modules.json", "onnx/model.onnx", "openvino/config.json",
            "pytorch_model.bin", "rust_model.ot", "sentence_bert_config.json", "tf_model.h5",
            "tokenizer.json",
            "train_script.py", "vocab.txt",
        ]
        #expect(PublishedFiles.layouts(of: files) == [.single])
        let needed = PublishedFiles(of: files, layout: .single)
        #expect(
            needed.texts == [
                "1_Pooling/config.json", "2_Dense/config.json", "README.md", "config.json", "modules.json",
                "sentence_bert_config.json", "tokenizer.json", "vocab.txt",
            ])
        #expect(needed.weights == ["model.safetensors", "2_Dense/model.safetensors"])
    }

    @Test func openCLIPWeightsComeWithTheirOwnConfiguration() throws {
        let files = [
            "config.json", "model.safetensors", "open_clip_config.json", "open_clip_model.safetensors",
            "open_clip_pytorch_model.bin", "tokenizer.json",
        ]
        #expect(PublishedFiles.layouts(of: files) == [.single, .openCLIP])
        let needed = PublishedFiles(of: files, layout: .openCLIP)
        #expect(needed.texts == ["open_clip_config.json", "tokenizer.json"])
        #expect(needed.weights == ["open_clip_model.safetensors"])
    }

    @Test func namesThatLeadElsewhereAreNotTaken() throws {
        let files = [
            "../config.json", "1_../config.json/config.json", "a_b/config.json", "/config.json",
            "1_\u{0}/config.json",
            "1_Pooling/../config.json", "config.json\u{0}", "model.safetensors", "..\\config.json",
        ]
        #expect(PublishedFiles(of: files, layout: .single).texts.isEmpty)
        #expect(PublishedFiles.layouts(of: ["weights.safetensors", "model.fp16.safetensors"]).isEmpty)
    }

    @Test func entityTagsAreHashesOrNothing() throws {
        let sha256 = String(repeating: "0a", count: 32), sha1 = String(repeating: "f9", count: 20)
        #expect(ContentDigest(tag: "\"\(sha256)\"") == .sha256(sha256))
        #expect(ContentDigest(tag: "W/\"\(sha1)\"") == .gitBlob(sha1))
        #expect(ContentDigest(tag: sha1) == .gitBlob(sha1))
        for tag in [
            "", "\"\"", "\"\(sha1)-gzip\"", sha1.uppercased(), "../\(sha1)", "\"", String(sha1.dropLast()),
        ] {
            #expect(ContentDigest(tag: tag) == nil, "\(tag)")
        }
    }
}
