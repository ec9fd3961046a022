import COneDNN

/// The weights of a 3 x 3 convolution as Winograd's method multiplies them; freed with the last reference.
///
/// Four times as large as the plain ones, and a quarter of the work.
final class WinogradWeights: @unchecked Sendable {
    // Unchecked: the C object is never written after it was made.
    private let handle: OpaquePointer

    /// Whether a convolution is one of 3 x 3 pixels with step 1 and padding 1, and of enough channels for its
    /// transformations to pay.
    static func suits(_ shape: cdnn_conv_shape) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && shape.padding == 1 && min(shape.inputs, shape.outputs) >= 32
    }

    /// Transforms weights [outputs, 3 * 3 * inputs].
    init(_ weights: Tensor, _ shape: cdnn_conv_shape, bias: [Float], label: String) throws {
        var shape = shape
        var handle: OpaquePointer?
        let status = weights.read { cdnn_winograd_create(&shape, $0, bias, &handle) }
        try MathLibrary.check(status, label)
        guard let handle else { throw InferenceError(.outOfMemory, label) }
        self.handle = handle
    }

    /// The convolution of pictures [count, height, width, inputs].
    func convolve(
        _ count: Int, _ height: Int, _ width: Int, _ x: UnsafePointer<Float>,
        _ y: UnsafeMutablePointer<Float>,
        label: @autoclosure () -> String
    ) throws {
        try MathLibrary.check(cdnn_winograd_run(handle, count, height, width, x, y), label())
    }

    deinit { cdnn_winograd_destroy(handle) }
}
