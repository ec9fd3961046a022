#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a copy still shows of a photograph when it has lost nearly all of it: its pixels when it is very small, the means of
/// its blocks when JPEG in the worst quality has taken the rest.
///
/// The photograph, brought to the same few numbers, must show the same: forms that many photographs share do not fit to the
/// pixel.
struct Remnant: Sendable {
    /// Numbers in a row, and rows.
    let columns: Int, rows: Int
    /// The share of the picture's width and height that they are means of, from its upper left corner.
    let share: (width: Double, height: Double)
    /// Levels of brightness between those the numbers can have; 0 where they can have all.
    let step: Float
    /// The numbers, row by row.
    let numbers: [Float]

    private static let blockSide = 8
    /// Means of blocks this far apart, as at quality 15 and below, tell more of the picture than what is left of its detail; as far
    /// as at quality 7 and below, they are nearly all.
    private static let coarseStep: Float = 6
    fileprivate static let coarsestStep: Float = 14
    /// More blocks in a row than this tell enough by their means as they are.
    private static let mostColumns = 100
    /// Fewer numbers on the shorter side could be many things.
    private static let leastSide = 12

    /// Nil for a picture that has more to show; decoded from a file of `width` x `height` pixels, whose blocks' means are `step`
    /// apart.
    init?(_ picture: PixelBuffer, width: Int, height: Int, step: Float) {
        if max(width, height) <= PicturePlanes.verySmallSide {
            (columns, rows, share, self.step) = (width, height, (1, 1), 0)
        } else {
            guard step >= Self.coarseStep else { return nil }
            (columns, rows, self.step) = (width / Self.blockSide, height / Self.blockSide, step)
            share = (
                Double(columns * Self.blockSide) / Double(width),
                Double(rows * Self.blockSide) / Double(height)
            )
        }
        guard min(columns, rows) >= Self.leastSide, max(columns, rows) <= Self.mostColumns else { return nil }
        let brightness = Plane(width: picture.width, height: picture.height, values: Luma(picture).levels)
        numbers = Self.numbers(of: brightness, columns, rows, share, step)
    }

    /// The numbers that another picture's brightness comes to.
    fileprivate func numbers(of plane: Plane) -> [Float] {
        Self.numbers(of: plane, columns, rows, share, step)
    }

    private static func numbers(
        of plane: Plane, _ columns: Int, _ rows: Int, _ share: (width: Double, height: Double), _ step: Float
    ) -> [Float] {
        let means = plane.means(columns: columns, rows: rows, share: share, overlapping: step == 0)
        return step > 0 ? means.map { (($0 - 128) / step).rounded() * step + 128 } : means
    }

    /// How far a picture explains another's remnant.
    struct Explanation: Sendable, Equatable {
        /// The correlation of the numbers, freed of slow changes, and as they are.
        var detail: Float, brightness: Float
        /// The share of the numbers that are the same, give or take rounding; 1 where they have no steps.
        var same: Float
        /// Levels between those the numbers can have, when they are means of blocks; 0 when they are pixels.
        var step: Float

        /// Whether the means of blocks are nearly all that is left.
        var isOfBlocksAlone: Bool { step >= Remnant.coarsestStep }
    }
}

extension Remnant.Explanation {
    /// Whether the remnant is one of the picture's, and not of something like it, which does not stand on white.
    ///
    /// Photographs at a tenth of each side reach 0.93 and 0.96 here (45, Lanczos filter), those in JPEG's quality 3 0.89 in detail, 0.97 in
    /// brightness and 0.93 of the blocks (50), and parts of photographs in quality 10 0.91, 0.96 and 0.75 (300; 297 of them 0.8). Of 1,916
    /// near pairs of different pictures two or three did when one was made small to about 40 pixels, one in quality 3, and none in
    /// quality 10: frames of bursts (Docs/FindingCopies.md).
    var isConvincing: Bool {
        isOfBlocksAlone
            ? detail >= 0.8 && brightness >= 0.93 && same >= 0.88
            : detail >= 0.9 && brightness >= 0.95 && same >= 0.8
    }
}

extension PicturePlanes {
    /// The longer side, in pixels, up to which a picture is compared by its pixels as they are.
    public static let verySmallSide = 64

    /// How far one of two pictures, which show the same whole, explains what is left of the other; nil when neither has lost
    /// that much, or both have.
    func explanation(with other: PicturePlanes) -> Remnant.Explanation? {
        guard let (remnant, rich) = remnant.map({ ($0, other) }) ?? other.remnant.map({ ($0, self) }),
            rich.remnant == nil, rich.pixels >= 2 * max(remnant.columns, remnant.rows)
        else { return nil }
        return remnant.explanation(by: remnant.numbers(of: rich.grey[0]))
    }
}

