/// Brightness of a picture at 64 pixels: enough to see that two pictures, laid on each other, do not agree at all, before
/// either is read from the disk again.
public struct Glance: Sendable, Equatable {
    /// Pixels of the longer side; a smaller picture keeps its size.
    static let longerSide = 64
    let plane: Plane

    init(width: Int, height: Int, values: [UInt8]) {
        plane = Plane(width: width, height: height, values: values)
    }

    /// Makes a picture of at least one pixel small.
    init(_ picture: PixelBuffer) {
        let longer = max(picture.width, picture.height, 1), side = min(longer, Self.longerSide)
        func scaled(_ length: Int) -> Int { max(1, (length * side + longer / 2) / longer) }
        let small = picture.resized(
            width: scaled(picture.width), height: scaled(picture.height), filter: .bilinear)
        self.init(width: small.width, height: small.height, values: Luma(small).levels)
    }

    /// Samples along the longer side of the overlap.
    private static let samples = 32.0
    /// The mean of a square of so many samples to each side is taken from each sample.
    private static let reach = 3

    /// The correlation of detail where another picture, laid on this one by a map, overlaps it, with the second moved by
    /// a sample to where it is best; nil when too little overlaps. Costs some 1,000 samples.
    ///
    /// `sizes` are the sides of this picture and the other, in shares of the longer ones.
    func correlation(
        with other: Glance, laid map: PlaneMap,
        sizes: (first: (width: Double, height: Double), second: (width: Double, height: Double))
    ) -> Float? {
        guard let back = map.inverse,
            let window = map.overlap(ofFirst: sizes.first, second: sizes.second)
        else { return nil }
        let step = max(window.width, window.height) / Self.samples
        let columns = Int(window.width / step), rows = Int(window.height / step)
        guard columns >= 4, rows >= 4 else { return nil }
        var first = [Float](repeating: 0, count: columns * rows), second = first, mask = first
        // Of a picture this small the shorter side is a whole number of pixels only roughly.
        func scale(_ plane: Plane, _ size: (width: Double, height: Double)) -> (x: Double, y: Double) {
            (Double(plane.width) / size.width, Double(plane.height) / size.height)
        }
        let (here, there) = (scale(plane, sizes.first), scale(other.plane, sizes.second))
        plane.withSamples { firstSamples in
            other.plane.withSamples { secondSamples in
                for row in 0..<rows {
                    let y = window.y + (Double(row) + 0.5) * step
                    for column in 0..<columns {
                        let x = window.x + (Double(column) + 0.5) * step
                        let moved = back(x, y)
                        guard x < sizes.first.width, y < sizes.first.height, moved.x >= 0, moved.y >= 0,
                            moved.x < sizes.second.width, moved.y < sizes.second.height
                        else { continue }
                        let place = row * columns + column
                        first[place] = firstSamples(x * here.x, y * here.y)
                        second[place] = secondSamples(moved.x * there.x, moved.y * there.y)
                        mask[place] = 1
                    }
                }
            }
        }
        first = Self.freed(first, mask, columns, rows)
        second = Self.freed(second, mask, columns, rows)
        var best: Float?
        for down in -1...1 {
            for across in -1...1 {
                var (aa, bb, ab, count): (Float, Float, Float, Int) = (0, 0, 0, 0)
                for row in max(0, -down)..<min(rows, rows - down) {
                    for column in max(0, -across)..<min(columns, columns - across) {
                        let here = row * columns + column, moved = here + down * columns + across
                        guard mask[here] > 0, mask[moved] > 0 else { continue }
                        let (a, b) = (first[here], second[moved])
                        (aa, bb, ab, count) = (aa + a * a, bb + b * b, ab + a * b, count + 1)
                    }
                }
                guard count >= 40 else { continue }
                let whole = (aa * bb).squareRoot()
                best = max(best ?? -1, whole > 1 ? ab / whole : 0)
            }
        }
        return best
    }

    /// Takes from each sample the mean of those around it; samples that lie outside count for nothing.
    private static func freed(_ values: [Float], _ mask: [Float], _ columns: Int, _ rows: Int) -> [Float] {
        let sums = summed(values, columns, rows), counts = summed(mask, columns, rows)
        return values.indices.map { mask[$0] > 0 ? values[$0] - sums[$0] / counts[$0] : 0 }
    }

    /// The sums over the squares around each sample: first along the rows, then along the columns.
    private static func summed(_ values: [Float], _ columns: Int, _ rows: Int) -> [Float] {
        var across = values, out = values
        for row in 0..<rows {
            for column in 0..<columns {
                let near = max(0, column - reach)...min(columns - 1, column + reach)
                across[row * columns + column] = near.reduce(0) { $0 + values[row * columns + $1] }
            }
        }
        for row in 0..<rows {
            let near = max(0, row - reach)...min(rows - 1, row + reach)
            for column in 0..<columns {
                out[row * columns + column] = near.reduce(0) { $0 + across[$1 * columns + column] }
            }
        }
        return out
    }
}
