package import Inference

/// Which of a repository's files make a model: configuration, tokenizer, card, and weights in one format.
package struct PublishedFiles: Sendable, Equatable {
    /// Configuration, tokenizer and card.
    package var texts: [String]
    /// The safetensors files: one, or the shards that an index lists, and those of sentence-transformers' modules.
    package var weights: [String]

    /// Files of the first level that say what a model is or how it reads texts and pictures.
    private static let names: Set<String> = [
        "config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "vocab.txt",
        "modules.json",
        "sentence_bert_config.json", "config_sentence_transformers.json", "README.md", "LICENSE",
        "LICENSE.txt",
        "LICENSE.md",
    ]
    private static let openCLIPConfiguration = "open_clip_config.json"
    private static let openCLIPWeights = "open_clip_model.safetensors"
    private static let weights = "model.safetensors"
    static let index = "model.safetensors.index.json"

    /// How a repository's weights are laid out.
    package enum Layout: Equatable {
        /// `model.safetensors`, as transformers and timm write it.
        case single
        /// The parts that `model.safetensors.index.json` lists.
        case sharded
        /// `open_clip_model.safetensors` with `open_clip_config.json`.
        case openCLIP
    }

    /// The layouts in which a repository has weights, the usual one first.
    package static func layouts(of files: [String]) -> [Layout] {
        let files = Set(files)
        var layouts: [Layout] = []
        if files.contains(weights) {
            layouts.append(.single)
        } else if files.contains(index) {
            layouts.append(.sharded)
        }
        if files.contains(openCLIPWeights), files.contains(openCLIPConfiguration) {
            layouts.append(.openCLIP)
        }
        return layouts
    }

    /// The files of a layout; `shards` are those the index lists, for the sharded one.
    package init(of files: [String], layout: Layout, shards: [String] = []) {
        texts = Set(files).filter { Self.names.contains($0) || Self.isModule($0, "config.json") }.sorted()
        let modules = Set(files).filter { Self.isModule($0, Self.weights) }.sorted()
        switch layout {
        case .single: weights = [Self.weights] + modules
        case .sharded:
            texts.append(Self.index)
            weights = shards + modules
        case .openCLIP:
            // What stands beside it describes other weights.
            texts.removeAll {
                $0 == "config.json" || $0 == "preprocessor_config.json" || $0 == "processor_config.json"
            }
            texts.append(Self.openCLIPConfiguration)
            weights = [Self.openCLIPWeights]
        }
        texts.sort()
    }

    /// A file of a module of sentence-transformers, as `1_Pooling/config.json` and `2_Dense/model.safetensors` are.
    private static func isModule(_ name: String, _ file: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1] == file, let number = parts[0].split(separator: "_").first
        else {
            return false
        }
        return number.utf8.count <= 2 && number.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && isPlain(parts[0])
    }

    /// Whether a name is of printable ASCII characters and leads nowhere else.
    private static func isPlain(_ name: some StringProtocol) -> Bool {
        name.utf8.count <= 200 && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
    }

    /// Whether a text belongs to a tokenizer, and is not needed to tell what the model is.
    static func isTokenizer(_ name: String) -> Bool {
        ["tokenizer.json", "vocab.json", "merges.txt", "vocab.txt"].contains(name)
    }

    /// The shards that an index lists, nil when it is no index or leads out of the repository's first level.
    package static func shards(_ json: JSON) -> [String]? {
        guard case .object(let map)? = json["weight_map"] else { return nil }
        let names = Set(map.values.compactMap(\.string)).sorted()
        guard !names.isEmpty, names.count <= 1000,
            names.allSatisfy({ $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") && isPlain($0) })
        else { return nil }
        return names
    }

    /// What a repository without usable weights has instead, for the message.
    static func otherWeights(_ files: [String]) -> [String] {
        let endings = [".bin", ".onnx", ".msgpack", ".h5", ".pt", ".pth", ".gguf", ".safetensors", ".ckpt"]
        return Array(files.filter { name in endings.contains { name.hasSuffix($0) } }.sorted().prefix(4))
    }
}