extension Remnant {
    fileprivate func explanation(by expected: [Float]) -> Explanation? {
        let size = (columns, rows)
        let details = (numbers.withoutSlowChanges(size), expected.withoutSlowChanges(size))
        var detail = Pair(), brightness = Pair()
        for index in numbers.indices {
            detail.add(details.0[index], details.1[index])
            brightness.add(numbers[index] - 128, expected[index] - 128)
        }
        // In the noise of a plain picture there is nothing to explain.
        guard min(detail.varianceA, detail.varianceB) >= 2 else { return nil }
        let same =
            step > 0
            ? Float(zip(numbers, expected).count { abs($0 - $1) < step / 2 }) / Float(numbers.count) : 1
        return Explanation(
            detail: detail.correlation, brightness: brightness.correlation, same: same, step: step)
    }
}

extension Plane {
    /// Means of the plane over a grid that covers a share of it from its upper left corner: those of its cells, or, overlapping, weighted
    /// by their distance from the cells' centres, as when pictures are made smaller (a triangle filter).
    fileprivate func means(
        columns: Int, rows: Int, share: (width: Double, height: Double), overlapping: Bool
    ) -> [Float] {
        let across = Self.spans(columns, over: share.width * Double(width), of: width, overlapping)
        let down = Self.spans(rows, over: share.height * Double(height), of: height, overlapping)
        var narrow = [Float](repeating: 0, count: columns * height)
        for row in 0..<height {
            for (column, span) in across.enumerated() {
                var sum: Float = 0
                for (place, weight) in span { sum += weight * Float(values[row * width + place]) }
                narrow[row * columns + column] = sum
            }
        }
        var means = [Float](repeating: 0, count: columns * rows)
        for (row, span) in down.enumerated() {
            for (place, weight) in span {
                for column in 0..<columns {
                    means[row * columns + column] += weight * narrow[place * columns + column]
                }
            }
        }
        return means
    }

    /// For each of `count` equal parts of a length the samples that it is a mean of, with weights that sum to 1.
    private static func spans(
        _ count: Int, over length: Double, of samples: Int, _ overlapping: Bool
    ) -> [[(Int, Float)]] {
        let part = length / Double(count)
        // A part that is shorter than a sample takes the nearest ones in proportion.
        let reach = max(part, 1)
        return (0..<count).map { index in
            let (start, end) = (Double(index) * part, Double(index + 1) * part)
            let centre = (start + end) / 2
            let (from, to) = overlapping ? (centre - reach, centre + reach) : (start, end)
            let places = max(0, Int(from))..<min(samples, max(Int(from) + 1, Int(to.rounded(.up))))
            let weights = places.map { place in
                overlapping
                    ? max(0, 1 - abs(Double(place) + 0.5 - centre) / reach)
                    : min(end, Double(place + 1)) - max(start, Double(place))
            }
            let sum = weights.reduce(0, +)
            return zip(places, weights).map { ($0, sum > 0 ? Float($1 / sum) : 0) }
        }
    }
}

extension [Float] {
    /// A Gaussian with a deviation of 1.5 places, 6 to each side.
    private static let weights: [Float] = {
        let all = (-6...6).map { exp(-Double($0 * $0) / (2 * 1.5 * 1.5)) }
        let sum = all.reduce(0, +)
        return all.map { Float($0 / sum) }
    }()

    /// Each number of a grid without the mean of those around it; behind the border it goes on mirrored.
    fileprivate func withoutSlowChanges(_ size: (columns: Int, rows: Int)) -> [Float] {
        func mirrored(_ place: Int, _ count: Int) -> Int {
            let place = place < 0 ? -1 - place : place
            return place < count ? place : 2 * count - 1 - place
        }
        var across = self, result = self
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                var sum: Float = 0
                for (offset, weight) in Self.weights.enumerated() {
                    sum += weight * self[row * size.columns + mirrored(column + offset - 6, size.columns)]
                }
                across[row * size.columns + column] = sum
            }
        }
        for row in 0..<size.rows {
            for column in 0..<size.columns {
                var sum: Float = 0
                for (offset, weight) in Self.weights.enumerated() {
                    sum += weight * across[mirrored(row + offset - 6, size.rows) * size.columns + column]
                }
                result[row * size.columns + column] -= sum
            }
        }
        return result
    }
}
