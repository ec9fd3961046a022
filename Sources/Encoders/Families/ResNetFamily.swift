import Imaging
import Inference

/// ResNets as torchvision publishes them: one safetensors file, or a folder with one, and no config.json.
enum ResNetFamily: ModelFamily {
    static let mark = "a ResNet's tensors without config.json"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        let weights = sources.weights, files = sources.files
        guard sources.configuration == nil, weights.has("layer4.0.conv1.weight") else { return nil }
        return try describe(weights) {
            try Preprocessing.read(files, side: 224) ?? .imageNet(side: 224)
        }
    }

    /// A network with torchvision's names and, perhaps, its classifier `fc`.
    static func describe(
        _ weights: WeightReader, name: String? = nil,
        preprocessing: @escaping @Sendable () throws -> Preprocessing
    ) throws -> ModelDescription {
        let layout = try ResNetLayout(weights)
        try layout.requireNothingElse(in: weights, naming: .torchvision, head: ["fc.weight", "fc.bias"])
        return try layout.description(
            weights, naming: .torchvision, classifier: (weights, "fc"), name: name,
            preprocessing: preprocessing)
    }
}

/// ResNets as timm publishes them: torchvision's names, and a config.json with `architecture`.
enum TimmResNetFamily: ModelFamily {
    static let mark = "timm's 'resnet50' and other plain ResNets"

    private static let plain: Set<String> = [
        "resnet18", "resnet26", "resnet34", "resnet50", "resnet101", "resnet152", "resnet200",
        "wide_resnet50_2",
        "wide_resnet101_2",
    ]

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        guard let json = sources.configuration, json["model_type"] == nil,
            let architecture = json["architecture"]?.string
        else { return nil }
        // Names of weights ported from elsewhere, and of particular weights behind a dot.
        var kind = String(architecture.prefix { $0 != "." })
        if let prefix = ["tv_", "gluon_"].first(where: kind.hasPrefix) { kind.removeFirst(prefix.count) }
        if kind.hasSuffix("_v1b") { kind.removeLast(4) }
        let fields = sources.fields
        guard plain.contains(kind) else {
            throw ModelError.file(
                fields.file,
                "architecture '\(architecture)' is not supported, expected one of: "
                    + plain.sorted().joined(separator: ", "))
        }
        try requireNoArguments(fields.under("model_args"))
        try requireAveragePooling(fields)
        // Early exports have the fields of pretrained_cfg at the top.
        let data = json["pretrained_cfg"] == nil ? fields : fields.under("pretrained_cfg")
        let preprocessing = try Preprocessing.timm(data)
        let tag = try data.text("tag", default: "")
        return try ResNetFamily.describe(
            sources.weights,
            name: tag.isEmpty || architecture.contains(".") ? architecture : "\(architecture).\(tag)",
            preprocessing: { preprocessing })
    }
}

extension TimmResNetFamily {
    /// Arguments with which the model was made: those that name the usual are there in newer files.
    private static func requireNoArguments(_ fields: ConfigurationFields) throws(ModelError) {
        guard case .object(let arguments) = fields.json else { return }
        guard try fields.size("in_chans", default: 3) == 3 else {
            throw .file(fields.file, "\(fields.path)in_chans is not 3")
        }
        try requireAveragePooling(fields)
        let other = arguments.keys.filter { !["in_chans", "num_classes", "global_pool"].contains($0) }.min()
        if let other {
            throw .file(
                fields.file, "\(fields.path)\(other) changes the architecture, which is not supported")
        }
    }

    private static func requireAveragePooling(_ fields: ConfigurationFields) throws(ModelError) {
        let pooling = try fields.text("global_pool", default: "avg")
        guard pooling == "avg" || pooling.isEmpty else {
            throw .file(fields.file, "\(fields.path)global_pool is '\(pooling)', expected 'avg'")
        }
    }
}

/// ResNets in transformers' layout (`ResNetModel`, `ResNetForImageClassification`).
enum TransformersResNetFamily: ModelFamily {
    static let mark = "'resnet'"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        guard sources.configuration?["model_type"]?.string == "resnet" else { return nil }
        let fields = sources.fields, weights = sources.weights, files = sources.files
        let network =
            weights.has("resnet.embedder.embedder.convolution.weight") ? weights.under("resnet") : weights
        let layout = try ResNetLayout(network, naming: .transformers)
        let kind = try fields.text("layer_type", default: "bottleneck")
        guard kind == layout.kind.rawValue,
            fields.json["hidden_sizes"]?.numbers ?? [256, 512, 1024, 2048] == layout.widths.map(Double.init),
            fields.json["depths"]?.numbers ?? [3, 4, 6, 3] == layout.depths.map(Double.init)
        else {
            throw ModelError.file(
                fields.file,
                "layer_type, hidden_sizes or depths differ from the weights, which are of \(layout.kind.rawValue) "
                    + "blocks with widths \(layout.widths) and depths \(layout.depths)")
        }
        for flag in ["downsample_in_first_stage", "downsample_in_bottleneck"]
        where try fields.flag(flag, default: false) {
            throw ModelError.file(fields.file, "\(flag) is on, which is not supported")
        }
        let activation = try fields.text("hidden_act", default: "relu")
        guard activation == "relu" else {
            throw ModelError.file(fields.file, "hidden_act is '\(activation)', expected 'relu'")
        }
        return try layout.description(
            network, naming: .transformers, classifier: (weights, "classifier.1"),
            preprocessing: { try Preprocessing.convNeXt(files) ?? .imageNet(side: 224) })
    }
}

extension ResNetLayout {
    /// The model that such a network makes: pooled vectors and, where it has a classifier, logits.
    fileprivate func description(
        _ weights: WeightReader, naming: ResNetNaming, classifier: (reader: WeightReader, name: String),
        name: String? = nil, preprocessing: @escaping @Sendable () throws -> Preprocessing
    ) throws -> ModelDescription {
        var description = ModelDescription(
            name: name, architecture: label, dimension: width,
            image: {
                TowerImageEncoder(
                    tower: try ResNet(weights, naming: naming), preprocessing: try preprocessing())
            })
        let (reader, name) = classifier, width = width
        if let shape = reader.shape(name + ".weight") {
            guard shape.count == 2, shape[0] > 0, shape[1] == width else {
                throw reader.failure(name + ".weight", "has shape \(shape), expected [classes, \(width)]")
            }
            description.logits = ModelDescription.Logits(dimension: shape[0]) {
                let head = try reader.linear(name, inputs: width, outputs: shape[0])
                return TowerImageEncoder(
                    tower: try ResNet(weights, naming: naming, projection: head),
                    preprocessing: try preprocessing())
            }
        }
        return description
    }
}
