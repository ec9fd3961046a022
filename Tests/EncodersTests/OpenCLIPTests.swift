import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// OpenCLIP's folders beyond their numbers: what is refused, which weights are read, how they are installed.
@Suite struct OpenCLIPTests {
    /// What would change the vectors and is not computed here is named, not ignored.
    @Test func refusesWhatItDoesNotCompute() throws {
        let folder = try TemporaryFolder()
        func check(_ model: String, _ changes: [(String, String, String)]) throws {
            try copyModel(Fixtures.path("models/\(model)"), to: folder.path)
            let path = folder.path.appending("open_clip_config.json")
            let text = String(decoding: try FileContents.read(path).bytes, as: UTF8.self)
            for (old, new, message) in changes {
                #expect(text.contains(old), "\(old)")
                try write(text.replacing(old, with: new), to: path)
                let error = #expect(throws: (any Error).self) {
                    let model = try Model.load(folder.path)
                    _ = try model.imageEncoder
                    _ = try model.textEncoder
                }
                let described = error.map { "\($0)" } ?? "none"
                #expect(described.contains(message) && !described.contains("\n"), "\(described)")
            }
            try write(text, to: path)
            _ = try Model.load(folder.path).imageEncoder
        }
        try check(
            "open-clip",
            [
                ("\"embed_dim\": 20", "\"embed_dim\": 21", "expected [32, 21]"),
                ("\"quick_gelu\": true", "\"quick_gelu\": true, \"multimodal_cfg\": {}", "CoCa model"),
                ("\"head_width\": 8", "\"head_width\": 10", "is no multiple of 3 heads"),
                (
                    "\"head_width\": 8", "\"head_width\": 8, \"ls_init_value\": 0.1",
                    "ls_init_value is not supported"
                ),
                (
                    "\"head_width\": 8", "\"head_width\": 8, \"attentional_pool\": true",
                    "attentional_pool is not supported"
                ),
                ("\"head_width\": 8", "\"head_width\": 8, \"pool_type\": \"none\"", "pool_type is 'none'"),
                (
                    "\"heads\": 3", "\"heads\": 3, \"hf_model_name\": \"roberta-base\"",
                    "hf_model_name names a text"
                ),
                ("\"heads\": 3", "\"heads\": 3, \"embed_cls\": true", "embed_cls is not supported"),
                ("\"heads\": 3", "\"heads\": 3, \"pool_type\": \"max\"", "pool_type is 'max'"),
                ("\"context_length\": 20", "\"context_length\": 24", "expected [24, 24]"),
                (
                    "\"resize_mode\": \"shortest\"", "\"resize_mode\": \"fit\"",
                    "preprocess_cfg.resize_mode is 'fit'"
                ),
            ])
        try check(
            "open-clip-siglip",
            [
                (
                    "vit_base_patch8_siglip_32", "convnext_base",
                    "timm_model_name 'convnext_base' is not known"
                ),
                ("\"timm_pool\": \"map\"", "\"timm_pool\": \"avg\"", "timm_pool is 'avg'"),
                ("\"clean\": \"canonicalize\"", "\"clean\": \"fold\"", "clean is 'fold'"),
                ("\"approximate\": \"tanh\"", "\"approximate\": \"erf\"", "act_kwargs.approximate 'erf'"),
            ])
        try check(
            "open-clip-resnet",
            [
                ("\"image_size\": 64", "\"image_size\": 96", "but the weights' [2, 1, 1, 1] and 64"),
                ("\"embed_dim\": 24", "\"embed_dim\": 23", "expected [23, 128]"),
            ])
    }

    /// Where both layouts stand in a folder, config.json decides; a program's memory is named and not read.
    @Test func choosesAmongWeights() throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/open-clip"), to: folder.path)
        try copyModel(Fixtures.path("models/clip-sharded"), to: folder.path)
        #expect(try Model.load(folder.path).architecture.hasPrefix("CLIP ViT"))
        try write("{\"architecture\": \"vit\"}", to: folder.path.appending("config.json"))
        #expect(try Model.load(folder.path).architecture.hasPrefix("OpenCLIP ViT"))
        try Folders.removeTree(folder.path.appending("config.json"))
        #expect(try Model.load(folder.path).architecture.hasPrefix("OpenCLIP ViT"))
        try Folders.removeTree(folder.path.appending("open_clip_model.safetensors"))
        try Folders.removeTree(folder.path.appending("model.safetensors.index.json"))
        try write("pickle", to: folder.path.appending("open_clip_pytorch_model.bin"))
        let error = #expect(throws: ModelError.self) { try Model.load(folder.path) }
        #expect(error?.description.contains("open_clip_pytorch_model.bin") == true)
    }

    @Test func isInstalledWithAllItsFiles() throws {
        let folder = try TemporaryFolder()
        let store = ModelStore(folder.path.appending("models"))
        for name in ["open-clip-siglip", "clip-sharded"] {
            let original = Fixtures.path("models/\(name)")
            let installed = try store.add(original)
            let (first, second) = (try Model.load(original), try store.resolve(name))
            #expect(first.fingerprint == second.fingerprint && installed.manifest.files.count >= 4)
            let texts = ["a red cat"]
            #expect(try first.textEncoder?.encode(texts) == second.textEncoder?.encode(texts))
            try store.verify(name)
        }
    }

    /// OpenCLIP carries its tokenizer in its program: without the files the error says where to get them.
    @Test func saysHowToGetATokenizer() throws {
        let folder = try TemporaryFolder()
        try copyModel(Fixtures.path("models/open-clip"), to: folder.path)
        try Folders.removeTree(folder.path.appending("tokenizer.json"))
        let model = try Model.load(folder.path)
        #expect(try model.imageEncoder != nil)
        let error = #expect(throws: ModelError.self) { try model.textEncoder }
        #expect(error?.description.contains("openai/clip-vit-base-patch32") == true)
    }
}
