import COneDNN

/// Layer normalisation over the last dimension (Ba, Kiros and Hinton, 2016): zero mean, unit variance, then
/// scale and shift.
public struct LayerNorm: Sendable {
    private let scale: [Float], shift: [Float]
    private let epsilon: Float

    /// A normalisation with one scale and one shift per element of the last dimension.
    public init(scale: [Float], shift: [Float], epsilon: Float) {
        precondition(scale.count == shift.count && !scale.isEmpty)
        self.scale = scale
        self.shift = shift
        self.epsilon = epsilon
    }

    /// The normalised rows of x [..., size].
    public func callAsFunction(_ x: Tensor) -> Tensor {
        let rows = x.count / scale.count
        var y = Tensor(uninitialized: x.shape), told = [cdnn_bounds](repeating: cdnn_bounds(), count: rows)
        y.write { y in
            x.read { x in withNative { cdnn_layer_norm(rows, scale.count, x, $0, y, &told) } }
        }
        if x.shape[0] == rows { y.bounds = told }
        return y
    }

    /// Calls `body` with what C calls it.
    func withNative<T>(_ body: (UnsafePointer<cdnn_norm>) -> T) -> T {
        scale.withUnsafeBufferPointer { scale in
            shift.withUnsafeBufferPointer { shift in
                withUnsafePointer(
                    to: cdnn_norm(scale: scale.baseAddress, shift: shift.baseAddress, epsilon: epsilon), body)
            }
        }
    }
}

/// Batch normalisation at inference, which is one factor and one offset per channel; folded into a
/// convolution.
public struct BatchNorm: Sendable {
    let factor: [Float], offset: [Float]

    /// From the trained scale and shift and the running mean and variance (Ioffe and Szegedy, 2015).
    public init(scale: [Float], shift: [Float], mean: [Float], variance: [Float], epsilon: Float = 1e-5) {
        precondition(scale.count == shift.count && scale.count == mean.count && scale.count == variance.count)
        let factor = zip(scale, variance).map {
            Float(Double($0) / (Double($1) + Double(epsilon)).squareRoot())
        }
        self.factor = factor
        offset = shift.indices.map { shift[$0] - mean[$0] * factor[$0] }
    }
}
