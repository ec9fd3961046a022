#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How well two pictures agree where one lies on the other.
///
/// Where they overlap, both are sampled on one grid of some 112 samples and freed of slow changes of brightness. The grid
/// is cut into blocks of 8 by 8; a block with detail agrees when the two correlate, give or take a sample. An edit of
/// a photograph agrees nearly everywhere but under what was laid over it; another photograph of the same scene, with
/// other people, another angle or another moment, does not.
public struct PictureComparison: Sendable {
    /// The share of the first and of the second picture that lies on the other.
    public var coverage: (first: Double, second: Double)
    /// Blocks with detail in both pictures, and how many of them agree.
    public var blocks: Int, agreeing: Int
    /// Blocks with detail in one picture and none in the other, and with detail in none.
    public var oneSided: Int, flat: Int
    /// The rectangle of blocks that agrees best with hardly an exception: its blocks with detail in both, those that
    /// agree, and the share of the first and of the second picture in it.
    public var patch = Patch()
    /// The mean correlation of the blocks with detail in both.
    public var meanCorrelation: Float
    /// The correlation of brightness over the whole overlap.
    public var correlation: Float
    /// The correlation of the colours over the overlap; nil where one of them has hardly any.
    public var colour: Float?
    /// The same, 0 to 1, once all colours of one picture were turned round the circle as far as they correlate best.
    public var turnedColour: Float?

    /// A part of the overlap.
    public struct Patch: Sendable {
        /// Blocks with detail in both, those of them that agree, and those with detail in one.
        public var blocks = 0, agreeing = 0, oneSided = 0
        /// The share of the first and of the second picture.
        public var first = 0.0, second = 0.0
        /// The correlation of the colours in it; nil where one of the two has hardly any.
        public var colour: Float?
        /// Its rows and columns of blocks.
        fileprivate var rows = 0..<0, columns = 0..<0

        /// As the agreement of the whole.
        public var agreement: Float {
            let all = Float(blocks) + Float(oneSided) / 2
            return all > 0 ? Float(agreeing) / all : 0
        }
    }

    /// The share of blocks that agree; blocks with detail on one side count half.
    public var agreement: Float {
        let all = Float(blocks) + Float(oneSided) / 2
        return all > 0 ? Float(agreeing) / all : 0
    }

    /// The share of the blocks that have detail in both pictures.
    public var detail: Float { Float(blocks) / Float(max(1, blocks + oneSided + flat)) }
}

extension PicturePlanes {
    private static let samples = 112.0
    private static let leastSamples = 64.0
    private static let block = 8
    private static let blockAgreement: Float = 0.6

    /// Compares this picture with another that `map` lays on it; nil when they hardly overlap. Costs one warp of 256 pixels a side.
    public func comparison(with other: PicturePlanes, map: PlaneMap) -> PictureComparison? {
        guard let back = map.inverse,
            let window = map.overlap(ofFirst: (width, height), second: (other.width, other.height))
        else { return nil }
        // A picture of fifty pixels has no detail for more samples than that, only the traces of its compression.
        let middle = back(window.x + window.width / 2, window.y + window.height / 2)
        let right = back(window.x + window.width, window.y + window.height / 2)
        let longer = max(window.width, window.height)
        let shrunk = 2 * hypot(right.x - middle.x, right.y - middle.y) / window.width
        let pixels = longer * min(Double(self.pixels), Double(other.pixels) * shrunk)
        // A long, narrow overlap needs samples for three blocks across all the same.
        let least = max(
            Self.leastSamples, 3.2 * Double(Self.block) * longer / min(window.width, window.height))
        let samples = min(Self.samples, max(least, pixels * 1.2))
        let step = longer / samples
        guard step > 1e-4 else { return nil }
        let columns = Int(window.width / step), rows = Int(window.height / step)
        guard columns >= 3 * Self.block, rows >= 3 * Self.block else { return nil }
        let beside = back(window.x + window.width / 2 + step, window.y + window.height / 2)
        let otherStep = hypot(beside.x - middle.x, beside.y - middle.y)
        var grid = SampleGrid(width: columns, height: rows)
        grid.fill(
            first: plane(for: step), second: other.plane(for: otherStep), longerFirst: max(width, height),
            window: (window.x, window.y, step), back: back, sizes: (width, height, other.width, other.height))
        guard grid.inside >= 9 * Self.block * Self.block else { return nil }
        let area = Double(grid.inside) * step * step
        let otherArea = Double(grid.inside) * otherStep * otherStep
        var result = PictureComparison(
            coverage: (min(1, area / (width * height)), min(1, otherArea / (other.width * other.height))),
            blocks: 0, agreeing: 0, oneSided: 0, flat: 0, meanCorrelation: 0, correlation: grid.correlation())
        if let colours = colours(with: other, back: back, window: window) {
            (result.colour, result.turnedColour) = colours
        }
        grid.removeSlowChanges()
        let verdicts = grid.compareBlocks(side: Self.block, needed: Self.blockAgreement, into: &result)
        let blockArea = Double(Self.block * Self.block) * step * step
        let scale = otherArea / area
        result.patch = verdicts.bestPatch { blocks in
            (blocks * blockArea / (width * height), blocks * blockArea * scale / (other.width * other.height))
        }
        let side = Double(Self.block) * step, patch = result.patch
        result.patch.colour =
            colours(
                with: other, back: back,
                window: (
                    window.x + side * Double(patch.columns.lowerBound),
                    window.y + side * Double(patch.rows.lowerBound),
                    side * Double(patch.columns.count), side * Double(patch.rows.count)
                ))?.asTheyAre
        return result
    }

