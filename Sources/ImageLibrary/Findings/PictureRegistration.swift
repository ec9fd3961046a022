import Imaging

/// Tells whether two pictures show the same photograph, looking at their pixels: one may be cropped, re-encoded,
/// resized, grey or carry a mark.
///
/// Both are made small. One is laid over the other, whole and as every crop from a coarse grid of widths, heights and
/// places, then refined around the best; the figure is the best normalised cross-correlation of the brightness. Two
/// coloured pictures have to agree in colour as well: a red car and a blue one of the same shape are two pictures.
struct PictureRegistration: Sendable {
    /// The side of the small grey square a picture becomes.
    static let side = 48
    /// The smallest share of a side that a crop may keep.
    private static let smallestCrop = 0.7

    /// The coarse search is refined from this agreement on; unlike pictures stay below it nearly always.
    private static let promising: Float = 0.7

    /// One brightness or colour value per pixel of the small square.
    private typealias Plane = [Float]

    private let grey: Plane
    private let blueness: Plane, redness: Plane
    /// How much the colour varies over the picture, in levels; a picture below the limit counts as grey.
    private let colourfulness: Float
    private static let colourLimit: Float = 6

    /// Makes the small form of a picture.
    init(_ pixels: PixelBuffer) {
        let small = pixels.resized(width: Self.side, height: Self.side, filter: .box)
        var grey: Plane = [], blueness: Plane = [], redness: Plane = []
        for index in 0..<Self.side * Self.side {
            let red = Float(small.pixels[3 * index]), green = Float(small.pixels[3 * index + 1])
            let blue = Float(small.pixels[3 * index + 2])
            // The luma and chroma of JPEG (ITU-R BT.601).
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue
            grey.append(luma)
            blueness.append(0.564 * (blue - luma))
            redness.append(0.713 * (red - luma))
        }
        colourfulness = (Self.variance(blueness) + Self.variance(redness)).squareRoot()
        self.grey = grey
        self.blueness = blueness
        self.redness = redness
    }

    /// How well the pictures lie on each other, -1 to 1, in the best of all tried ways.
    func agreement(with other: PictureRegistration) -> Float {
        let whole = Window(x: 0, y: 0, width: 1, height: 1)
        var best = (
            value: Self.correlation(grey, other.grey, whole, step: 1), isReversed: false, window: whole
        )
        if best.value < 0.98 {
            let inOther = bestCrop(of: other), inThis = other.bestCrop(of: self)
            if inOther.value > best.value { best = (inOther.value, false, inOther.window) }
            if inThis.value > best.value { best = (inThis.value, true, inThis.window) }
        }
        let isColoured = (colourfulness >= Self.colourLimit, other.colourfulness >= Self.colourLimit)
        guard isColoured.0, isColoured.1 else {
            // A grey copy has no colours to compare; the brightness has to agree the better for it.
            return isColoured.0 == isColoured.1 ? best.value : best.value - Self.greyPenalty
        }
        let (a, b) = best.isReversed ? (other, self) : (self, other)
        let blue = Self.correlation(a.blueness, b.blueness, best.window, step: 1)
        let red = Self.correlation(a.redness, b.redness, best.window, step: 1)
        // Weighed by how much there is to agree in: a picture may vary in one of the two only.
        let weights = (Self.variance(a.blueness), Self.variance(a.redness))
        let colour = (blue * weights.0 + red * weights.1) / (weights.0 + weights.1)
        return colour >= Self.colourAgreement ? best.value : min(best.value, colour)
    }

    /// Compression, fading and another white balance keep the colours' correlation above this; another colour of
    /// one thing does not.
    private static let colourAgreement: Float = 0.7
    private static let greyPenalty: Float = 0.06

    private static func variance(_ plane: Plane) -> Float {
        let mean = plane.reduce(0, +) / Float(plane.count)
        return plane.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(plane.count)
    }

    /// A part of a picture, in shares of its sides.
    private struct Window {
        var x: Double, y: Double, width: Double, height: Double

