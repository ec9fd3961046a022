/// The numbers an image tower computes with.
public enum Numbers: String, Sendable, CaseIterable {
    /// 32-bit floats, as the models were made with.
    case float32 = "fp32"
    /// 8-bit weights and activations, summed exactly: several times faster where the processor has VNNI, and a
    /// quarter of the memory. Vectors come out slightly different, and a picture's does not depend on those
    /// computed beside it.
    case int8
}

/// How far a model's vectors in other numbers are from those in 32-bit floats, over a few fixed pictures.
public struct Agreement: Sendable, Equatable {
    /// Cosine of the two vectors of one picture, for each of the pictures.
    public let cosines: [Float]

    /// The lowest of them.
    public var smallest: Float { cosines.min() ?? 0 }
    /// Their mean.
    public var mean: Float { cosines.reduce(0, +) / Float(max(1, cosines.count)) }
    /// Whether the other numbers may stand for floats: no cosine is below 0.99.
    public var suffices: Bool { smallest >= 0.99 }
}
