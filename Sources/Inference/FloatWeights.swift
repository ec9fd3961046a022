import COneDNN

/// Weights as floats, packed for imgvec's own AVX-512 kernels; freed with the last reference.
///
/// A row's result does not depend on the rows computed beside it.
final class FloatWeights: @unchecked Sendable {
    // Unchecked: the C object is never written after it was made.
    private let handle: OpaquePointer

    /// Packs weights [outputs, segments, length], of which a linear map has one segment and a convolution one
    /// for each line of its kernel.
    init(
        _ weights: Tensor, segments: Int, bias: [Float]?, activation: Activation, adding: Bool, label: String
    ) throws {
        handle = try weights.packed(
            by: cdnn_floats_create, segments: segments, bias: bias, activation: activation, adding: adding,
            label: label)
    }

    /// y [rows, outputs] of x [rows, inputs].
    func multiply(
        _ rows: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
        label: @autoclosure () -> String
    ) throws {
        try MathLibrary.check(cdnn_floats_linear(handle, rows, x, y), label())
    }

    /// The convolution of pictures [count, height, width, inputs].
    func convolve(
        _ shape: cdnn_conv_shape, _ count: Int, _ height: Int, _ width: Int, _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>, label: @autoclosure () -> String
    ) throws {
        var shape = shape
        try MathLibrary.check(cdnn_floats_conv(handle, &shape, count, height, width, x, y), label())
    }

    deinit { cdnn_floats_destroy(handle) }
}
