import Imaging

/// Tells whether two pictures show the same photograph, looking at their pixels: one may be cropped, re-encoded,
/// resized, grey or carry a mark.
///
/// Both are made small and grey. One is laid over the other, whole and as every crop from a coarse grid of widths,
/// heights and places, then refined around the best; the figure is the best normalised cross-correlation.
struct PictureRegistration: Sendable {
    /// The side of the small grey square a picture becomes.
    static let side = 48
    /// The smallest share of a side that a crop may keep.
    private static let smallestCrop = 0.7

    /// The coarse search is refined from this agreement on; unlike pictures stay below it nearly always.
    private static let promising: Float = 0.7

    private let grey: [Float]

    /// Makes the small grey form of a picture.
    init(_ pixels: PixelBuffer) {
        let small = pixels.resized(width: Self.side, height: Self.side, filter: .box)
        grey = (0..<Self.side * Self.side).map { index in
            let red = Float(small.pixels[3 * index]), green = Float(small.pixels[3 * index + 1])
            let blue = Float(small.pixels[3 * index + 2])
            return 0.299 * red + 0.587 * green + 0.114 * blue
        }
    }

    /// How well the pictures lie on each other, -1 to 1, in the best of all tried ways.
    func agreement(with other: PictureRegistration) -> Float {
        let whole = Self.correlation(grey, other, Window(x: 0, y: 0, width: 1, height: 1), step: 1)
        if whole >= 0.98 { return whole }
        return max(whole, bestCrop(of: other), other.bestCrop(of: self))
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
    private func bestCrop(of other: PictureRegistration) -> Float {
        let sizes = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7]
        var best: (Float, Window) = (-1, Window(x: 0, y: 0, width: 1, height: 1))
        for width in sizes {
            for height in sizes {
                for x in stride(from: 0, through: 1 - width + 1e-9, by: 0.05) {
                    for y in stride(from: 0, through: 1 - height + 1e-9, by: 0.05) {
                        let window = Window(x: x, y: y, width: width, height: height)
                        let value = Self.correlation(grey, other, window, step: 4)
                        if value > best.0 { best = (value, window) }
                    }
                }
            }
        }
        guard best.0 >= Self.promising else { return best.0 }
        best.0 = Self.correlation(grey, other, best.1, step: 1)
        var step = 0.025
        while step > 0.004 {
            var improved = false
            for (dx, dy, dw, dh) in Self.moves {
                let window = Window(
                    x: best.1.x + dx * step, y: best.1.y + dy * step,
                    width: best.1.width + dw * step, height: best.1.height + dh * step)
                guard window.isInside else { continue }
                let value = Self.correlation(grey, other, window, step: 1)
                if value > best.0 {
                    best = (value, window)
                    improved = true
                }
            }
            if !improved { step /= 2 }
        }
        return best.0
    }

    private static let moves: [(Double, Double, Double, Double)] = [
        (1, 0, 0, 0), (-1, 0, 0, 0), (0, 1, 0, 0), (0, -1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 1),
        (0, 0, 0, -1), (1, 0, -1, 0), (0, 1, 0, -1), (-1, 0, 1, 0), (0, -1, 0, 1),
    ]

    /// The correlation of `whole` with a window of another picture, on every `step`-th row and column.
    private static func correlation(
        _ whole: [Float], _ other: PictureRegistration, _ window: Window, step: Int
    ) -> Float {
        let side = Self.side
        var sumA: Float = 0, sumB: Float = 0, sumAA: Float = 0, sumBB: Float = 0, sumAB: Float = 0,
            count: Float = 0
        whole.withUnsafeBufferPointer { whole in
            other.grey.withUnsafeBufferPointer { part in
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
