package import Inference

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How much a picture resembles what is asked in general, as a part of its vector that texts can count against it.
///
/// Some pictures are near to every text, and come first for texts that other pictures fit better ("hubs"). Ranking by a
/// text therefore gains when a picture's likeness to a bank of typical texts is taken off its score (Bogolin et al., "Cross
/// Modal Retrieval with Querybank Normalisation", CVPR 2022). Here that likeness stands in the vector itself, so that the
/// cosine has it taken off already and an index needs to know nothing of it. For each bank it is the logarithm of the sum
/// of the exponentials of b·m + c over the bank's texts (b, c), m being the unit vector of what the picture shows. The
/// banks' vectors are signed bytes in few dimensions: `querybanks.basis` [rank, width] times m, then
/// `querybanks.codes` [texts, rank] and `querybanks.bias` [texts]; `querybanks.gain` [banks] brings the likeness, whose
/// middle the biases put at zero, into the unit circle.
package struct Querybanks: Sendable {
    /// Texts in each bank.
    private let counts: [Int]
    private let basis: Linear
    private let texts: Linear
    private let gains: [Float]

    /// Coordinates of the part: one for each bank and one that gives the part its length.
    package var dimension: Int { counts.count + 1 }

    /// Reads banks of so many texts each for meanings of so many dimensions.
    package init(_ reader: WeightReader, counts: [Int], width: Int) throws {
        let total = counts.reduce(0, +)
        guard let shape = reader.shape("basis"), shape.count == 2, shape[1] == width, shape[0] > 0 else {
            throw reader.failure(
                "basis", "has shape \(reader.shape("basis") ?? []), expected rows of \(width) numbers")
        }
        let codes = try reader.signedBytes("codes", [total, shape[0]])
        let bias = try reader.vector("bias", total)
        self.counts = counts
        gains = try reader.vector("gain", counts.count)
        let weights = try reader.weights("basis", shape)
        // Two products of next to no cost, on which the order of answers depends: never in bytes.
        (basis, texts) = MathLibrary.$weightForm.withValue(.packed) {
            (Linear(weights), Linear(Weights(codes), bias: bias))
        }
    }

    /// Unit vectors [count, dimension] of unit meanings [count, width].
    package func callAsFunction(_ meanings: Tensor) throws -> Tensor {
        let likeness = try texts(basis(meanings)), total = counts.reduce(0, +)
        // So that no number of banks leaves the unit circle.
        let most = 1 / Float(counts.count).squareRoot()
        var result = Tensor(uninitialized: [meanings.shape[0], dimension])
        result.write { result in
            likeness.read { likeness in
                for picture in 0..<meanings.shape[0] {
                    var start = picture * total, squares: Float = 0
                    let target = result + picture * dimension
                    for (bank, count) in counts.enumerated() {
                        let values = UnsafeBufferPointer(start: likeness + start, count: count)
                        let highest = values.max() ?? 0
                        let sum = values.reduce(0) { $0 + exp($1 - highest) }
                        let value = min(max((highest + log(sum)) * gains[bank], -most), most)
                        target[bank] = value
                        squares += value * value
                        start += count
                    }
                    target[counts.count] = max(0, 1 - squares).squareRoot()
                }
            }
        }
        return result
    }
}
