import Inference

/// A text tower as OpenCLIP's `text_cfg` describes it, with its tokenizer.
struct OpenCLIPText: Sendable {
    private let configuration: TextTransformer.Configuration
    private let cleaning: TextCleaning?
    private let weights: WeightReader
    private let files: ModelFiles

    init(
        _ fields: ConfigurationFields, _ sources: ModelSources, dimension: Int, activation: Activation
    ) throws {
        try fields.refuse(
            ["hf_model_name"], as: "names a text tower of transformers', which is not supported")
        try fields.refuse(["embed_cls", "tokenizer_mode"])
        files = sources.files
        let custom = sources.weights.has("text.token_embedding.weight")
        weights = custom ? sources.weights.under("text") : sources.weights
        let heads = try fields.size("heads", default: 8, most: 1 << 10)
        let shape = try fields.openCLIPShape(width: 512, heads: { _ in heads }, activation: activation)
        let projectionType = try fields.text("proj_type", default: "linear")
        guard projectionType == "linear" || (projectionType == "none" && shape.width == dimension) else {
            throw ModelError.file(
                fields.file, "\(fields.path)proj_type '\(projectionType)' is not supported, expected linear")
        }
        let vocabulary = try fields.size("vocab_size", default: 49408, most: 1 << 22)
        let isCausal = try !fields.flag("no_causal_mask", default: false)
        let pooling = try OpenCLIPText.pooling(fields)
        // Texts are always filled up to their full length; where tokens see only what is before them and one of
        // them is read, what comes after does not matter.
        let hasTokenizer = fields.json["hf_tokenizer_name"]?.string?.isEmpty == false
        let padding: Int32?
        if isCausal && pooling != .last {
            padding = nil
        } else if hasTokenizer {
            padding = try PaddingToken.read(files, fields, default: 0, vocabulary: vocabulary)
        } else {
            padding = 0
        }
        configuration = TextTransformer.Configuration(
            transformer: shape, vocabulary: vocabulary,
            positions: try fields.size("context_length", default: 77, most: 1 << 14),
            projection: projectionType == "none" ? nil : dimension, pooling: pooling, isCausal: isCausal,
            padding: padding)
        cleaning = hasTokenizer ? try OpenCLIPText.cleaning(fields.under("tokenizer_kwargs")) : nil
    }

    private static func pooling(_ fields: ConfigurationFields) throws -> TextTransformer.Pooling {
        switch try fields.text("pool_type", default: "argmax") {
        case "argmax": return .largest
        case "first": return .first
        case "last": return .last
        case "eos":
            let end = fields.json["eos_id"].map { $0.integer ?? -1 } ?? 2
            guard end >= 0, let token = Int32(exactly: end) else {
                throw ModelError.file(fields.file, "\(fields.path)eos_id is no token's number")
            }
            return .token(token)
        case let other:
            throw ModelError.file(
                fields.file, "\(fields.path)pool_type is '\(other)', expected argmax, eos, first or last")
        }
    }

    private static func cleaning(_ fields: ConfigurationFields) throws -> TextCleaning {
        try fields.refuse(["strip_sep_token", "language"])
        let name = try fields.text("clean", default: TextCleaning.whitespace.rawValue)
        guard let cleaning = TextCleaning(rawValue: name) else {
            throw ModelError.file(
                fields.file, "\(fields.path)clean is '\(name)', expected whitespace, lower or canonicalize")
        }
        return cleaning
    }

    /// Builds the tower and reads its tokenizer.
    func encoder() throws -> TowerTextEncoder {
        guard try ["tokenizer.json", "vocab.json"].contains(where: { try files.content($0) != nil }) else {
            throw ModelError.file(
                files.label,
                "has no tokenizer, since OpenCLIP carries its own: put tokenizer.json, or vocab.json and "
                    + "merges.txt, of openai/clip-vit-base-patch32 beside the weights")
        }
        return try TowerTextEncoder.read(files, configuration, weights, cleaning: cleaning) {
            try TextTransformer(openCLIP: weights, configuration)
        }
    }
}
