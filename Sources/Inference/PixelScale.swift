import Synchronization

/// What the bytes of a picture's channels stand for: (byte / 255 - mean) / std.
///
/// Layers whose weights are bytes multiply a picture's own bytes: what these stand for is put into weights and bias, and nothing
/// is rounded but the weights.
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

    /// The byte that counts as nothing, in the middle of what there is: what is lost of weights is lost of small numbers.
    var zero: Int32 { Int32(Self.byte(mean.reduce(0, +) / 3)) }

    /// The bytes that come nearest to the number 0, for each of a picture's channels.
    var margin: [UInt8] {
        let bytes = mean.map(Self.byte)
        return reversesChannels ? bytes.reversed() : bytes
    }

    private static func byte(_ share: Float) -> UInt8 {
        share.isFinite ? UInt8(max(0, min(255, (255 * share).rounded()))) : 0
    }

    /// Turns weights of numbers [outputs, positions, 3] and their bias into those of bytes less `zero`.
    func fold(_ weights: inout Tensor, outputs: Int, into bias: inout [Float]) {
        let size = weights.count / outputs
        let factors = std.map { 1 / (255 * Double($0)) }
        let shifts = mean.map { Double(zero) - 255 * Double($0) }
        weights.write { weights in
            for output in 0..<outputs {
                var shift = 0.0
                for position in stride(from: output * size, to: (output + 1) * size, by: 3) {
                    for channel in 0..<3 {
                        let weight = Double(weights[position + channel]) * factors[channel]
                        shift += weight * shifts[channel]
                        weights[position + channel] = Float(weight)
                    }
                    if reversesChannels {
                        let first = weights[position]
                        weights[position] = weights[position + 2]
                        weights[position + 2] = first
                    }
                }
                bias[output] += Float(shift)
            }
        }
    }
}

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
