/// A picture or text as a vector of length 1 in a model's space; the cosine of two is their dot product.
public struct Embedding: Sendable, Equatable {
    /// The coordinates; their squares sum to 1.
    public let values: [Float]

    /// Scales a vector to length 1; throws when it has no direction (all zeros, or not finite).
    public init(normalizing values: [Float]) throws(EmbeddingError) {
        var squares = 0.0
        for value in values { squares += Double(value) * Double(value) }
        guard squares.isFinite, squares > 0 else { throw EmbeddingError.noDirection(dimension: values.count) }
        let factor = 1 / squares.squareRoot()
        self.values = values.map { Float(Double($0) * factor) }
    }

    /// Number of coordinates.
    public var dimension: Int { values.count }

    /// The cosine of the angle to another embedding of the same model.
    public func cosine(to other: Embedding) -> Float {
        precondition(dimension == other.dimension, "embeddings of different models")
        var sum = 0.0
        for (a, b) in zip(values, other.values) { sum += Double(a) * Double(b) }
        return Float(sum)
    }
}

/// A vector that cannot become an embedding.
public enum EmbeddingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// All coordinates are zero, or one of them is infinite or not a number.
    case noDirection(dimension: Int)

    /// One line saying what is wrong with the vector.
    public var description: String {
        switch self {
        case .noDirection(let dimension):
            "a vector of \(dimension) numbers has no direction (all zeros, or not finite)"
        }
    }
}
