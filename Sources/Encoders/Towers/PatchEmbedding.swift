import Inference

/// From pixels to one row a patch.
struct PatchEmbedding: Sendable {
    private let side: Int
    private let linear: Linear

    /// Reads a convolution whose kernel is as large as its step, which is a linear map of each patch.
    init(_ reader: WeightReader, _ name: String, width: Int, side: Int, bias: Bool) throws {
        self.side = side
        linear = Linear(
            try reader.weights(name + ".weight", [width, 3, side, side]).reshaped([width, 3 * side * side]),
            bias: bias ? try reader.vector(name + ".bias", width) : nil)
    }

    /// The patches of pixels [count, 3, height, width] as rows [count * patches, width].
    func callAsFunction(_ pixels: Tensor) throws -> Tensor { try linear(pixels.patches(of: side)) }
}
