/// Hands out a model's tensors by name under a prefix, checks their shapes.
public struct WeightReader: Sendable {
    /// The files that make up the model; the first that has a tensor gives it.
    private let files: [SafeTensors]
    /// What stands before every name asked for ("text_model.").
    public let prefix: String

    /// Reads from one or more files, names as they are there.
    public init(_ files: [SafeTensors], prefix: String = "") {
        self.files = files
        self.prefix = prefix
    }

    /// A reader for the names below another prefix.
    public func under(_ name: String) -> WeightReader { WeightReader(files, prefix: prefix + name + ".") }

    /// Whether a tensor is there.
    public func has(_ name: String) -> Bool { files.contains { $0.entries[prefix + name] != nil } }

    /// The names of all tensors under the prefix, without it.
    public var names: [String] {
        files.flatMap {
            $0.entries.keys.lazy.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        }
    }

    /// The shape of a tensor, nil when it is not there.
    public func shape(_ name: String) -> [Int]? {
        files.lazy.compactMap { $0.entries[prefix + name]?.shape }.first
    }

    /// A tensor that must have a shape; throws an error that names file, tensor, and both shapes.
    public func weights(_ name: String, _ shape: [Int]) throws(SafeTensorsError) -> Weights {
        let weights = try weights(name)
        guard weights.shape == shape else {
            throw failure(name, "has shape \(weights.shape), expected \(shape)")
        }
        return weights
    }

    /// A tensor of whatever shape it has.
    public func weights(_ name: String) throws(SafeTensorsError) -> Weights {
        try file(with: name).weights(prefix + name)
    }

    private func file(with name: String) throws(SafeTensorsError) -> SafeTensors {
        guard let file = files.first(where: { $0.entries[prefix + name] != nil }) else {
            throw failure(name, "is missing")
        }
        return file
    }

    /// A tensor of one dimension, as floats.
    public func vector(_ name: String, _ count: Int) throws(SafeTensorsError) -> [Float] {
        try weights(name, [count]).tensor().values
    }

    /// A tensor with a single element, with or without dimensions.
    public func scalar(_ name: String) throws(SafeTensorsError) -> Float {
        let weights = try weights(name)
        guard weights.count == 1 else {
            throw failure(name, "has shape \(weights.shape), expected one number")
        }
        return weights.tensor().values[0]
    }

    /// A tensor of signed bytes (I8) of a shape, as floats; throws an error that names file, tensor and what it has instead.
    public func signedBytes(_ name: String, _ shape: [Int]) throws(SafeTensorsError) -> Tensor {
        let bytes = try file(with: name).signedBytes(prefix + name)
        guard bytes.shape == shape else {
            throw failure(name, "has shape \(bytes.shape), expected \(shape)")
        }
        return Tensor(shape, bytes.elements)
    }

    /// Gives back the memory of the files' pages, once what was small in them has been copied.
    public func forgetPages() { for file in files { file.forgetPages() } }

    /// An error about a tensor, for checks that need more than one.
    public func failure(_ name: String, _ problem: String) -> SafeTensorsError {
        let full = prefix + name
        let file = files.first { $0.entries[full] != nil } ?? files.first
        return SafeTensorsError(file?.name ?? "no file", .tensor(full, problem))
    }
}

extension WeightReader {
    /// The linear map `name` with `name.weight` [outputs, inputs] and, when asked for, `name.bias` [outputs].
    public func linear(
        _ name: String, inputs: Int, outputs: Int, bias: Bool = true, activation: Activation = .identity,
        adding: Bool = false
    ) throws(SafeTensorsError) -> Linear {
        Linear(
            try weights(name + ".weight", [outputs, inputs]),
            bias: bias ? try vector(name + ".bias", outputs) : nil,
            activation: activation, adding: adding)
    }

    /// The layer normalisation `name` with `name.weight` and `name.bias`.
    public func layerNorm(_ name: String, width: Int, epsilon: Float) throws(SafeTensorsError) -> LayerNorm {
        LayerNorm(
            scale: try vector(name + ".weight", width), shift: try vector(name + ".bias", width),
            epsilon: epsilon)
    }

    /// The batch normalisation `name` with its running statistics.
    public func batchNorm(_ name: String, channels: Int) throws(SafeTensorsError) -> BatchNorm {
        BatchNorm(
            scale: try vector(name + ".weight", channels), shift: try vector(name + ".bias", channels),
            mean: try vector(name + ".running_mean", channels),
            variance: try vector(name + ".running_var", channels))
    }
}
