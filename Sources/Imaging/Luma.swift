/// A grey picture: one byte a pixel, row by row.
struct Luma {
    let width: Int
    let height: Int
    let levels: [UInt8]

    init(width: Int, height: Int, levels: [UInt8]) {
        self.width = width
        self.height = height
        self.levels = levels
    }

    /// ITU-R 601 luma in 16-bit fixed point, as Pillow's `convert("L")`.
    init(_ picture: PixelBuffer) {
        width = picture.width
        height = picture.height
        let count = picture.width * picture.height
        levels = [UInt8](unsafeUninitializedCapacity: count) { out, filled in
            picture.pixels.withUnsafeBufferPointer { rgb in
                for i in 0..<count {
                    let (red, green, blue) = (Int32(rgb[3 * i]), Int32(rgb[3 * i + 1]), Int32(rgb[3 * i + 2]))
                    let sum = red &* 19595 &+ green &* 38470 &+ blue &* 7471 &+ 0x8000
                    out[i] = UInt8(truncatingIfNeeded: sum >> 16)
                }
            }
            filled = count
        }
    }

    func resized(width newWidth: Int, height newHeight: Int, filter: ResizeFilter) -> Luma {
        let resized = Resampling(filter).resize(
            levels, channels: 1, across: Resampling.Pass(from: width, to: newWidth),
            down: Resampling.Pass(from: height, to: newHeight))
        return Luma(width: newWidth, height: newHeight, levels: resized)
    }
}
