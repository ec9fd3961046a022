import Imaging
import Inference

/// CLIP in the layout of Hugging Face's `CLIPModel`: a vision transformer and a causal text transformer
/// (Radford et al., 2021).
enum CLIPFamily: ModelFamily {
    static let mark = "'clip'"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        guard sources.configuration?["model_type"]?.string == "clip" else { return nil }
        let fields = sources.fields, weights = sources.weights, files = sources.files
        let projection = try fields.size("projection_dim", default: 512)
        let vision = try VisionTransformer.Configuration(
            fields.under("vision_config"), projection: projection)
        let text = try TextTransformer.Configuration(fields.under("text_config"), projection: projection)
        return ModelDescription(
            name: fields.json["name"]?.string, architecture: "CLIP ViT-\(vision.label)",
            dimension: projection,
            logitScale: try LogitScale.read(weights),
            image: {
                TowerImageEncoder(
                    tower: try VisionTransformer(weights, vision),
                    preprocessing: try Preprocessing.read(files, side: vision.imageSide)
                        ?? .clip(side: vision.imageSide))
            },
            text: { try TowerTextEncoder.clip(weights, text, files) })
    }
}

/// What a model multiplies cosines by, stored as its logarithm.
enum LogitScale {
    /// Reads `logit_scale`, nil when the model has none.
    static func read(_ weights: WeightReader) throws -> Float? {
        guard weights.has("logit_scale") else { return nil }
        return exponential(try weights.scalar("logit_scale"))
    }
}

extension TowerTextEncoder {
    /// CLIP's text tower with the tokenizer of its folder.
    static func clip(
        _ weights: WeightReader, _ configuration: TextTransformer.Configuration, _ files: ModelFiles
    ) throws -> TowerTextEncoder {
        let tokenizer = try Tokenizer.read(files, maximumLength: configuration.positions)
        if let end = configuration.endToken, end != tokenizer.endToken {
            throw ModelError.file(
                files.label,
                "config.json reads texts at token \(end), but the tokenizer ends them with "
                    + (tokenizer.endToken.map { "\($0)" } ?? "none"))
        }
        return TowerTextEncoder(tower: try TextTransformer(weights, configuration), tokenizer: tokenizer)
    }
}

extension VisionTransformer.Configuration {
    init(_ fields: ConfigurationFields, projection: Int) throws {
        guard try fields.size("num_channels", default: 3) == 3 else {
            throw ModelError.file(fields.file, "\(fields.path)num_channels is not 3")
        }
        transformer = try TransformerShape(fields, width: 768, inner: 3072, heads: 12)
        imageSide = try fields.size("image_size", default: 224, most: 4096)
        patchSide = try fields.size("patch_size", default: 32, most: 4096)
        self.projection = projection
        guard patchSide <= imageSide, patches <= 1 << 16 else {
            throw ModelError.file(
                fields.file, "\(fields.path)patch_size \(patchSide) does not fit image_size \(imageSide)")
        }
    }

    /// "B/32" by the usual names of widths, else the width itself.
    var label: String {
        let size =
            [768: "B", 1024: "L", 1280: "H", 1408: "g", 1664: "bigG"][transformer.width]
            ?? "\(transformer.width)"
        return "\(size)/\(patchSide)" + (imageSide == 224 ? "" : "@\(imageSide)")
    }
}

extension TextTransformer.Configuration {
    init(_ fields: ConfigurationFields, projection: Int) throws {
        transformer = try TransformerShape(fields, width: 512, inner: 2048, heads: 8)
        vocabulary = try fields.size("vocab_size", default: 49408, most: 1 << 22)
        positions = try fields.size("max_position_embeddings", default: 77, most: 1 << 14)
        self.projection = projection
        // 2 was written by early conversions, whose vector is that of the token with the largest number.
        let end = fields.json["eos_token_id"]?.integer ?? 49407
        guard end >= 0, let token = Int32(exactly: end) else {
            throw ModelError.file(fields.file, "\(fields.path)eos_token_id is \(end)")
        }
        endToken = token == 2 ? nil : token
    }
}

extension TransformerShape {
    init(_ fields: ConfigurationFields, width: Int, inner: Int, heads: Int) throws {
        self.width = try fields.size("hidden_size", default: width, most: 1 << 14)
        self.inner = try fields.size("intermediate_size", default: inner, most: 1 << 16)
        self.heads = try fields.size("num_attention_heads", default: heads, most: 1 << 10)
        layers = try fields.size("num_hidden_layers", default: 12, most: 1 << 10)
        let act = fields.json["hidden_act"]?.string ?? "quick_gelu"
        guard let activation = Activation(rawValue: act), activation != .identity else {
            throw ModelError.file(
                fields.file, "\(fields.path)hidden_act is '\(act)', expected quick_gelu, gelu or relu")
        }
        self.activation = activation
        let epsilon = fields.json["layer_norm_eps"]?.number ?? 1e-5
        guard epsilon > 0, epsilon < 1 else {
            throw ModelError.file(fields.file, "\(fields.path)layer_norm_eps is \(epsilon)")
        }
        self.epsilon = Float(epsilon)
        guard self.width % self.heads == 0 else {
            throw ModelError.file(
                fields.file,
                "\(fields.path)hidden_size \(self.width) is no multiple of num_attention_heads \(self.heads)")
        }
    }
}
