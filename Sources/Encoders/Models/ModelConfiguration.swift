import Inference

/// What a model is, as its config.json and its tensors' shapes say.
struct ModelConfiguration: Sendable {
    enum Vision: Sendable {
        case transformer(VisionTransformer.Configuration)
        case resNet(prefix: String, projection: Int?)
    }

    let name: String?
    let architecture: String
    let vision: Vision?
    let text: TextTransformer.Configuration?
    let calibration: ScoreCalibration?
    /// Side of the square picture the image tower takes.
    let imageSide: Int

    /// Reads config.json, or, when there is none, recognises a ResNet by its tensors.
    static func read(_ files: ModelFiles, _ weights: WeightReader) throws -> ModelConfiguration {
        guard let json = try files.json("config.json") else {
            guard weights.has("conv1.weight"), weights.has("layer4.0.conv1.weight") else {
                throw ModelError.file(
                    files.label,
                    "is of no known architecture: it has no config.json, and its tensors' names are not those of "
                        + "torchvision's or timm's ResNet"
                )
            }
            return ModelConfiguration(
                name: nil, architecture: try ResNetSummary(weights).label,
                vision: .resNet(prefix: "", projection: nil),
                text: nil, calibration: nil, imageSide: 224)
        }
        let fields = ConfigurationFields(json, file: "\(files.label)/config.json")
        switch json["model_type"]?.string {
        case "clip":
            let projection = try fields.size("projection_dim", default: 512)
            let vision = try VisionTransformer.Configuration(
                fields.under("vision_config"), projection: projection)
            return ModelConfiguration(
                name: json["name"]?.string, architecture: "CLIP ViT-\(vision.label)",
                vision: .transformer(vision),
                text: try TextTransformer.Configuration(fields.under("text_config"), projection: projection),
                calibration: nil, imageSide: vision.imageSide)
        case "imgvec_dual":
            let projection = try fields.size("projection_dim")
            let vision = fields.under("vision_config")
            try vision.require("model_type", "resnet")
            let summary = try ResNetSummary(weights.under("vision_model"))
            guard vision.json["hidden_sizes"]?.numbers ?? [] == summary.widths.map(Double.init),
                vision.json["depths"]?.numbers ?? [] == summary.depths.map(Double.init)
            else {
                throw ModelError.file(
                    fields.file,
                    "vision_config differs from the weights, which have widths \(summary.widths) and depths "
                        + "\(summary.depths)"
                )
            }
            return ModelConfiguration(
                name: [json["name"]?.string, json["version"]?.string].compactMap { $0 }.joined(
                    separator: "-"),
                architecture: "\(summary.label) + text transformer",
                vision: .resNet(prefix: "vision_model", projection: projection),
                text: try TextTransformer.Configuration(fields.under("text_config"), projection: projection),
                calibration: try json["calibration"].map { try ScoreCalibration($0, file: fields.file) },
                imageSide: try vision.size("image_size", most: 4096))
        case let other:
            throw ModelError.file(
                fields.file,
                "model_type '\(other ?? "missing")' is not known here, expected 'clip' or 'imgvec_dual'")
        }
    }
}

/// A ResNet's widths and depths, counted from tensor names and shapes without building it.
private struct ResNetSummary {
    let widths: [Int], depths: [Int]
    let isBottleneck: Bool

    init(_ reader: WeightReader) throws {
        isBottleneck = reader.has("layer1.0.conv3.weight")
        let last = isBottleneck ? "conv3.weight" : "conv2.weight"
        var widths: [Int] = [], depths: [Int] = []
        for stage in 1...4 {
            guard let shape = reader.shape("layer\(stage).0.\(last)") else {
                throw reader.failure("layer\(stage).0.\(last)", "is missing")
            }
            widths.append(shape.first ?? 0)
            var depth = 1
            while reader.has("layer\(stage).\(depth).conv1.weight") { depth += 1 }
            depths.append(depth)
        }
        self.widths = widths
        self.depths = depths
    }

    /// "ResNet-50" for the published ones, else depths and widths.
    var label: String {
        let layers = 2 + depths.reduce(0, +) * (isBottleneck ? 3 : 2)
        let published = [18, 34, 50, 101, 152].contains(layers) && widths[0] == (isBottleneck ? 256 : 64)
        return published
            ? "ResNet-\(layers)"
            : "ResNet (\(isBottleneck ? "bottleneck" : "basic") \(depths), widths \(widths))"
    }
}

extension VisionTransformer.Configuration {
    fileprivate init(_ fields: ConfigurationFields, projection: Int) throws {
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
    fileprivate var label: String {
        let size =
            [768: "B", 1024: "L", 1280: "H", 1408: "g", 1664: "bigG"][transformer.width]
            ?? "\(transformer.width)"
        return "\(size)/\(patchSide)" + (imageSide == 224 ? "" : "@\(imageSide)")
    }
}

extension TextTransformer.Configuration {
    fileprivate init(_ fields: ConfigurationFields, projection: Int) throws {
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
    fileprivate init(_ fields: ConfigurationFields, width: Int, inner: Int, heads: Int) throws {
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

/// Checked access to the numbers of a configuration, with errors that name file and field.
struct ConfigurationFields {
    let json: JSON
    let file: String
    let path: String

    init(_ json: JSON, file: String, path: String = "") {
        self.json = json
        self.file = file
        self.path = path
    }

    /// The fields of a member; those of `<name>_dict`, which old conversions have, go before.
    func under(_ name: String) -> ConfigurationFields {
        var members: [String: JSON] = [:]
        if case .object(let fields)? = json[name] { members = fields }
        if case .object(let fields)? = json[name + "_dict"] { members.merge(fields) { _, new in new } }
        return ConfigurationFields(.object(members), file: file, path: path + name + ".")
    }

    /// A positive whole number, limited so that no product of sizes overflows.
    func size(_ name: String, default value: Int? = nil, most: Int = 1 << 16) throws(ModelError) -> Int {
        guard let field = json[name] else {
            guard let value else { throw .file(file, "\(path)\(name) is missing") }
            return value
        }
        guard let size = field.integer, size > 0, size <= most else {
            throw .file(file, "\(path)\(name) is no whole number from 1 to \(most)")
        }
        return size
    }

    /// Requires a text field to have a value.
    func require(_ name: String, _ value: String) throws(ModelError) {
        guard json[name]?.string == value else {
            throw .file(file, "\(path)\(name) is '\(json[name]?.string ?? "missing")', expected '\(value)'")
        }
    }
}
