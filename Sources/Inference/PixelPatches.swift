import Synchronization

/// What the bytes of a picture's channels stand for: (byte / 255 - mean) / std.
public struct PixelScale: Sendable, Equatable {
    /// Of each channel in the order of the numbers.
    public let mean: [Float], std: [Float]
    /// Whether the numbers begin with the channel that is last in the pictures.
    public let reversesChannels: Bool

    /// Describes three channels; no `std` is zero.
    public init(mean: [Float], std: [Float], reversesChannels: Bool) {
        precondition(mean.count == 3 && std.count == 3, "mean and std are per channel")
        (self.mean, self.std, self.reversesChannels) = (mean, std, reversesChannels)
    }
}

/// A linear map of the square patches of pictures, in bytes: a picture's own are multiplied, so that nothing is rounded but
/// the weights.
///
/// What the bytes stand for is put into the weights and the bias, when the first pictures come. A result does not depend on
/// what is computed beside it.
public final class PixelPatches: Sendable {
    private let linear: Linear
    private let side: Int
    private let made = Mutex<Made?>(nil)

    private struct Made {
        let scale: PixelScale
        /// The byte that counts as nothing, in the middle of what there is: what is lost of weights is lost of small numbers.
        let zero: Int32
        let weights: ByteWeights
    }

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
        let made = try prepared(scale), rows = count * (height / side) * (width / side)
        var y = Tensor(uninitialized: [rows, linear.outputs])
        try y.write {
            try made.weights.multiply(
                patches: side, of: pixels, count: count, height: height, width: width, zero: made.zero, $0,
                portable: linear.isPortable, label: linear.label(rows))
        }
        return y
    }

    private func prepared(_ scale: PixelScale) throws -> Made {
        try made.withLock { made in
            if let made, made.scale == scale { return made }
            let fresh = try make(scale)
            made = fresh
            return fresh
        }
    }

    private func make(_ scale: PixelScale) throws -> Made {
        defer { linear.forgetPages() }
        let plain = linear.plainWeights(), plane = side * side, size = 3 * plane
        let zero = (scale.mean.reduce(0, +) / 3 * 255).rounded()
        let kept = zero.isFinite ? max(0, min(255, zero)) : 0
        var bias = linear.bias ?? [Float](repeating: 0, count: linear.outputs)
        var weights = Tensor(passing: [linear.outputs, size])
        weights.write { target in
            plain.read { source in
                for output in 0..<linear.outputs {
                    var shift = 0.0
                    for channel in 0..<3 {
                        let factor = 1 / (255 * Double(scale.std[channel]))
                        let from = source + output * size + channel * plane
                        let to = target + output * size + (scale.reversesChannels ? 2 - channel : channel)
                        var sum = 0.0
                        for place in 0..<plane {
                            sum += Double(from[place])
                            to[3 * place] = Float(Double(from[place]) * factor)
                        }
                        shift += sum * factor * (Double(kept) - 255 * Double(scale.mean[channel]))
                    }
                    bias[output] += Float(shift)
                }
            }
        }
        let made = try ByteWeights(
            weights, segments: side, bias: bias, activation: .identity, adding: false, label: linear.label(1))
        return Made(scale: scale, zero: Int32(kept), weights: made)
    }
}
