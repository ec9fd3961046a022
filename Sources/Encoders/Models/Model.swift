import Imaging
import Inference
public import SystemPackage

/// A model: an image tower, a text tower, or both in one space, with its tokenizer and preprocessing.
///
/// Opening one reads configuration and tensor tables only. Towers are built when they are first asked for,
/// each by itself, and their weights are read from the mapped file when they first run.
public struct Model: Sendable {
    /// Where a model was read from.
    public enum Source: Sendable, Equatable {
        case embedded
        case folder(FilePath)
        case file(FilePath)
    }

    /// The name from its configuration, else that of its folder or file.
    public let name: String
    /// What it is, for people: "CLIP ViT-B/32", "ResNet-50".
    public let architecture: String
    /// 64 hexadecimal digits that differ when the vectors do: of weights, configuration and tokenizer.
    public let fingerprint: String
    /// Coordinates of its vectors.
    public let dimension: Int
    /// Number of weights in its files.
    public let parameterCount: Int
    /// What a cosine is multiplied by before a softmax over captions (CLIP's exp(logit_scale)), if it has
    /// one.
    public let logitScale: Float?
    /// What is then added, before a sigmoid, in models trained on pairs (SigLIP's logit_bias).
    public let logitBias: Float?
    /// How scores of unrelated items are spread, if it was measured.
    public let calibration: ScoreCalibration?
    /// Where it was read from.
    public let source: Source
    /// Which of the image tower's results its vectors are.
    public let layer: OutputLayer
    /// What its image tower computes with.
    public let numbers: Numbers

    private let encoders: LazyEncoders

    /// A short name for files and folders: the name with a part of the fingerprint.
    public var id: String {
        let plain = name.unicodeScalars.map { scalar -> Character in
            let keeps =
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return keeps || scalar == "." || scalar == "-" || scalar == "_" ? Character(scalar) : "_"
        }
        // A leading dot would hide the folder.
        let visible = String(plain.drop { $0 == "." }.prefix(64))
        return "\(visible.isEmpty ? "model" : visible)-\(fingerprint.prefix(12))"
    }

    /// Whether the model can encode pictures; costs nothing.
    public var hasImageEncoder: Bool { encoders.description.image != nil }
    /// Whether the model can encode texts; costs nothing.
    public var hasTextEncoder: Bool { encoders.description.text != nil }

    /// The image tower, nil when the model has none; built by the first thread that asks.
    public var imageEncoder: (any ImageEncoder)? { get throws { try encoders.image() } }
    /// The text tower, nil when the model has none; built by the first thread that asks.
    public var textEncoder: (any TextEncoder)? { get throws { try encoders.text() } }

    /// The image tower without its preprocessing, for tests and measurements.
    package var imageTower: (any ImageTower)? {
        get throws { (try encoders.image() as? TowerImageEncoder)?.tower }
    }
    /// The text tower without its tokenizer, for tests and measurements.
    package var textTower: (any TextTower)? {
        get throws { (try encoders.text() as? TowerTextEncoder)?.tower }
    }

    /// The model that imgvec carries.
    public static func embedded() throws -> Model { try Model(ModelFiles.embedded, source: .embedded) }

    /// A folder as transformers or OpenCLIP publish it, or a ResNet as a safetensors file.
    ///
    /// Throws errors that name the file, and the tensor or field, that is not as it should be.
    public static func load(_ path: FilePath) throws -> Model {
        let files = try ModelFiles(path)
        return try Model(files, source: files.isFolder ? .folder(path) : .file(path))
    }

    /// The results of the image tower that can be had as vectors, the one the model is made for first.
    public var layers: [OutputLayer] {
        layer == .pooled && numbers == .float32 && encoders.description.logits != nil
            ? [.pooled, .logits] : [layer]
    }

    /// The same model with another of its results as its vectors; a model with a fingerprint of its own.
    ///
    /// Throws when the model has no such result.
    public func reading(_ layer: OutputLayer) throws -> Model {
        if layer == self.layer { return self }
        guard layers.contains(layer), let logits = encoders.description.logits else {
            throw ModelError.noLayer(layer.rawValue, model: name, has: layers.map(\.rawValue))
        }
        return Model(self, logits: logits)
    }

    /// The same model with an image tower that computes with other numbers; a model with a fingerprint of its own.
    ///
    /// Texts are always computed in floats: there are few of them, and they are short.
    public func computing(in numbers: Numbers) throws -> Model {
        if numbers == self.numbers { return self }
        guard self.numbers == .float32 else {
            throw ModelError.noNumbers(numbers.rawValue, model: name, has: self.numbers.rawValue)
        }
        return Model(self, numbers: numbers)
    }

    /// The model under each of its fingerprints: every layer, in every kind of numbers.
    public var variants: [Model] {
        get throws {
            try layers.flatMap { layer in
                let model = try reading(layer)
                return [model] + (model.numbers == .float32 ? [try model.computing(in: .int8)] : [])
            }
        }
    }

    /// How far the image tower's vectors are from those in floats on this machine, over a few drawn pictures.
    ///
    /// Costs a few pictures' time and keeps nothing of a float tower in memory. Throws when the model has no image
    /// tower.
    public func agreementWithFloats() throws -> Agreement {
        guard let own = try imageEncoder, let floats = try encoders.keeping(.transient).image() else {
            throw ModelError.noImageTower(model: name)
        }
        let pictures = CheckPictures.all(width: own.preprocessing.width, height: own.preprocessing.height)
        let pairs = zip(try own.encode(pictures), try floats.encode(pictures))
        return Agreement(cosines: pairs.map { $0.cosine(to: $1) })
    }

    private init(_ model: Model, numbers: Numbers) {
        layer = model.layer
        self.numbers = numbers
        name = "\(model.name):\(numbers.rawValue)"
        architecture = "\(model.architecture), \(numbers.rawValue)"
        fingerprint = Fingerprint.derived(from: model.fingerprint, numbers: numbers)
        dimension = model.dimension
        parameterCount = model.parameterCount
        logitScale = model.logitScale
        logitBias = model.logitBias
        calibration = model.calibration
        source = model.source
        encoders = model.encoders.keeping(.bytes)
    }

    private init(_ model: Model, logits: ModelDescription.Logits) {
        layer = .logits
        numbers = model.numbers
        name = "\(model.name):\(OutputLayer.logits.rawValue)"
        architecture = "\(model.architecture), logits"
        fingerprint = Fingerprint.derived(from: model.fingerprint, layer: .logits)
        dimension = logits.dimension
        parameterCount = model.parameterCount
        logitScale = nil
        logitBias = nil
        calibration = nil
        source = model.source
        encoders = model.encoders.described(
            ModelDescription(
                architecture: architecture, dimension: logits.dimension, image: logits.image))
    }

    private init(_ files: ModelFiles, source: Source) throws {
        let ownWeights = try files.weights()
        let description = try ModelFamilies.describe(
            ModelSources(
                files: files, configuration: try files.json("config.json"), weights: WeightReader(ownWeights))
        )
        let weights = ownWeights + description.otherWeights
        layer = .pooled
        numbers = .float32
        name = description.name ?? files.defaultName
        architecture = description.architecture
        fingerprint = try Fingerprint.compute(files, weights, also: description.otherFiles)
        parameterCount = weights.reduce(0) { sum, file in
            sum + file.entries.values.reduce(0) { $0 + $1.shape.reduce(1, *) }
        }
        dimension = description.dimension
        logitScale = description.logitScale
        logitBias = description.logitBias
        calibration = description.calibration
        self.source = source
        encoders = LazyEncoders(description, WeightReader(weights))
    }
}
