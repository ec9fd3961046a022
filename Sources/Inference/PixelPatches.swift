/// A linear map of the square patches of pictures, in bytes (`PixelScale`): the first layer of a vision transformer.
///
/// A result does not depend on what is computed beside it.
public struct PixelPatches: Sendable {
    private let linear: Linear
    private let side: Int
    private let weights = PixelWeights()

    /// The map of numbers [3, side, side], channel by channel, of one matrix and without activation; nil where its weights are
    /// not kept as bytes.
    public init?(_ linear: Linear, side: Int) {
        guard linear.isInBytes else { return nil }
        precondition(linear.inputs == 3 * side * side && linear.activation == .identity)
        self.linear = linear
        self.side = side
    }

    /// Rows [count * patches, outputs] of the patches, line by line, of pictures [count, height, width, 3].
    ///
    /// Four bytes more have to follow the last picture. Sides that are no multiples of a patch's are cut off. Throws when memory has
    /// run out. The first call packs the weights, in bytes; patches are read where they lie.
    public func callAsFunction(
        _ pixels: [UInt8], count: Int, height: Int, width: Int, _ scale: PixelScale
    ) throws -> Tensor {
        let weights = try weights.prepared(scale) { try byteWeights(scale) }
        let rows = count * (height / side) * (width / side)
        var y = Tensor(uninitialized: [rows, linear.outputs])
        try y.write {
            try weights.multiply(
                patches: side, of: pixels, count: count, height: height, width: width, zero: scale.zero, $0,
                portable: linear.isPortable, label: linear.label(rows))
        }
        return y
    }

    private func byteWeights(_ scale: PixelScale) throws -> ByteWeights {
        defer { linear.forgetPages() }
        let area = side * side, ones = [Float](repeating: 1, count: linear.outputs)
        var weights = Tensor(passing: [linear.outputs, area, 3])
        weights.write {
            linear.weights(0..<linear.outputs).turn(
                outputs: linear.outputs, inputs: 3, area: area, factors: ones, to: $0)
        }
        var bias = linear.bias ?? [Float](repeating: 0, count: linear.outputs)
        scale.fold(&weights, outputs: linear.outputs, into: &bias)
        return try ByteWeights(
            weights, segments: side, bias: bias, activation: .identity, adding: false, label: linear.label(1))
    }
}
