import TestSupport

/// Unit vectors shaped like those of an image model: Gaussian clusters of unequal weight on a shared cone, of low
/// intrinsic dimension, with full-rank noise and a few near-duplicates.
struct SyntheticVectors {
    let dimension: Int
    private let basis: [[Float]]
    private let spectrum: [Float]
    private let centres: [[Float]]
    private let weights: [Double]
    private let mean: [Float]
    private var random: SeededRandom

    /// A generator whose vectors follow from the seed.
    init(dimension: Int, clusters: Int = 200, intrinsic: Int = 60, seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let intrinsic = min(intrinsic, dimension)
        self.dimension = dimension
        // Random directions of a high-dimensional space are nearly orthogonal; that is enough here.
        let side = 1 / Float(dimension).squareRoot()
        basis = (0..<intrinsic).map { _ in (0..<dimension).map { _ in random.normal() * side } }
        var spectrum = (1...intrinsic).map { 1 / Float($0).squareRoot().squareRoot() }
        let norm = spectrum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        for i in spectrum.indices { spectrum[i] /= norm }
        self.spectrum = spectrum
        centres = (0..<clusters).map { _ in spectrum.map { $0 * random.normal() } }
        weights = (0..<clusters).map { _ in
            let z = Double(random.normal())
            return max(0.05, 1 + z) * max(0.05, 1 + z)
        }
        mean = Self.unit((0..<dimension).map { _ in random.normal() })
        self.random = random
    }

    /// Makes a vector.
    mutating func next() -> [Float] {
        var target = Double.random(in: 0..<weights.reduce(0, +), using: &random)
        var cluster = 0
        while cluster + 1 < weights.count, target >= weights[cluster] {
            target -= weights[cluster]
            cluster += 1
        }
        var x = mean
        for (i, direction) in basis.enumerated() {
            let z = 0.75 * centres[cluster][i] + 0.66 * random.normal() * spectrum[i]
            for j in x.indices { x[j] += z * direction[j] }
        }
        let noise = 0.22 / Float(dimension).squareRoot()
        for j in x.indices { x[j] += noise * random.normal() }
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
                vectors.append(Self.unit(source.map { $0 + noise * random.normal() }))
            } else {
                vectors.append(next())
            }
        }
        return vectors
    }

    static func unit(_ x: [Float]) -> [Float] {
        let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return x.map { $0 / norm }
    }
}
