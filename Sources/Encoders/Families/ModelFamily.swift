import Inference

/// A kind of model: how its configuration and tensors are recognised and read, one file each.
protocol ModelFamily: SendableMetatype {
    /// What its configuration says it is, for the message about an unknown one: "'clip'".
    static var mark: String { get }

    /// The model's description, nil when the files are of another family.
    ///
    /// Reads configuration and tensor tables only; throws errors that name file and field, or tensor.
    static func read(_ files: ModelSources) throws -> ModelDescription?
}

/// What a family has to read a model from.
struct ModelSources: Sendable {
    /// The model's files.
    let files: ModelFiles
    /// config.json as a tree, when there is one.
    let configuration: JSON?
    /// The model's tensors.
    let weights: WeightReader

    /// Checked access to config.json's fields; without the file, all are missing.
    var fields: ConfigurationFields {
        ConfigurationFields(configuration ?? .object([:]), file: "\(files.label)/config.json")
    }
}

/// What a model is, and how its towers are built when they are first asked for.
struct ModelDescription: Sendable {
    /// The name its files give, when they give one.
    var name: String?
    /// What it is, for people: "CLIP ViT-B/32".
    let architecture: String
    /// Coordinates of its vectors.
    let dimension: Int
    /// What a cosine is multiplied by before a softmax over captions.
    var logitScale: Float?
    /// What is added after that, for models trained on pairs with a sigmoid.
    var logitBias: Float?
    /// How scores of unrelated items are spread, if it was measured.
    var calibration: ScoreCalibration?
    /// Builds the image tower, nil when the model has none.
    var image: (@Sendable () throws -> any ImageEncoder)?
    /// Builds the text tower, nil when the model has none.
    var text: (@Sendable () throws -> any TextEncoder)?
    /// A classifier's scores as another vector of a picture, nil when the model has no classifier.
    var logits: Logits?
    /// Further files that decide its vectors, beside those that every model may have.
    var otherFiles: [String] = []
    /// Further weights, from other files than the model's tensors.
    var otherWeights: [SafeTensors] = []

    /// The scores of a classifier's classes, before softmax.
    struct Logits: Sendable {
        /// Number of classes.
        let dimension: Int
        /// Builds the image tower with the classifier on top.
        let image: @Sendable () throws -> any ImageEncoder
    }
}

/// Every family, in the order in which they are asked.
enum ModelFamilies {
    static let all: [any ModelFamily.Type] = [
        OpenCLIPFamily.self, CLIPFamily.self, SigLIPFamily.self, DualFamily.self, BERTFamily.self,
        ModifiedResNetFamily.self, TransformersResNetFamily.self, TimmResNetFamily.self,
        ResNetFamily.self,
    ]

    /// The description by the first family that knows the model.
    static func describe(_ sources: ModelSources) throws -> ModelDescription {
        for family in all {
            if let description = try family.read(sources) { return description }
        }
        guard let type = sources.configuration.map({ $0["model_type"]?.string ?? "missing" }) else {
            throw ModelError.file(
                sources.files.label,
                "is of no known architecture: it has no config.json, and its tensors' names are not those of "
                    + "torchvision's or timm's ResNet")
        }
        throw ModelError.file(
            sources.fields.file,
            "model_type '\(type)' is not known here, expected one of: "
                + all.map { $0.mark }.joined(separator: ", "))
    }
}
