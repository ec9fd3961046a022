#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Inference
import Synchronization

/// A model's two encoders, each built once, by the first thread that asks for it.
final class LazyEncoders: Sendable {
    /// What they are built from.
    let description: ModelDescription
    private let weights: WeightReader
    /// What the image tower's layers make of their weights.
    private let form: WeightForm
    private let imageEncoder = Mutex<(any ImageEncoder)?>(nil)
    private let textEncoder = Mutex<(any TextEncoder)?>(nil)

    init(_ description: ModelDescription, _ weights: WeightReader, form: WeightForm = .packed) {
        self.description = description
        self.weights = weights
        self.form = form
    }

    /// The same weights under another description.
    func described(_ description: ModelDescription) -> LazyEncoders {
        LazyEncoders(description, weights, form: form)
    }

    /// The same encoders, to be built anew, with an image tower that keeps its weights in another form.
    func keeping(_ form: WeightForm) -> LazyEncoders { LazyEncoders(description, weights, form: form) }

    func image() throws -> (any ImageEncoder)? {
        guard let make = description.image else { return nil }
        return try imageEncoder.withLock { encoder in
            if let encoder { return encoder }
            var made = try MathLibrary.$weightForm.withValue(form) { try make() }
            weights.forgetPages()
            if var tower = made as? TowerImageEncoder {
                tower.weights = weights
                made = tower
            }
            encoder = made
            return made
        }
    }

    func text() throws -> (any TextEncoder)? {
        guard let make = description.text else { return nil }
        return try textEncoder.withLock { encoder in
            if let encoder { return encoder }
            var made = try make()
            if var tower = made as? TowerTextEncoder {
                tower.weights = weights
                made = tower
            }
            encoder = made
            return made
        }
    }
}

/// e to the power of x.
func exponential(_ x: Float) -> Float { exp(x) }
