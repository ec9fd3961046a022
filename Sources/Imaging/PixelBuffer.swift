/// A picture in memory: 8-bit red, green, blue, interleaved, row by row from the top left.
public struct PixelBuffer: Sendable, Equatable {
    /// Pixels in a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// `3 * width * height` bytes.
    public var pixels: [UInt8]

    /// Wraps pixels that are there already; their count has to be `3 * width * height`, and no side negative.
    public init(width: Int, height: Int, pixels: [UInt8]) {
        precondition(width >= 0 && height >= 0, "a picture of \(width) x \(height) pixels")
        precondition(
            pixels.count == 3 * width * height,
            "\(pixels.count) bytes for \(width) x \(height) RGB pixels")
        self.width = width
        self.height = height
        self.pixels = pixels
    }

    /// A picture of one colour.
    public init(width: Int, height: Int, red: UInt8, green: UInt8, blue: UInt8) {
        var pixels = [UInt8](repeating: red, count: 3 * width * height)
        for i in stride(from: 0, to: pixels.count, by: 3) {
            pixels[i + 1] = green
            pixels[i + 2] = blue
        }
        self.init(width: width, height: height, pixels: pixels)
    }

    /// The picture turned and mirrored so that it stands upright, given how it is stored.
    ///
    /// Sides are exchanged for the four orientations that turn by a quarter. Costs one pass over the pixels, nothing
    /// for `.up`.
    public func oriented(by orientation: Orientation) -> PixelBuffer {
        if orientation == .up { return self }
        let (outWidth, outHeight) = orientation.exchangesSides ? (height, width) : (width, height)
        guard outWidth > 0, outHeight > 0 else {
            return PixelBuffer(width: outWidth, height: outHeight, pixels: [])
        }
        // Source pixel of the output's top left, and how far one step right or down moves in the source.
        let last = width * height - 1
        let (origin, right, down) =
            switch orientation {
            case .up: (0, 1, width)
            case .upMirrored: (width - 1, -1, width)
            case .down: (last, -1, -width)
            case .downMirrored: (width * (height - 1), 1, -width)
            case .leftMirrored: (0, width, 1)
            case .right: (width * (height - 1), -width, 1)
            case .rightMirrored: (last, -width, -1)
            case .left: (width - 1, width, -1)
            }
        let tile = 64
        let turned = [UInt8](unsafeUninitializedCapacity: pixels.count) { out, count in
            pixels.withUnsafeBufferPointer { source in
                // In tiles, so that turning by a quarter stays within the cache.
                for tileY in stride(from: 0, to: outHeight, by: tile) {
                    for tileX in stride(from: 0, to: outWidth, by: tile) {
                        for y in tileY..<min(tileY + tile, outHeight) {
                            var to = 3 * (y * outWidth + tileX)
                            var from = 3 * (origin + y * down + tileX * right)
                            for _ in tileX..<min(tileX + tile, outWidth) {
                                out[to] = source[from]
                                out[to + 1] = source[from + 1]
                                out[to + 2] = source[from + 2]
                                to += 3
                                from += 3 * right
                            }
                        }
                    }
                }
                count = pixels.count
            }
        }
        return PixelBuffer(width: outWidth, height: outHeight, pixels: turned)
    }

    /// A window of the picture; parts of it outside the picture are black.
    public func cropped(x: Int, y: Int, width: Int, height: Int) -> PixelBuffer {
        var cut = PixelBuffer(width: width, height: height, red: 0, green: 0, blue: 0)
        let columns = max(0, -x)..<max(max(0, -x), min(width, self.width - x))
        guard !columns.isEmpty else { return cut }
        for row in 0..<height where y + row >= 0 && y + row < self.height {
            let from = 3 * ((y + row) * self.width + x + columns.lowerBound)
            let to = 3 * (row * width + columns.lowerBound)
            cut.pixels.replaceSubrange(
                to..<to + 3 * columns.count, with: pixels[from..<from + 3 * columns.count])
        }
        return cut
    }
}
