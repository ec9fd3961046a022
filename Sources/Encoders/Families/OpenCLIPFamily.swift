import Imaging
import Inference

/// Models in OpenCLIP's own layout: `open_clip_config.json` with tensors named `visual.*` and `transformer.*` or
/// `text.*` (https://github.com/mlfoundations/open_clip).
///
/// Image towers: its vision transformer, CLIP's residual network, and timm's SigLIP. What a configuration asks
/// for and is not known here is refused by name.
enum OpenCLIPFamily: ModelFamily {
    static let mark = "open_clip_config.json"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        let files = sources.files, weights = sources.weights
        guard weights.has("logit_scale"), isOpenCLIP(weights),
            let json = try files.json(ModelFiles.openCLIPConfiguration)
        else { return nil }
        let root = ConfigurationFields(json, file: "\(files.label)/\(ModelFiles.openCLIPConfiguration)")
        let model = root.under("model_cfg")
        try model.refuse(["multimodal_cfg"], as: "makes it a CoCa model, which is not supported")
        let dimension = try model.size("embed_dim", most: 1 << 14)
        let activation: Activation = try model.flag("quick_gelu", default: false) ? .quickGELU : .gelu
        let vision = try OpenCLIPVision(
            model.under("vision_cfg"), weights, dimension: dimension, activation: activation)
        let text = try OpenCLIPText(
            model.under("text_cfg"), sources, dimension: dimension, activation: activation)
        let preprocessing = try Preprocessing(
            openCLIP: json["preprocess_cfg"] ?? .object([:]), side: vision.imageSide, file: root.file)
        return ModelDescription(
            architecture: vision.label, dimension: dimension, logitScale: try LogitScale.read(weights),
            logitBias: try LogitScale.readBias(weights),
            image: {
                TowerImageEncoder(tower: try vision.tower(), preprocessing: preprocessing, weights: weights)
            },
            text: { try text.encoder() },
            otherFiles: [ModelFiles.openCLIPConfiguration] + PaddingToken.files)
    }

    /// Whether the tensors have OpenCLIP's names, and not those of transformers.
    private static func isOpenCLIP(_ weights: WeightReader) -> Bool {
        [
            "visual.conv1.weight", "visual.class_embedding", "visual.trunk.pos_embed", "positional_embedding",
            "text.positional_embedding",
        ].contains { weights.has($0) }
    }
}

extension ConfigurationFields {
    /// A transformer's sizes by OpenCLIP's `width`, `layers`, `mlp_ratio` and, where they are given, the
    /// arguments of its activation and normalisation.
    func openCLIPShape(
        width: Int, heads: (Int) -> Int, activation: Activation
    ) throws -> TransformerShape {
        try refuse([
            "ls_init_value", "block_type", "qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner",
            "scale_attn", "scale_fc",
        ])
        let width = try size("width", default: width, most: 1 << 14), heads = heads(width)
        guard heads > 0, heads <= 1 << 10, width % heads == 0 else {
            throw ModelError.file(file, "\(path)width \(width) is no multiple of \(heads) heads")
        }
        let ratio = try number("mlp_ratio", default: 4, in: 0.01...64)
        guard let inner = Int(exactly: (Double(width) * ratio).rounded(.towardZero)), inner > 0 else {
            throw ModelError.file(file, "\(path)mlp_ratio is \(ratio)")
        }
        var activation = activation
        switch try under("act_kwargs").text("approximate", default: "none") {
        case "none": break
        case "tanh" where activation == .gelu: activation = .tanhGELU
        case let other:
            throw ModelError.file(file, "\(path)act_kwargs.approximate '\(other)' is not supported")
        }
        return TransformerShape(
            width: width, inner: inner, layers: try size("layers", default: 12, most: 1 << 10), heads: heads,
            activation: activation,
            epsilon: Float(try under("norm_kwargs").number("eps", default: 1e-5, in: 1e-12...0.1)))
    }

    /// A number that may be given for rows and columns; both have to be the same.
    func square(_ name: String, default value: Int) throws(ModelError) -> Int {
        guard case .array(let sides)? = json[name] else {
            return try size(name, default: value, most: 4096)
        }
        guard sides.count == 2, let side = sides[0].integer, sides[1].integer == side, side > 0, side <= 4096
        else { throw .file(file, "\(path)\(name) is no square of up to 4096 pixels") }
        return side
    }
}
