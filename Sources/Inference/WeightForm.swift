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