        var isInside: Bool {
            x >= -1e-9 && y >= -1e-9 && x + width <= 1 + 1e-9 && y + height <= 1 + 1e-9
                && width >= PictureRegistration.smallestCrop && height >= PictureRegistration.smallestCrop
        }
    }

    /// The best agreement of this picture with a crop of another.
    private func bestCrop(of other: PictureRegistration) -> (value: Float, window: Window) {
        let sizes = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]
        var best: (value: Float, window: Window) = (-1, Window(x: 0, y: 0, width: 1, height: 1))
        for width in sizes {
            for height in sizes {
                for x in stride(from: 0, through: 1 - width + 1e-9, by: 0.05) {
                    for y in stride(from: 0, through: 1 - height + 1e-9, by: 0.05) {
                        let window = Window(x: x, y: y, width: width, height: height)
                        let value = Self.correlation(grey, other.grey, window, step: 4)
                        if value > best.value { best = (value, window) }
                    }
                }
            }
        }
        guard best.value >= Self.promising else { return best }
        best.value = Self.correlation(grey, other.grey, best.window, step: 1)
        var step = 0.025
        while step > 0.004 {
            var improved = false
            for (dx, dy, dw, dh) in Self.moves {
                let window = Window(
                    x: best.window.x + dx * step, y: best.window.y + dy * step,
                    width: best.window.width + dw * step, height: best.window.height + dh * step)
                guard window.isInside else { continue }
                let value = Self.correlation(grey, other.grey, window, step: 1)
                if value > best.value {
                    best = (value, window)
                    improved = true
                }
            }
            if !improved { step /= 2 }
        }
        return best
    }

    private static let moves: [(Double, Double, Double, Double)] = [
        (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
        (0, 0, 0, -1), (1, 0, -1, 0), (0, 1, 0, -1), (-1, 0, 1, 0), (0, -1, 0, 1),
    ]

    /// The correlation of a plane with a window of another, on every `step`-th row and column.
    private static func correlation(_ whole: Plane, _ other: Plane, _ window: Window, step: Int) -> Float {
        let side = Self.side
        var sumA: Float = 0, sumB: Float = 0, sumAA: Float = 0, sumBB: Float = 0, sumAB: Float = 0,
            count: Float = 0
        whole.withUnsafeBufferPointer { whole in
            other.withUnsafeBufferPointer { part in
                for row in stride(from: step / 2, to: side, by: step) {
                    let sourceY =
                        (window.y + (Double(row) + 0.5) / Double(side) * window.height) * Double(side) - 0.5
                    let y = max(0, min(Double(side - 1), sourceY))
                    let y0 = Int(y), y1 = min(y0 + 1, side - 1)
                    let fy = Float(y - Double(y0))
                    for column in stride(from: step / 2, to: side, by: step) {
                        let sourceX =
                            (window.x + (Double(column) + 0.5) / Double(side) * window.width) * Double(side)
                            - 0.5
                        let x = max(0, min(Double(side - 1), sourceX))
                        let x0 = Int(x), x1 = min(x0 + 1, side - 1)
                        let fx = Float(x - Double(x0))
                        let top = part[y0 * side + x0] * (1 - fx) + part[y0 * side + x1] * fx
                        let bottom = part[y1 * side + x0] * (1 - fx) + part[y1 * side + x1] * fx
                        let b = top * (1 - fy) + bottom * fy
                        let a = whole[row * side + column]
                        sumA += a
                        sumB += b
                        sumAA += a * a
                        sumBB += b * b
                        sumAB += a * b
                        count += 1
                    }
                }
            }
        }
        let varianceA = sumAA - sumA * sumA / count, varianceB = sumBB - sumB * sumB / count
        // A flat picture correlates with nothing; below this much contrast there is nothing to compare.
        guard varianceA > count, varianceB > count else { return 0 }
        return (sumAB - sumA * sumB / count) / (varianceA * varianceB).squareRoot()
    }
}
