import CKernels

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
                guard let input = rgb.baseAddress, let output = out.baseAddress else { return }
                ck_luma(input, count, output)
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
