import CKernels
import TestSupport

/// Unit vectors shaped like those of an image model: Gaussian clusters of unequal weight on a shared cone, of low
/// intrinsic dimension, with full-rank noise and a few near-duplicates.
struct SyntheticVectors {
    let dimension: Int
    private let intrinsic: Int
    /// Standard deviation along each intrinsic direction.
    private let spectrum: [Float]
    private let centres: [[Float]]
    /// Running sums of the clusters' weights.
    private let weights: [Double]
    private let mean: [Float]
    private let signs: [UInt64]
    private let padded: Int
    private var random: SeededRandom

    /// A generator whose vectors follow from the seed.
    init(dimension: Int, clusters: Int = 500, intrinsic: Int = 60, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        self.dimension = dimension
        self.intrinsic = min(intrinsic, dimension)
        padded = (dimension + 63) / 64 * 64
        signs = (0..<4 * padded / 64).map { _ in random.next() }
        // Falls off slowly: i^-0.35, scaled to unit length.
        var spectrum: [Float] = []
        for i in 1...self.intrinsic { spectrum.append(SyntheticVectors.power(Float(i))) }
        self.spectrum = SyntheticVectors.unit(spectrum)
        let deviations = self.spectrum
        centres = (0..<clusters).map { _ in deviations.map { $0 * random.normal() } }
        var sum = 0.0
        weights = (0..<clusters).map { _ in
            let z = Double(random.normal())
            sum += max(0.05, 1 + z) * max(0.05, 1 + z)
            return sum
        }
        mean = SyntheticVectors.unit((0..<dimension).map { _ in random.normal() })
        self.random = random
    }

    /// About i^-0.35, without the C library: i^-(1/4 + 1/8).
    private static func power(_ i: Float) -> Float {
        let fourth = i.squareRoot().squareRoot()
        return 1 / (fourth * fourth.squareRoot())
    }

    /// Makes a vector.
    mutating func next() -> [Float] {
        let target = Double.random(in: 0..<(weights.last ?? 1), using: &random)
        var low = 0
        var high = weights.count - 1
        while low < high {
            let middle = (low + high) / 2
            if weights[middle] < target { low = middle + 1 } else { high = middle }
        }
        var x = [Float](repeating: 0, count: padded)
        for i in 0..<intrinsic { x[i] = 0.75 * centres[low][i] + 0.66 * random.normal() * spectrum[i] }
        // A random orthogonal map takes the intrinsic directions to random ones.
        ck_index_kernels_current().pointee.rotate(&x, padded, signs)
        x.removeLast(padded - dimension)
        let noise = 0.22 / Float(dimension).squareRoot()
        for j in 0..<dimension { x[j] += mean[j] + noise * random.roughlyNormal() }
        return Self.unit(x)
    }

    /// Makes vectors, one in fifty a near-duplicate of an earlier one.
    mutating func next(_ count: Int) -> [[Float]] {
        var vectors: [[Float]] = []
        vectors.reserveCapacity(count)
        let noise = 0.2 / Float(dimension).squareRoot()
        for i in 0..<count {
            if i > 0, Int.random(in: 0..<50, using: &random) == 0 {
                let source = vectors[Int.random(in: 0..<i, using: &random)]
                vectors.append(Self.unit(source.map { $0 + noise * random.roughlyNormal() }))
            } else {
                vectors.append(next())
            }
        }
        return vectors
    }

    static func unit(_ x: [Float]) -> [Float] {
        var square: Float = 0
        for value in x { square += value * value }
        let scale = 1 / square.squareRoot()
        return x.map { $0 * scale }
    }
}

extension SeededRandom {
    /// The sum of four uniform numbers, scaled to variance one; much quicker than a normal one.
    mutating func roughlyNormal() -> Float {
        let bits = next()
        let sum =
            Float(bits & 0xFFFF) + Float(bits >> 16 & 0xFFFF) + Float(bits >> 32 & 0xFFFF) + Float(bits >> 48)
        return (sum / 65536 - 2) * 1.7320508
    }
}
