/// What PDQ makes of a picture before it takes the bits: 16 x 16 frequencies and the quality.
///
/// All arithmetic is 32-bit float in the reference's order.
struct PDQSpectrum {
    /// Frequencies 1...16 down, then across, row by row.
    let frequencies: [Float]
    /// 0...100.
    let quality: Int

    private static let smallestSide = 5
    private static let blurPasses = 2
    private static let basis: [Float] = {
        let scale = Float((2.0 / 64.0).squareRoot())
        return CosineBasis(size: 64, frequencies: 1..<17).values.map { Float(Double(scale) * $0) }
    }()

    /// nil for a picture with a side under 5 pixels.
    init?(_ picture: PixelBuffer) {
        let (width, height) = (picture.width, picture.height)
        guard width >= Self.smallestSide, height >= Self.smallestSide else { return nil }
        var luma = Self.floatLuma(picture)
        if width == 64, height == 64 {
            // Taken as it is, like the reference.
        } else {
            var other = [Float](repeating: 0, count: luma.count)
            for _ in 0..<Self.blurPasses {
                Self.blurRows(luma, into: &other, width: width, height: height)
                Self.blurColumns(other, into: &luma, width: width, height: height)
            }
            luma = Self.decimated(luma, width: width, height: height)
        }
        quality = Self.quality(luma)
        frequencies = Self.transformed(luma)
    }

    private static func floatLuma(_ picture: PixelBuffer) -> [Float] {
        let count = picture.width * picture.height
        return [Float](unsafeUninitializedCapacity: count) { out, filled in
            picture.pixels.withUnsafeBufferPointer { rgb in
                for i in 0..<count {
                    out[i] =
                        0.299 * Float(rgb[3 * i]) + 0.587 * Float(rgb[3 * i + 1]) + 0.114
                        * Float(rgb[3 * i + 2])
                }
            }
            filled = count
        }
    }

    /// The box whose two passes make a tent as wide as one of 64 blocks.
    private static func window(_ side: Int) -> Int { (side + 127) / 128 }

