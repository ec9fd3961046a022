import Synchronization

/// Weights that take the bytes of pictures, made when the first pictures come, and again when bytes stand for something else.
final class PixelWeights: Sendable {
    private let made = Mutex<(scale: PixelScale, weights: ByteWeights)?>(nil)

    func prepared(_ scale: PixelScale, _ make: () throws -> ByteWeights) throws -> ByteWeights {
        try made.withLock { made in
            if let made, made.scale == scale { return made.weights }
            let fresh = try make()
            made = (scale, fresh)
            return fresh
        }
    }
}

/// A linear map of the square patches of pictures, in bytes (`PixelScale`). A result does not depend on what is computed
/// beside it.
public struct PixelPatches: Sendable {
    private let linear: Linear
    private let side: Int
    private let weights = PixelWeights()

    /// The map of numbers [3, side, side], channel by channel; nil where its weights are not kept as bytes.
    public init?(_ linear: Linear, side: Int) {
        guard linear.isInBytes else { return nil }
        precondition(linear.inputs == 3 * side * side && linear.activation == .identity)
        self.linear = linear
        self.side = side
    }

    /// Rows [count * patches, outputs] of the patches, line by line, of pictures [count, height, width, 3].
    ///
    /// Four bytes more have to follow the last picture.
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
        let area = side * side, plain = linear.plainWeights()
        var weights = Tensor(passing: [linear.outputs, area, 3])
        weights.write { target in
            plain.read { source in
                for row in 0..<3 * linear.outputs {
                    let to = target + row / 3 * 3 * area + row % 3
                    for position in 0..<area { to[3 * position] = source[row * area + position] }
                }
            }
        }
        var bias = linear.bias ?? [Float](repeating: 0, count: linear.outputs)
        scale.fold(&weights, outputs: linear.outputs, into: &bias)
        return try ByteWeights(
            weights, segments: side, bias: bias, activation: .identity, adding: false, label: linear.label(1))
    }
}

/// A convolution of pictures of bytes into a map of bytes (`PixelScale`).
public struct PixelConvolution: Sendable {
    private let convolution: Convolution
    private let weights = PixelWeights()

    /// The convolution of numbers of three channels; nil where its weights are not kept as bytes.
    public init?(_ convolution: Convolution) {
        guard convolution.computesWithBytes, convolution.inputs == 3, !convolution.adding else { return nil }
        self.convolution = convolution
    }

    /// The convolution of one picture [height, width, 3], expecting a scale of its results; in the margins the bytes stand for
    /// numbers that are 0 but for half a step.
    public func callAsFunction(
        _ pixels: [UInt8], height: Int, width: Int, _ scale: PixelScale, expecting expected: Float
    ) throws -> ByteMap {
        precondition(pixels.count >= 3 * height * width, "\(pixels.count) bytes")
        let weights = try weights.prepared(scale) {
            try convolution.byteWeights { scale.fold(&$0, outputs: convolution.outputs, into: &$1) }
        }
        return try ByteMap.made(
            convolution.resultShape(of: [1, height, width, 3]), label: convolution.label(height, width)
        ) {
            weights.map(
                convolution.shape, height: height, width: width, pixels, margin: scale.margin,
                zero: scale.zero,
                expecting: expected, to: $0, portable: convolution.isPortable)
        }
    }
}
