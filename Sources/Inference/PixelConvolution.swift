/// A convolution of pictures of bytes into a map of bytes (`PixelScale`): the first layer of a residual network.
public struct PixelConvolution: Sendable {
    private let convolution: Convolution
    private let weights = PixelWeights()

    /// The convolution of numbers of three channels; nil where its weights are not kept as bytes, for other numbers of channels, and
    /// for one that adds.
    public init?(_ convolution: Convolution) {
        guard convolution.computesWithBytes, convolution.inputs == 3, !convolution.adding else { return nil }
        self.convolution = convolution
    }

    /// The map [1, height', width', outputs] of one picture [height, width, 3], expecting a scale of its results.
    ///
    /// Its margins are the bytes nearest to the number 0, half a step away at most. Throws when memory has run out. The first call packs the
    /// weights, in bytes.
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
