package import Imaging
package import Inference

/// A tower whose vectors have parts that speak of different things, each scaled to a fixed length of its own.
///
/// imgvec-mini says with the first part what a picture shows and with the second which photo it is, whatever was
/// done to it; a third comes of the first (`Querybanks`). Without fixed lengths a picture that shows little would be
/// compared by its second part alone.
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
    /// What the last part is made of when the tower does not give it, from the first.
    private let querybanks: Querybanks?

    /// The parts must add up to the tower's dimension and that of the query banks, whose part is the last.
    package init(_ tower: any ImageTower, parts: [Part], querybanks: Querybanks? = nil) {
        dimension = parts.reduce(0) { $0 + $1.dimension }
        precondition(dimension == tower.dimension + (querybanks?.dimension ?? 0))
        self.tower = tower
        self.parts = parts
        self.querybanks = querybanks
    }

    package let dimension: Int
    package var batch: Int { tower.batch }

    package func callAsFunction(
        _ pixels: consuming Tensor, trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        try withParts(tower(consume pixels, trace: trace))
    }

    package func callAsFunction(
        _ pictures: ArraySlice<PixelBuffer>, preparedBy preprocessing: Preprocessing
    ) throws -> Tensor? {
        try tower(pictures, preparedBy: preprocessing).map(withParts)
    }

    /// The tower's vectors with their parts scaled, and the part that is made of the first.
    private func withParts(_ vectors: Tensor) throws -> Tensor {
        let given = vectors.values, count = vectors.shape[0], width = tower.dimension
        var values = [Float](repeating: 0, count: count * dimension)
        for picture in 0..<count {
            let row = picture * dimension
            for index in 0..<width { values[row + index] = given[picture * width + index] }
            var start = row
            for part in parts where start < row + width {
                scale(&values, start..<start + part.dimension, to: part.share)
                start += part.dimension
            }
        }
        if let querybanks, let share = parts.last?.share {
            try addLikeness(of: querybanks, share: share, to: &values, count)
        }
        return Tensor([count, dimension], values)
    }

    /// Gives a part the length that its share of the squared length stands for.
    ///
    /// A part without a direction stays zero; a whole vector of them is refused as an embedding.
    private func scale(_ values: inout [Float], _ range: Range<Int>, to share: Float) {
        var squares = 0.0
        for index in range { squares += Double(values[index]) * Double(values[index]) }
        guard squares > 0 else { return }
        let factor = Float((Double(share) / squares).squareRoot())
        for index in range { values[index] *= factor }
    }

    /// Fills the last part of each vector from its first.
    private func addLikeness(
        of querybanks: Querybanks, share: Float, to values: inout [Float], _ count: Int
    ) throws {
        let meaning = parts[0], length = meaning.share.squareRoot()
        var meanings: [Float] = []
        meanings.reserveCapacity(count * meaning.dimension)
        for row in stride(from: 0, to: values.count, by: dimension) {
            meanings += values[row..<row + meaning.dimension].lazy.map { $0 / length }
        }
        let likeness = try querybanks(Tensor([count, meaning.dimension], meanings)).values
        let factor = share.squareRoot()
        for picture in 0..<count {
            let row = picture * dimension, start = row + tower.dimension
            // What shows nothing resembles nothing: it stays the zero that is refused.
            guard values[row..<row + meaning.dimension].contains(where: { $0 != 0 }) else { continue }
            for index in 0..<querybanks.dimension {
                values[start + index] = likeness[picture * querybanks.dimension + index] * factor
            }
        }
    }
}
