import Imaging
package import Inference

/// A network from normalised pixels to vectors that are not yet of length 1.
package protocol ImageTower: Sendable {
    /// Coordinates of each vector.
    var dimension: Int { get }
    /// How many pictures are best computed together.
    var batch: Int { get }
    /// Vectors [count, dimension] of pixels [count, 3, height, width]; `trace` is told named intermediate
    /// results.
    func callAsFunction(_ pixels: Tensor, trace: (String, Tensor) -> Void) throws -> Tensor
}

/// A tower with the preprocessing it was trained with.
struct TowerImageEncoder: ImageEncoder {
    let tower: any ImageTower
    let preprocessing: Preprocessing
    var dimension: Int { tower.dimension }

    func encode(_ pixels: [PixelBuffer]) throws -> [Embedding] {
        var embeddings: [Embedding] = []
        embeddings.reserveCapacity(pixels.count)
        let (height, width) = (preprocessing.height, preprocessing.width)
        for start in stride(from: 0, to: pixels.count, by: tower.batch) {
            let chunk = pixels[start..<min(start + tower.batch, pixels.count)]
            let size = 3 * height * width
            var input = Tensor(uninitialized: [chunk.count, 3, height, width])
            input.write { target in
                for (index, picture) in chunk.enumerated() {
                    let values = preprocessing.tensor(from: picture)
                    precondition(values.count == size)
                    values.withUnsafeBufferPointer { values in
                        if let base = values.baseAddress {
                            (target + index * size).update(from: base, count: size)
                        }
                    }
                }
            }
            let vectors = try tower(input) { _, _ in }
            for index in 0..<chunk.count {
                embeddings.append(try Embedding(normalizing: vectors.row(index).values))
            }
        }
        return embeddings
    }
}
