import Inference

/// An image tower as OpenCLIP's `vision_cfg` describes it.
struct OpenCLIPVision: Sendable {
    /// What the model is, for people.
    let label: String
    /// The side of the pictures, in pixels.
    let imageSide: Int
    /// Builds the tower.
    let tower: @Sendable () throws -> any ImageTower

    init(
        _ fields: ConfigurationFields, _ weights: WeightReader, dimension: Int, activation: Activation
    ) throws {
        let side = try fields.square("image_size", default: 224)
        if let name = fields.json["timm_model_name"]?.string {
            try self.init(timm: name, fields, weights.under("visual"), side: side, dimension: dimension)
        } else if fields.json["layers"]?.array != nil {
            try self.init(network: fields, weights.under("visual"), side: side, dimension: dimension)
        } else {
            try self.init(
                transformer: fields, weights.under("visual"), side: side, dimension: dimension, activation)
        }
    }

    /// OpenCLIP's own vision transformer.
    private init(
        transformer fields: ConfigurationFields, _ weights: WeightReader, side: Int, dimension: Int,
        _ activation: Activation
    ) throws {
        try fields.refuse(["attentional_pool"])
        let headWidth = try fields.size("head_width", default: 64, most: 1 << 14)
        let shape = try fields.openCLIPShape(width: 768, heads: { $0 / headWidth }, activation: activation)
        let configuration = try VisionTransformer.Configuration(
            shape, imageSide: side, patchSide: try fields.square("patch_size", default: 16),
            projection: dimension, fields)
        let hasFirstNorm = try !fields.flag("no_ln_pre", default: false)
        let normalizesLast = try fields.flag("final_ln_after_pool", default: false)
        let poolType = try fields.text("pool_type", default: "tok")
        guard poolType == "tok" || poolType == "avg" else {
            throw ModelError.file(
                fields.file, "\(fields.path)pool_type is '\(poolType)', expected tok or avg")
        }
        label = "OpenCLIP ViT-\(configuration.label)"
        imageSide = side
        tower = {
            try VisionTransformer(openCLIP: weights, configuration, hasFirstNorm: hasFirstNorm) { norm in
                poolType == "tok" ? .classToken(norm) : .mean(norm, normalizesFirst: !normalizesLast)
            }
        }
    }

    /// CLIP's residual network, whose sizes its tensors tell.
    private init(
        network fields: ConfigurationFields, _ weights: WeightReader, side: Int, dimension: Int
    ) throws {
        let depths = fields.json["layers"]?.array?.map { $0.integer ?? 0 } ?? []
        guard try fields.size("head_width", default: 64) == 64 else {
            throw ModelError.file(fields.file, "\(fields.path)head_width is not 64, which is not supported")
        }
        label = "CLIP \(ModifiedResNet.label(depths: depths, width: try fields.size("width", default: 64)))"
        imageSide = side
        let file = fields.file, path = fields.path
        tower = {
            let network = try ModifiedResNet(weights, .openAI, projection: dimension)
            guard network.depths == depths, network.imageSide == side else {
                throw ModelError.file(
                    file,
                    "\(path)layers and image_size are \(depths) and \(side), but the weights' "
                        + "\(network.depths) and \(network.imageSide)")
            }
            return network
        }
    }

    /// One of timm's networks.
    private init(
        timm name: String, _ fields: ConfigurationFields, _ weights: WeightReader, side: Int, dimension: Int
    ) throws {
        guard let published = TimmSigLIP(name) else {
            throw ModelError.file(
                fields.file,
                "\(fields.path)timm_model_name '\(name)' is not known here, expected a vit_*_siglip_*")
        }
        let pool = try fields.text("timm_pool", default: "avg")
        guard pool == "map" else {
            throw ModelError.file(fields.file, "\(fields.path)timm_pool is '\(pool)', expected map")
        }
        let trunk = weights.under("trunk")
        let (shape, patchSide) = try published.shape(trunk)
        let configuration = try VisionTransformer.Configuration(
            shape, imageSide: side, patchSide: patchSide, projection: nil, fields)
        let projects: Bool
        switch try fields.text("timm_proj", default: "linear") {
        case "linear": projects = true
        case "none" where shape.width == dimension: projects = false
        case let other:
            throw ModelError.file(
                fields.file,
                "\(fields.path)timm_proj is '\(other)', expected linear, or none for \(shape.width) coordinates"
            )
        }
        let bias = try fields.flag("timm_proj_bias", default: false)
        label = "SigLIP ViT-\(configuration.label)"
        imageSide = side
        tower = {
            let head =
                try projects
                ? weights.linear("head.proj", inputs: shape.width, outputs: dimension, bias: bias) : nil
            return try VisionTransformer(timmSigLIP: trunk, configuration, projection: head)
        }
    }
}

/// One of timm's vision transformers for SigLIP, by its name; widths and depths are read off the tensors.
struct TimmSigLIP {
    private let heads: Int
    private let activation: Activation

    /// Nil for a name that is none of them: "vit_base_patch16_siglip_224".
    init?(_ name: String) {
        let parts = name.split(separator: "_")
        guard parts.count == 5, parts[0] == "vit", parts[2].hasPrefix("patch"), parts[3] == "siglip",
            let heads = ["base": 12, "large": 16, "so400m": 16, "giantopt": 16][parts[1]]
        else { return nil }
        self.heads = heads
        activation = parts[1] == "giantopt" ? .tanhGELU : .gelu
    }

    /// The sizes that the tensors have, and the side of a patch.
    func shape(_ reader: WeightReader) throws -> (TransformerShape, patchSide: Int) {
        let (patch, expand) = ("patch_embed.proj.weight", "blocks.0.mlp.fc1.weight")
        guard let patches = reader.shape(patch), let mlp = reader.shape(expand) else {
            throw reader.failure(reader.has(patch) ? expand : patch, "is missing")
        }
        guard patches.count == 4, patches[0] > 0, patches[0] % heads == 0, (1...4096).contains(patches[3])
        else {
            throw reader.failure(
                patch, "has shape \(patches), expected [a multiple of \(heads), 3, side, side]")
        }
        guard mlp.count == 2, mlp[0] > 0 else {
            throw reader.failure(expand, "has shape \(mlp), expected two dimensions")
        }
        var layers = 1
        while reader.has("blocks.\(layers).norm1.weight") { layers += 1 }
        return (
            TransformerShape(
                width: patches[0], inner: mlp[0], layers: layers, heads: heads, activation: activation,
                epsilon: 1e-6),
            patches[3]
        )
    }
}