    /// Colour planes vary by at least this many levels in a picture that counts as coloured.
    private static let colourLimit: Float = 5

    /// How the colours in a window correlate as they are, and turned together; a colour is a complex number for that.
    private func colours(
        with other: PicturePlanes, back: PlaneMap,
        window: (x: Double, y: Double, width: Double, height: Double)
    ) -> (asTheyAre: Float, turned: Float)? {
        let count = 24
        var sums = (Pair(), Pair()), across = (Pair(), Pair())
        for row in 0..<count {
            for column in 0..<count {
                let x = window.x + window.width * (Double(column) + 0.5) / Double(count)
                let y = window.y + window.height * (Double(row) + 0.5) / Double(count)
                let there = back(x, y)
                guard there.x >= 0, there.y >= 0, there.x < other.width, there.y < other.height else {
                    continue
                }
                let blue = blueness.nearest(x, y, width, height), red = redness.nearest(x, y, width, height)
                let otherBlue = other.blueness.nearest(there.x, there.y, other.width, other.height)
                let otherRed = other.redness.nearest(there.x, there.y, other.width, other.height)
                sums.0.add(blue, otherBlue)
                sums.1.add(red, otherRed)
                across.0.add(blue, otherRed)
                across.1.add(red, otherBlue)
            }
        }
        let spread = (
            (sums.0.varianceA + sums.1.varianceA).squareRoot(),
            (sums.0.varianceB + sums.1.varianceB).squareRoot()
        )
        guard min(spread.0, spread.1) >= Self.colourLimit else { return nil }
        let whole = (sums.0.varianceA + sums.1.varianceA) * (sums.0.varianceB + sums.1.varianceB)
        let along = sums.0.covariance + sums.1.covariance
        let turned = hypotf(along, across.0.covariance - across.1.covariance)
        return (along / whole.squareRoot(), turned / whole.squareRoot())
    }

    /// Whether this picture has hardly any colour, and another has some beyond doubt.
    ///
    /// What lies between is neither, so that a change of a pale picture's brightness or quality does not make it grey; colours that vary
    /// less than JPEG's steps may be lost by them, or come from them.
    func isGrey(beside other: PicturePlanes) -> Bool {
        let limit = max(Self.colourLimit, meanStep, other.meanStep)
        return colourfulness < Self.colourLimit / 2 && other.colourfulness >= limit
    }

    /// How much the colours vary, in levels of chroma.
    private var colourfulness: Float {
        var sums = (Pair(), Pair())
        for value in blueness.values { sums.0.add(Float(value) - 128, 0) }
        for value in redness.values { sums.1.add(Float(value) - 128, 0) }
        return (sums.0.varianceA + sums.1.varianceA).squareRoot()
    }
}

