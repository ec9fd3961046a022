/// A table of vectors looked up by number, as token and position embeddings are; rows are converted when
/// used.
public struct TokenTable: Sendable {
    private let weights: Weights

    /// Number of rows.
    public var count: Int { weights.shape[0] }
    /// Length of a row.
    public var width: Int { weights.shape[1] }

    /// A table over weights [count, width].
    public init(_ weights: Weights) {
        precondition(weights.shape.count == 2)
        self.weights = weights
    }

    /// Copies row `index`, which must exist, to `target`.
    public func copy(_ index: Int, to target: UnsafeMutablePointer<Float>) {
        precondition(index >= 0 && index < count)
        weights.convert(index * width..<(index + 1) * width, to: target)
    }
}
