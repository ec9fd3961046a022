#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Simple measures of how a picture looks, comparable between pictures of all sizes.
///
/// All but the colourfulness are taken on its luma with the longer side brought to 256 pixels (smaller pictures stay
/// as they are).
public struct QualityMeasures: Sendable, Equatable {
    /// Variance of the Laplacian (4 neighbours, levels 0...255): blurred pictures have little, sharp ones hundreds
    /// and more. 0 for a picture with a side under 3 pixels.
    public var sharpness: Double
    /// Mean luma, 0...1.
    public var brightness: Double
    /// Standard deviation of the luma, 0...0.5.
    public var contrast: Double
    /// Bits of the 256-bin luma histogram, 0...8.
    public var entropy: Double
    /// Colourfulness after Hasler and Süsstrunk (SPIE 5007, 2003): 0 for a grey picture, about 15 for slight colours,
    /// 100 and more for strong ones. Taken on every n-th pixel, of which there are some tens of thousands.
    public var colorfulness: Double

    private static let longerSide = 256

    /// Creates measures that have been stored.
    public init(
        sharpness: Double, brightness: Double, contrast: Double, entropy: Double, colorfulness: Double
    ) {
        self.sharpness = sharpness
        self.brightness = brightness
        self.contrast = contrast
        self.entropy = entropy
        self.colorfulness = colorfulness
    }

    /// Measures a picture of at least one pixel. Costs a pass over its pixels.
    public init(_ picture: PixelBuffer) {
        var luma = Luma(picture)
        let longer = max(luma.width, luma.height)
        if longer > Self.longerSide {
            func scaled(_ side: Int) -> Int { max(1, (side * Self.longerSide + longer / 2) / longer) }
            luma = luma.resized(width: scaled(luma.width), height: scaled(luma.height), filter: .bilinear)
        }
        let count = Double(luma.levels.count)
        var histogram = [Int](repeating: 0, count: 256)
        for level in luma.levels { histogram[Int(level)] += 1 }
        var (sum, squares, bits) = (0.0, 0.0, 0.0)
        for (level, times) in histogram.enumerated() where times > 0 {
            let share = Double(times) / count
            sum += share * Double(level)
            squares += share * Double(level * level)
            bits -= share * log2(share)
        }
        brightness = sum / 255
        contrast = max(0, squares - sum * sum).squareRoot() / 255
        entropy = bits
        sharpness = Self.laplacianVariance(luma)
        colorfulness = Self.colorfulness(picture)
    }

    private static func colorfulness(_ picture: PixelBuffer) -> Double {
        let pixelCount = picture.width * picture.height
        // An odd step, so that the samples do not fall on few columns.
        let step = max(1, pixelCount / 50_000) | 1
        var (count, redGreen, blueYellow, redGreenSquares, blueYellowSquares) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for index in stride(from: 0, to: pixelCount, by: step) {
            let red = Double(picture.pixels[3 * index]), green = Double(picture.pixels[3 * index + 1])
            let blue = Double(picture.pixels[3 * index + 2])
            let (first, second) = (red - green, (red + green) / 2 - blue)
            count += 1
            redGreen += first
            blueYellow += second
            redGreenSquares += first * first
            blueYellowSquares += second * second
        }
        guard count > 0 else { return 0 }
        let means = (redGreen / count, blueYellow / count)
        let variances =
            redGreenSquares / count - means.0 * means.0 + blueYellowSquares / count - means.1 * means.1
        return max(0, variances).squareRoot() + 0.3 * (means.0 * means.0 + means.1 * means.1).squareRoot()
    }

    private static func laplacianVariance(_ luma: Luma) -> Double {
        let (width, height) = (luma.width, luma.height)
        guard width > 2, height > 2 else { return 0 }
        var (sum, squares) = (0, 0)
        luma.levels.withUnsafeBufferPointer { levels in
            for y in 1..<height - 1 {
                // At most 1,020 and its square, of 256 columns.
                var (rowSum, rowSquares): (Int32, Int32) = (0, 0)
                for at in y * width + 1..<(y + 1) * width - 1 {
                    let value =
                        Int32(levels[at - 1]) &+ Int32(levels[at + 1]) &+ Int32(levels[at - width])
                        &+ Int32(levels[at + width]) &- 4 &* Int32(levels[at])
                    rowSum &+= value
                    rowSquares &+= value &* value
                }
                sum += Int(rowSum)
                squares += Int(rowSquares)
            }
        }
        let count = Double((width - 2) * (height - 2))
        let mean = Double(sum) / count
        return Double(squares) / count - mean * mean
    }
}