    /// The four stretches of a running mean: fill, grow, slide, shrink. `half` outputs lag behind the inputs.
    ///
    /// Eight rows at a time: each sum waits for the one before it, and rows do not wait for each other.
    private static func blurRows(_ input: [Float], into output: inout [Float], width: Int, height: Int) {
        let window = window(width)
        let half = (window + 2) / 2
        input.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                for first in stride(from: 0, to: height, by: 8) {
                    // Rows behind the last are the last one again.
                    let starts = SIMD8<Int>(0, 1, 2, 3, 4, 5, 6, 7) &+ first
                    let rows = pointwiseMin(starts, SIMD8(repeating: height - 1)) &* width
                    var (left, right, written) = (0, 0, 0)
                    var sum = SIMD8<Float>()
                    var size: Float = 0
                    func taken(_ column: Int) -> SIMD8<Float> {
                        SIMD8(
                            input[rows[0] + column], input[rows[1] + column], input[rows[2] + column],
                            input[rows[3] + column], input[rows[4] + column], input[rows[5] + column],
                            input[rows[6] + column], input[rows[7] + column])
                    }
                    func add() {
                        sum += taken(right)
                        right += 1
                    }
                    func subtract() {
                        sum -= taken(left)
                        left += 1
                    }
                    func write() {
                        let mean = sum / size
                        for row in 0..<8 { output[rows[row] + written] = mean[row] }
                        written += 1
                    }
                    for _ in 0..<half - 1 {
                        add()
                        size += 1
                    }
                    for _ in 0..<window - half + 1 {
                        add()
                        size += 1
                        write()
                    }
                    for _ in 0..<width - window {
                        add()
                        subtract()
                        write()
                    }
                    for _ in 0..<half - 1 {
                        subtract()
                        size -= 1
                        write()
                    }
                }
            }
        }
    }

    /// The same down the columns, all columns side by side.
    private static func blurColumns(_ input: [Float], into output: inout [Float], width: Int, height: Int) {
        let window = window(height)
        let half = (window + 2) / 2
        var sums = [Float](repeating: 0, count: width)
        var size: Float = 0
        var (left, right, written) = (0, 0, 0)
        input.withUnsafeBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                sums.withUnsafeMutableBufferPointer { sums in
                    func add() {
                        for x in 0..<width { sums[x] += input[right + x] }
                        right += width
                    }
                    func subtract() {
                        for x in 0..<width { sums[x] -= input[left + x] }
                        left += width
                    }
                    func write() {
                        for x in 0..<width { output[written + x] = sums[x] / size }
                        written += width
                    }
                    for _ in 0..<half - 1 {
                        add()
                        size += 1
                    }
                    for _ in 0..<window - half + 1 {
                        add()
                        size += 1
                        write()
                    }
                    for _ in 0..<height - window {
                        add()
                        subtract()
                        write()
                    }
                    for _ in 0..<half - 1 {
                        subtract()
                        size -= 1
                        write()
                    }
                }
            }
        }
    }

    /// The pixels in the middles of 64 x 64 blocks.
    private static func decimated(_ luma: [Float], width: Int, height: Int) -> [Float] {
        var out: [Float] = []
        out.reserveCapacity(64 * 64)
        for row in 0..<64 {
            let y = Int((Double(row) + 0.5) * Double(height) / 64)
            for column in 0..<64 {
                let x = Int((Double(column) + 0.5) * Double(width) / 64)
                out.append(luma[y * width + x])
            }
        }
        return out
    }

    /// The sum of gradients that are strong enough to count, in percent of the reference's constant.
    private static func quality(_ luma: [Float]) -> Int {
        var sum = 0
        for row in 0..<64 {
            for column in 0..<64 {
                let here = luma[64 * row + column]
                if row < 63 { sum += abs(Int((here - luma[64 * (row + 1) + column]) * 100 / 255)) }
                if column < 63 { sum += abs(Int((here - luma[64 * row + column + 1]) * 100 / 255)) }
            }
        }
        return min(sum / 90, 100)
    }

    private static func transformed(_ luma: [Float]) -> [Float] {
        var down = [Float](repeating: 0, count: 16 * 64)
        for i in 0..<16 {
            for k in 0..<64 {
                let factor = basis[64 * i + k]
                for j in 0..<64 { down[64 * i + j] += factor * luma[64 * k + j] }
            }
        }
        var both = [Float](repeating: 0, count: 16 * 16)
        for i in 0..<16 {
            for j in 0..<16 {
                var sum: Float = 0
                for k in 0..<64 { sum += down[64 * i + k] * basis[64 * j + k] }
                both[16 * i + j] = sum
            }
        }
        return both
    }

    /// The bits the picture would have if it were `oriented(by:)` first.
    ///
    /// Mirroring a side changes the sign of its odd frequencies (those at even places), exchanging sides transposes.
    func hash(shownAs orientation: Orientation) -> PDQHash {
        let (mirrorsAcross, mirrorsDown) =
            switch orientation {
            case .up, .leftMirrored: (false, false)
            case .upMirrored, .left: (true, false)
            case .down, .rightMirrored: (true, true)
            case .downMirrored, .right: (false, true)
            }
        var shown = [Float](repeating: 0, count: 256)
        for i in 0..<16 {
            for j in 0..<16 {
                let isNegated = (mirrorsAcross && j % 2 == 0) != (mirrorsDown && i % 2 == 0)
                let value = frequencies[16 * i + j]
                shown[orientation.exchangesSides ? 16 * j + i : 16 * i + j] = isNegated ? -value : value
            }
        }
        // The reference's median of 256 is the lower of the middle two.
        let median = shown.sorted()[127]
        var words = SIMD4<UInt64>()
        for (bit, value) in shown.enumerated() where value > median {
            words[bit / 64] |= 1 << UInt64(bit % 64)
        }
        return PDQHash(words: words)
    }
}
