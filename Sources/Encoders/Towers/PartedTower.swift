package import Inference

/// A tower whose vectors have parts that speak of different things, each scaled to a fixed length of its own.
///
/// imgvec-mini says with the first part what a picture shows and with the second which photo it is, whatever was
/// done to it. Without fixed lengths a picture that shows little would be compared by its second part alone.
package struct PartedTower: ImageTower {
    /// Coordinates of a part, and its share of the vector's squared length.
    package struct Part: Sendable {
        package let dimension: Int
        package let share: Float

        package init(dimension: Int, share: Float) {
            self.dimension = dimension
            self.share = share
        }
    }

    private let tower: any ImageTower
    private let parts: [Part]

    /// The parts must add up to the tower's dimension.
    package init(_ tower: any ImageTower, parts: [Part]) {
        precondition(parts.reduce(0) { $0 + $1.dimension } == tower.dimension)
        self.tower = tower
        self.parts = parts
    }

    package var dimension: Int { tower.dimension }
    package var batch: Int { tower.batch }

    package func callAsFunction(_ pixels: Tensor, trace: (String, Tensor) -> Void) throws -> Tensor {
        let vectors = try tower(pixels, trace: trace)
        var values = vectors.values
        for row in stride(from: 0, to: values.count, by: dimension) {
            var start = row
            for part in parts {
                let range = start..<start + part.dimension
                var squares = 0.0
                for index in range { squares += Double(values[index]) * Double(values[index]) }
                // A part without a direction stays zero; a whole vector of them is refused as an embedding.
                if squares > 0 {
                    let factor = Float((Double(part.share) / squares).squareRoot())
                    for index in range { values[index] *= factor }
                }
                start = range.upperBound
            }
        }
        return Tensor(vectors.shape, values)
    }
}
