import Imaging
import Inference

/// From pixels to one row a patch.
struct PatchEmbedding: Sendable {
    private let side: Int
    private let linear: Linear
    /// Nil in floats.
    private let inBytes: PixelPatches?
    private static let together = 4

    /// Reads a convolution whose kernel is as large as its step, which is a linear map of each patch.
    init(_ reader: WeightReader, _ name: String, width: Int, side: Int, bias: Bool) throws {
        self.side = side
        linear = Linear(
            try reader.weights(name + ".weight", [width, 3, side, side]).reshaped([width, 3 * side * side]),
            bias: bias ? try reader.vector(name + ".bias", width) : nil)
        inBytes = PixelPatches(linear, side: side)
    }

    /// The patches of prepared pictures, of one size, as rows [count * patches, width]; nil where they have to be numbers first.
    func callAsFunction(_ pictures: ArraySlice<PixelBuffer>, _ preprocessing: Preprocessing) throws -> Tensor?
    {
        guard let inBytes else { return nil }
        let (height, width) = (preprocessing.height, preprocessing.width)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * pictures.count * height * width + 4)
        for picture in pictures {
            precondition(
                picture.width == width && picture.height == height, "a picture that was not prepared")
            pixels += picture.pixels
        }
        pixels += [0, 0, 0, 0]
        return try inBytes(
            pixels, count: pictures.count, height: height, width: width, preprocessing.pixelScale)
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
