import COneDNN

/// Weights as signed bytes with one scale per output, packed for the kernels; freed with the last reference.
///
/// Activations become bytes as they come: each row of a linear map's input, each picture of a convolution's,
/// with a scale and zero point made from its own numbers. Sums are exact, so that a result depends on nothing
/// that is computed beside it.
final class ByteWeights: @unchecked Sendable {
    // Unchecked: the C object is never written after it was made.
    private let handle: OpaquePointer

    /// Packs weights [outputs, segments, length], of which a linear map has one segment and a convolution one
    /// for each line of its kernel.
    init(
        _ weights: Tensor, segments: Int, bias: [Float]?, activation: Activation, adding: Bool, label: String
    ) throws {
        handle = try weights.packed(
            by: cdnn_bytes_create, segments: segments, bias: bias, activation: activation, adding: adding,
            label: label)
    }

    /// Sums of more products than this might not fit the kernels' 32 bits.
    static let mostInputs = 65_535

    /// Rows that become bytes, and what is done to them first.
    struct Rows {
        let count: Int
        let x: UnsafePointer<Float>
        let norm: LayerNorm?
        let bounds: [cdnn_bounds]?

        /// Rows [count, length] of a tensor, with their bounds where these are known.
        init(_ count: Int, of x: UnsafePointer<Float>, bounds: [cdnn_bounds]?) {
            (self.count, self.x, norm, self.bounds) = (count, x, nil, bounds?.count == count ? bounds : nil)
        }

        /// Rows that are normalised first.
        init(_ count: Int, of x: UnsafePointer<Float>, after norm: LayerNorm) {
            (self.count, self.x, self.norm, bounds) = (count, x, norm, nil)
        }

        fileprivate func withNative(_ body: (UnsafePointer<cdnn_rows>) -> cdnn_status) -> cdnn_status {
            func run(_ norm: UnsafePointer<cdnn_norm>?, _ bounds: UnsafePointer<cdnn_bounds>?) -> cdnn_status
            {
                withUnsafePointer(to: cdnn_rows(count: count, x: x, norm: norm, bounds: bounds), body)
            }
            if let norm { return norm.withNative { run($0, nil) } }
            return bounds?.withUnsafeBufferPointer { run(nil, $0.baseAddress) } ?? run(nil, nil)
        }
    }

    /// y [rows, outputs] of rows.
    func multiply(
        _ rows: Rows, _ y: UnsafeMutablePointer<Float>, portable: Bool, label: @autoclosure () -> String
    ) throws {
        let status = rows.withNative { cdnn_bytes_linear(handle, portable ? 1 : 0, $0, y) }
        try MathLibrary.check(status, label())
    }

    /// y [rows, outputs of `second`] of rows, through this map and then the second; they may be y's.
    func multiply(
        _ rows: Rows, through second: ByteWeights, _ y: UnsafeMutablePointer<Float>, portable: Bool,
        label: @autoclosure () -> String
    ) throws {
        let status = rows.withNative { cdnn_bytes_pair(handle, second.handle, portable ? 1 : 0, $0, y) }
        try MathLibrary.check(status, label())
    }

    /// y += output(attention(this(rows))) of consecutive sequences; false, and nothing is done, where the processor does not
    /// multiply pairs of bfloat16 or heads are not made for it.
    func attend(
        _ rows: Rows, heads: Int, causal: Bool, lengths: [Int], through output: ByteWeights,
        _ y: UnsafeMutablePointer<Float>, label: @autoclosure () -> String
    ) throws -> Bool {
        let status = rows.withNative {
            cdnn_bytes_attention(handle, output.handle, heads, causal ? 1 : 0, lengths.count, lengths, $0, y)
        }
        if status == CDNN_UNAVAILABLE { return false }
        try MathLibrary.check(status, label())
        return true
    }

    /// y [count * patches, outputs] of the patches of pictures of bytes [count, height, width, 3] and four bytes more.
    func multiply(
        patches side: Int, of pixels: [UInt8], count: Int, height: Int, width: Int, zero: Int32,
        _ y: UnsafeMutablePointer<Float>, portable: Bool, label: @autoclosure () -> String
    ) throws {
        precondition(pixels.count >= 3 * count * height * width + 4, "\(pixels.count) bytes")
        let status = cdnn_bytes_patches(
            handle, portable ? 1 : 0, side, count, height, width, pixels, zero, y)
        try MathLibrary.check(status, label())
    }

    /// The convolution of pictures [count, height, width, inputs], with the bounds of each result.
    func convolve(
        _ shape: cdnn_conv_shape, _ x: Tensor, _ y: inout Tensor, portable: Bool,
        label: @autoclosure () -> String
    ) throws {
        var shape = shape
        let count = x.shape[0]
        var told = [cdnn_bounds](repeating: cdnn_bounds(), count: count)
        let status = y.write { y in
            x.read { values in
                func run(_ known: UnsafePointer<cdnn_bounds>?) -> cdnn_status {
                    cdnn_bytes_conv(
                        handle, portable ? 1 : 0, &shape, count, x.shape[1], x.shape[2], values, known, y,
                        &told)
                }
                return x.bounds?.withUnsafeBufferPointer { run($0.baseAddress) } ?? run(nil)
            }
        }
        try MathLibrary.check(status, label())
        y.bounds = told
    }

    /// The convolution of pictures of floats of a shape into a map of bytes.
    func map(
        _ convolution: cdnn_conv_shape, _ shape: [Int], _ x: UnsafePointer<Float>, expecting scale: Float,
        to y: UnsafeMutablePointer<cdnn_map>, portable: Bool
    ) -> cdnn_status {
        var convolution = convolution
        return cdnn_map_of_floats(
            handle, portable ? 1 : 0, &convolution, shape[0], shape[1], shape[2], x, scale, y)
    }

    /// The same of pictures of bytes, and of what is added to the results.
    func map(
        _ convolution: cdnn_conv_shape, _ shape: [Int], _ x: UnsafePointer<cdnn_map>,
        adding added: UnsafePointer<cdnn_map>?, expecting scale: Float,
        to y: UnsafeMutablePointer<cdnn_map>, portable: Bool
    ) -> cdnn_status {
        var convolution = convolution
        return cdnn_map_conv(
            handle, portable ? 1 : 0, &convolution, shape[0], shape[1], shape[2], x, added, scale, y)
    }

    /// The same of one picture of an image's bytes [height, width, 3], with a margin of one pixel's bytes.
    func map(
        _ convolution: cdnn_conv_shape, height: Int, width: Int, _ pixels: [UInt8], margin: [UInt8],
        zero: Int32,
        expecting scale: Float, to y: UnsafeMutablePointer<cdnn_map>, portable: Bool
    ) -> cdnn_status {
        var convolution = convolution
        return cdnn_map_of_pixels(
            handle, portable ? 1 : 0, &convolution, height, width, pixels, margin, zero, scale, y)
    }

    deinit { cdnn_bytes_destroy(handle) }
}
