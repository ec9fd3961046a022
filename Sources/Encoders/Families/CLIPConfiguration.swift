import Inference

/// What transformers takes for the fields that a configuration of CLIP's kind leaves out.
struct TransformerDefaults: Sendable {
    let activation: Activation
    let epsilon: Double
    let patchSide: Int

    static let clip = TransformerDefaults(activation: .quickGELU, epsilon: 1e-5, patchSide: 32)
    static let sigLIP = TransformerDefaults(activation: .tanhGELU, epsilon: 1e-6, patchSide: 16)
}

extension VisionTransformer.Configuration {
    /// Reads a `vision_config`.
    init(_ fields: ConfigurationFields, _ defaults: TransformerDefaults, projection: Int?) throws {
        guard try fields.size("num_channels", default: 3) == 3 else {
            throw ModelError.file(fields.file, "\(fields.path)num_channels is not 3")
        }
        try self.init(
            try TransformerShape(fields, defaults, width: 768, inner: 3072, heads: 12),
            imageSide: try fields.size("image_size", default: 224, most: 4096),
            patchSide: try fields.size("patch_size", default: defaults.patchSide, most: 4096),
            projection: projection, fields)
    }

    /// Checks that patches fit into the picture; `fields` are for the message.
    init(
        _ shape: TransformerShape, imageSide: Int, patchSide: Int, projection: Int?,
        _ fields: ConfigurationFields
    ) throws(ModelError) {
        transformer = shape
        self.imageSide = imageSide
        self.patchSide = patchSide
        self.projection = projection
        guard patchSide <= imageSide, (imageSide / patchSide) * (imageSide / patchSide) <= 1 << 16 else {
            throw .file(
                fields.file, "\(fields.path)patch_size \(patchSide) does not fit image_size \(imageSide)")
        }
    }

    /// "B/32" by the usual names of widths, else the width itself.
    var label: String {
        let size =
            [768: "B", 1024: "L", 1152: "SO400M", 1280: "H", 1408: "g", 1664: "bigG"][transformer.width]
            ?? "\(transformer.width)"
        return "\(size)/\(patchSide)" + (imageSide == 224 ? "" : "@\(imageSide)")
    }
}

extension TextTransformer.Configuration {
    /// Reads CLIP's `text_config`.
    init(_ fields: ConfigurationFields, projection: Int?) throws {
        // 2 was written by early conversions, whose vector is that of the token with the largest number.
        let end = fields.json["eos_token_id"].map { $0.integer ?? -1 } ?? 49407
        guard end >= 0, let token = Int32(exactly: end) else {
            throw ModelError.file(fields.file, "\(fields.path)eos_token_id is no token's number")
        }
        self.init(
            transformer: try TransformerShape(fields, .clip, width: 512, inner: 2048, heads: 8),
            vocabulary: try fields.size("vocab_size", default: 49408, most: 1 << 22),
            positions: try fields.size("max_position_embeddings", default: 77, most: 1 << 14),
            projection: projection, pooling: token == 2 ? .largest : .token(token))
    }
}

extension TransformerShape {
    init(
        _ fields: ConfigurationFields, _ defaults: TransformerDefaults, width: Int, inner: Int, heads: Int
    ) throws(ModelError) {
        self.init(
            width: try fields.size("hidden_size", default: width, most: 1 << 14),
            inner: try fields.size("intermediate_size", default: inner, most: 1 << 16),
            layers: try fields.size("num_hidden_layers", default: 12, most: 1 << 10),
            heads: try fields.size("num_attention_heads", default: heads, most: 1 << 10),
            activation: try fields.activation("hidden_act", default: defaults.activation),
            epsilon: Float(try fields.number("layer_norm_eps", default: defaults.epsilon, in: 1e-12...0.1)))
        guard self.width % self.heads == 0 else {
            throw ModelError.file(
                fields.file,
                "\(fields.path)hidden_size \(self.width) is no multiple of num_attention_heads \(self.heads)")
        }
    }
}

extension ConfigurationFields {
    /// An activation by transformers' name for it.
    func activation(_ name: String, default value: Activation) throws(ModelError) -> Activation {
        switch try text(name, default: value.rawValue) {
        case "quick_gelu": return .quickGELU
        case "gelu": return .gelu
        case "gelu_pytorch_tanh", "gelu_new", "gelu_fast": return .tanhGELU
        case "relu": return .relu
        case let other:
            throw .file(
                file, "\(path)\(name) is '\(other)', expected quick_gelu, gelu, gelu_pytorch_tanh or relu")
        }
    }
}
