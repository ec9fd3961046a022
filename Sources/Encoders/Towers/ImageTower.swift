package import Imaging
package import Inference
import SystemSupport

/// A network from normalised pixels to vectors that are not yet of length 1.
package protocol ImageTower: Sendable {
    /// Coordinates of each vector.
    var dimension: Int { get }
    /// How many pictures are best computed together.
    var batch: Int { get }
    /// Vectors [count, dimension] of pixels [count, 3, height, width]; `trace` is told named intermediate
    /// results, of all pictures or of one after the other. The pixels' memory can be had again for other tensors as soon as
    /// they are read.
    func callAsFunction(_ pixels: consuming Tensor, trace: (String, Tensor) -> Void) throws -> Tensor
    /// The same of pictures that `preprocessing` has prepared, of their bytes; nil where a tower takes numbers.
    func callAsFunction(_ pictures: ArraySlice<PixelBuffer>, preparedBy preprocessing: Preprocessing) throws
        -> Tensor?
}

extension ImageTower {
    package func callAsFunction(
        _ pictures: ArraySlice<PixelBuffer>, preparedBy preprocessing: Preprocessing
    ) throws -> Tensor? { nil }
}

extension Preprocessing {
    /// What the bytes of a picture that was prepared stand for.
    var pixelScale: PixelScale { PixelScale(mean: mean, std: std, reversesChannels: reversesChannels) }

    /// The numbers [count, 3, height, width] that pictures which were prepared stand for.
    func numbers(of pictures: some Collection<PixelBuffer>) -> Tensor {
        let size = 3 * height * width
        var numbers = Tensor(uninitialized: [pictures.count, 3, height, width])
        numbers.write { target in
            for (index, picture) in pictures.enumerated() {
                normalize(
                    picture, into: UnsafeMutableBufferPointer(start: target + index * size, count: size))
            }
        }
        return numbers
    }
}

/// A tower with the preprocessing it was trained with.
struct TowerImageEncoder: ImageEncoder {
    let tower: any ImageTower
    let preprocessing: Preprocessing
    /// What the tower was built from, to name the tensor that spoils its vectors.
    var weights: WeightReader?
    var dimension: Int { tower.dimension }

    func encode(prepared pictures: [PixelBuffer]) throws -> [Embedding] {
        var embeddings: [Embedding] = []
        embeddings.reserveCapacity(pictures.count)
        for start in stride(from: 0, to: pictures.count, by: tower.batch) {
            let chunk = pictures[start..<min(start + tower.batch, pictures.count)]
            let vectors =
                try tower(chunk, preparedBy: preprocessing)
                ?? tower(preprocessing.numbers(of: chunk)) { _, _ in }
            embeddings += try Embedding.rows(of: vectors, by: weights)
        }
        return embeddings
    }
}

extension Embedding {
    /// The rows of a tower's result as embeddings.
    ///
    /// Throws an error that names the tensor when numbers in the model's file are not finite, and one that names
    /// the file when it has been cut short while the tower ran.
    static func rows(of vectors: Tensor, by weights: WeightReader?) throws -> [Embedding] {
        try TruncationGuard.check()
        return try (0..<vectors.shape[0]).map { index in
            do throws(EmbeddingError) {
                return try Embedding(normalizing: vectors.row(index).values)
            } catch {
                throw weights?.firstNotFinite() ?? error
            }
        }
    }
}

extension WeightReader {
    /// An error about the first tensor with an infinite number or one that is none, nil when all are finite.
    ///
    /// Reads all weights; done only when a vector has come out unusable.
    fileprivate func firstNotFinite() -> SafeTensorsError? {
        for name in names.sorted() {
            guard let tensor = try? weights(name).tensor() else { continue }
            let isFinite = tensor.read { values in
                (0..<tensor.count).allSatisfy { values[$0].isFinite }
            }
            if !isFinite { return failure(name, "has numbers that are not finite") }
        }
        return nil
    }
}