extension Plane {
    fileprivate func nearest(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> Float {
        let column = max(0, min(self.width - 1, Int(x / width * Double(self.width))))
        let row = max(0, min(self.height - 1, Int(y / height * Double(self.height))))
        return Float(values[row * self.width + column]) - 128
    }
}

/// Sums for the correlation of pairs of values.
struct Pair {
    var count: Float = 0, a: Float = 0, b: Float = 0, aa: Float = 0, bb: Float = 0, ab: Float = 0

    @inline(__always)
    mutating func add(_ x: Float, _ y: Float) {
        count += 1
        a += x
        b += y
        aa += x * x
        bb += y * y
        ab += x * y
    }

    var varianceA: Float { count > 0 ? max(0, aa / count - (a / count) * (a / count)) : 0 }
    var varianceB: Float { count > 0 ? max(0, bb / count - (b / count) * (b / count)) : 0 }
    var covariance: Float { count > 0 ? ab / count - (a / count) * (b / count) : 0 }
    var correlation: Float {
        let whole = (varianceA * varianceB).squareRoot()
        return whole > 1e-3 ? covariance / whole : 0
    }
}

/// Two pictures sampled at the same places.
struct SampleGrid {
    let width: Int, height: Int
    var first: [Float], second: [Float]
    /// 1 where both pictures are, else 0.
    var mask: [Float]
    var inside = 0

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        first = [Float](repeating: 0, count: width * height)
        second = first
        mask = first
    }

    mutating func fill(
        first a: Plane, second b: Plane, longerFirst: Double,
        window: (x: Double, y: Double, step: Double), back: PlaneMap,
        sizes: (Double, Double, Double, Double)
    ) {
        let scaleA = Double(max(a.width, a.height)), scaleB = Double(max(b.width, b.height))
        a.withSamples { firstSamples in
            b.withSamples { secondSamples in
                for row in 0..<height {
                    let y = window.y + (Double(row) + 0.5) * window.step
                    for column in 0..<width {
                        let x = window.x + (Double(column) + 0.5) * window.step
                        let there = back(x, y)
                        guard there.x >= 0, there.y >= 0, there.x < sizes.2, there.y < sizes.3, x < sizes.0,
                            y < sizes.1
                        else { continue }
                        let place = row * width + column
                        first[place] = firstSamples(x * scaleA, y * scaleA)
                        second[place] = secondSamples(there.x * scaleB, there.y * scaleB)
                        mask[place] = 1
                        inside += 1
                    }
                }
            }
        }
    }

    func correlation() -> Float {
        var sums = Pair()
        for place in first.indices where mask[place] > 0 { sums.add(first[place] - 128, second[place] - 128) }
        return sums.correlation
    }

    /// Takes from each sample the mean of those around it.
    mutating func removeSlowChanges() {
        let counts = cumulated(mask)
        first = freed(first, counts)
        second = freed(second, counts)
    }

    private static let reach = 7

    /// Samples that lie outside hold 0 and count for nothing.
    ///
    /// Near the border the square around a sample is smaller, on all sides: reaching further to one side than to the
    /// other would leave a plain gradient with what looks like detail.
    private func freed(_ values: [Float], _ counts: [Double]) -> [Float] {
        let sums = cumulated(values)
        var out = values
        for row in 0..<height {
            let down = min(Self.reach, row, height - 1 - row)
            for column in 0..<width where mask[row * width + column] > 0 {
                let across = min(Self.reach, column, width - 1 - column)
                let (left, right) = (column - across, column + across + 1)
                let (top, bottom) = ((row - down) * (width + 1), (row + down + 1) * (width + 1))
                func sum(_ table: [Double]) -> Double {
                    table[bottom + right] - table[bottom + left] - table[top + right] + table[top + left]
                }
                out[row * width + column] -= Float(sum(sums) / max(1, sum(counts)))
            }
        }
        return out
    }

    /// Sums over all rows above and all columns to the left, one row and one column more than there are samples.
    private func cumulated(_ values: [Float]) -> [Double] {
        var table = [Double](repeating: 0, count: (width + 1) * (height + 1))
        for row in 0..<height {
            var sum = 0.0
            for column in 0..<width {
                sum += Double(values[row * width + column])
                table[(row + 1) * (width + 1) + column + 1] = table[row * (width + 1) + column + 1] + sum
            }
        }
        return table
    }

