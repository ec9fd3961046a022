import CKernels

/// A random orthogonal map, the same for everything that shares a seed: sign changes and Walsh-Hadamard transforms.
///
/// It spreads every vector evenly over the coordinates, so that their signs tell as much as possible. Cost
/// O(D log D) per vector.
struct Rotation: Sendable {
    /// Length of the vectors it maps, a multiple of 64.
    let length: Int
    let seed: UInt64
    private let signs: [UInt64]

    /// The rotation that belongs to a seed.
    init(length: Int, seed: UInt64) {
        self.length = length
        self.seed = seed
        var random = SplitMix(state: seed)
        signs = (0..<4 * length / 64).map { _ in random.next() }
    }

    /// Rotates a vector of `length` floats in place.
    func rotate(_ vector: UnsafeMutablePointer<Float>) {
        signs.withUnsafeBufferPointer { signs in
            if let base = signs.baseAddress { Kernels.table.rotate(vector, length, base) }
        }
    }

    /// Turns the first `dimension` floats of a buffer of `length` into the rotated unit vector.
    func rotateUnit(_ vector: UnsafeMutablePointer<Float>, dimension: Int, inverseNorm: Float) {
        for i in 0..<dimension { vector[i] *= inverseNorm }
        for i in dimension..<length { vector[i] = 0 }
        rotate(vector)
    }
}
