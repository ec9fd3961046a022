import Inference

/// From pixels to one row a patch.
struct PatchEmbedding: Sendable {
    private let side: Int
    private let linear: Linear
    private static let together = 4

    /// Reads a convolution whose kernel is as large as its step, which is a linear map of each patch.
    init(_ reader: WeightReader, _ name: String, width: Int, side: Int, bias: Bool) throws {
        self.side = side
        linear = Linear(
            try reader.weights(name + ".weight", [width, 3, side, side]).reshaped([width, 3 * side * side]),
            bias: bias ? try reader.vector(name + ".bias", width) : nil)
    }

    /// The patches of pixels [count, 3, height, width] as rows [count * patches, width].
    ///
    /// A few pictures at a time: as rows their pixels take as much memory once more.
    func callAsFunction(_ pixels: Tensor) throws -> Tensor {
        let count = pixels.shape[0]
        let parts = try stride(from: 0, to: count, by: Self.together).map { first in
            try linear(pixels.patches(of: side, in: first..<min(first + Self.together, count)))
        }
        return parts.count == 1 ? parts[0] : Tensor(joining: parts)
    }
}