    fileprivate func compareBlocks(
        side: Int, needed: Float, into result: inout PictureComparison
    ) -> BlockVerdicts {
        var verdicts = BlockVerdicts(columns: width / side, rows: height / side)
        var total = Pair()
        for place in first.indices where mask[place] > 0 { total.add(first[place], second[place]) }
        let limitA = max(1.5, 0.08 * total.varianceA), limitB = max(1.5, 0.08 * total.varianceB)
        var correlations: Float = 0
        for top in stride(from: 0, through: height - side, by: side) {
            for left in stride(from: 0, through: width - side, by: side) {
                guard let here = sums(left, top, side, 0, 0), here.count >= Float(side * side) * 0.75 else {
                    continue
                }
                let hasDetail = (here.varianceA >= limitA, here.varianceB >= limitB)
                let place = top / side * verdicts.columns + left / side
                guard hasDetail.0, hasDetail.1 else {
                    if hasDetail.0 || hasDetail.1 {
                        result.oneSided += 1
                        verdicts.values[place] = .oneSided
                    } else {
                        result.flat += 1
                    }
                    continue
                }
                var best = here.correlation
                if best < 0.9 {
                    for dy in -1...1 {
                        for dx in -1...1 where dx != 0 || dy != 0 {
                            if let moved = sums(left, top, side, dx, dy), moved.count >= here.count * 0.8 {
                                best = max(best, moved.correlation)
                            }
                        }
                    }
                }
                result.blocks += 1
                correlations += best
                if best >= needed { result.agreeing += 1 }
                verdicts.values[place] = best >= needed ? .agrees : .differs
            }
        }
        result.meanCorrelation = result.blocks > 0 ? correlations / Float(result.blocks) : 0
        return verdicts
    }

    /// The sums of a block of the first picture and one of the second that is moved by a sample.
    private func sums(_ left: Int, _ top: Int, _ side: Int, _ dx: Int, _ dy: Int) -> Pair? {
        guard left + dx >= 0, top + dy >= 0, left + dx + side <= width, top + dy + side <= height else {
            return nil
        }
        var sums = Pair()
        first.withUnsafeBufferPointer { first in
            second.withUnsafeBufferPointer { second in
                mask.withUnsafeBufferPointer { mask in
                    for row in top..<top + side {
                        for column in left..<left + side {
                            let a = row * width + column, b = (row + dy) * width + column + dx
                            if mask[a] > 0, mask[b] > 0 { sums.add(first[a], second[b]) }
                        }
                    }
                }
            }
        }
        return sums
    }
}

/// What was found about each block.
private struct BlockVerdicts {
    /// What a block counts in the search for a patch.
    enum Verdict: Int { case differs = -2, oneSided, nothing, agrees }

    let columns: Int, rows: Int
    var values: [Verdict]

    init(columns: Int, rows: Int) {
        (self.columns, self.rows) = (columns, rows)
        values = [Verdict](repeating: .nothing, count: columns * rows)
    }

    /// The rectangle with the most agreeing blocks after two are taken off for each that differs (Kadane's method on
    /// sums of rows).
    func bestPatch(shares: (Double) -> (Double, Double)) -> PictureComparison.Patch {
        var best = (value: 0, left: 0, right: 0, top: 0, bottom: 0)
        for left in 0..<columns {
            var sums = [Int](repeating: 0, count: rows)
            for right in left..<columns {
                for row in 0..<rows {
                    sums[row] += values[row * columns + right].rawValue
                }
                var sum = 0, start = 0
                for row in 0..<rows {
                    if sum <= 0 { (sum, start) = (0, row) }
                    sum += sums[row]
                    if sum > best.value { best = (sum, left, right + 1, start, row + 1) }
                }
            }
        }
        var patch = PictureComparison.Patch()
        (patch.rows, patch.columns) = (best.top..<best.bottom, best.left..<best.right)
        for row in best.top..<best.bottom {
            for column in best.left..<best.right {
                switch values[row * columns + column] {
                case .nothing: break
                case .oneSided: patch.oneSided += 1
                case .differs: patch.blocks += 1
                case .agrees:
                    patch.blocks += 1
                    patch.agreeing += 1
                }
            }
        }
        (patch.first, patch.second) = shares(Double((best.bottom - best.top) * (best.right - best.left)))
        return patch
    }
}
