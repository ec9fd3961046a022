import COneDNN

/// In which form layers keep their weights, and with it the arithmetic they do.
package enum WeightForm: Sendable {
    /// Floats, packed once for the math library.
    case packed
    /// Floats as they stand in the file, converted for each product and forgotten after it: slow, but a model
    /// that is run once takes next to no memory.
    case transient
    /// Signed bytes with a scale for each output, multiplied with activations of 8 bits.
    case bytes
}

extension MathLibrary {
    /// The form for layers built inside `MathLibrary.$weightForm.withValue(...)`.
    @TaskLocal package static var weightForm: WeightForm = .packed

    /// Whether the processor multiplies bytes faster than floats: AVX-512 VNNI.
    public static var multipliesBytesFast: Bool { cdnn_bytes_are_fast() != 0 }
}

extension Tensor {
    /// These weights [outputs, segments, length] as a function of the C library packs them.
    func packed(
        by create: (
            Int, Int, Int, UnsafePointer<Float>, UnsafePointer<Float>?, cdnn_activation, Int32,
            UnsafeMutablePointer<OpaquePointer?>
        ) -> cdnn_status,
        segments: Int, bias: [Float]?, activation: Activation, adding: Bool, label: String
    ) throws -> OpaquePointer {
        let outputs = shape[0], length = count / outputs / segments
        var handle: OpaquePointer?
        let status = read { weights in
            func pack(_ bias: UnsafePointer<Float>?) -> cdnn_status {
                create(outputs, segments, length, weights, bias, activation.native, adding ? 1 : 0, &handle)
            }
            return bias?.withUnsafeBufferPointer { pack($0.baseAddress) } ?? pack(nil)
        }
        try MathLibrary.check(status, label)
        guard let handle else { throw InferenceError(.outOfMemory, label) }
        return handle
    }
}
