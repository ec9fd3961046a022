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
    private let imageEncoder = Mutex<(any ImageEncoder)?>(nil)
    private let textEncoder = Mutex<(any TextEncoder)?>(nil)

    init(_ description: ModelDescription, _ weights: WeightReader) {
        self.description = description
        self.weights = weights
    }

    /// The same weights under another description.
    func described(_ description: ModelDescription) -> LazyEncoders { LazyEncoders(description, weights) }

    func image() throws -> (any ImageEncoder)? {
        guard let make = description.image else { return nil }
        return try imageEncoder.withLock { encoder in
            if let encoder { return encoder }
            var made = try make()
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
