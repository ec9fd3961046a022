/// A Windows or OS/2 bitmap: its two headers, read and checked.
///
/// Reads 1, 2, 4, 8, 16, 24 and 32 bits a pixel, RLE4, RLE8 and bit-field masks, rows in either order. Format: the
/// BITMAPFILEHEADER, BITMAPCOREHEADER and BITMAPINFOHEADER structures of the Windows GDI documentation.
struct BitmapHeader {
    enum Compression { case none, rle8, rle4, masks }

    let width: Int
    let height: Int
    let isTopDown: Bool
    let bitsPerPixel: Int
    let compression: Compression
    /// Red, green, blue, alpha.
    let masks: [UInt32]
    let paletteOffset: Int
    let paletteEntrySize: Int
    let paletteCount: Int
    let pixelOffset: Int

    init(_ bytes: UnsafeRawBufferPointer) throws(ImagingError) {
        let fields = OrderedBytes(bytes, bigEndian: false)
        guard let pixelOffset = fields.uint32(at: 10), let headerSize = fields.uint32(at: 14),
            fields.slice(at: 14, count: Int(headerSize)) != nil
        else { throw .truncated(.bmp, detail: "the header is not complete") }
        let isCore = headerSize == 12
        var palette: (offset: Int, entry: Int, count: Int?) = (14 + Int(headerSize), isCore ? 3 : 4, nil)
        var method: UInt32 = 0
        if isCore {
            guard let width = fields.uint16(at: 18), let height = fields.uint16(at: 20),
                let bits = fields.uint16(at: 24)
            else { throw .truncated(.bmp, detail: "the header is not complete") }
            (self.width, self.height, isTopDown, bitsPerPixel) = (Int(width), Int(height), false, Int(bits))
        } else {
            guard let width = fields.int32(at: 18), let height = fields.int32(at: 22), width >= 0,
                let bits = fields.uint16(at: 28)
            else { throw .corrupt(.bmp, detail: "the header names no size") }
            self.width = Int(width)
            self.height = Int(height.magnitude)
            isTopDown = height < 0
            bitsPerPixel = Int(bits)
            if headerSize >= 40 {
                method = fields.uint32(at: 30) ?? 0
                palette.count = fields.uint32(at: 46).flatMap { $0 == 0 ? nil : Int($0) }
            }
        }
        let isOS2 = headerSize == 16 || headerSize == 64
        switch (method, bitsPerPixel) {
        case (0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 24), (0, 32): compression = .none
        case (1, 8): compression = .rle8
        case (2, 4): compression = .rle4
        case (3, 16), (3, 32), (6, 16), (6, 32):
            guard !isOS2 else { throw .unsupported(.bmp, detail: "OS/2 compression \(method)") }
            compression = .masks
        default:
            throw .unsupported(.bmp, detail: "compression \(method) with \(bitsPerPixel) bits a pixel")
        }
        if compression == .masks {
            // Masks stand inside the longer headers, and behind the shortest one.
            let count = method == 6 || headerSize >= 56 ? 4 : 3
            var masks: [UInt32] = []
            for index in 0..<count {
                guard let mask = fields.uint32(at: 54 + 4 * index) else {
                    throw .truncated(.bmp, detail: "the colour masks are not complete")
                }
                masks.append(mask)
            }
            if headerSize == 40 { palette.offset += 4 * count }
            self.masks = masks + (count == 3 ? [0] : [])
        } else {
            masks = bitsPerPixel == 16 ? [0x7C00, 0x03E0, 0x001F, 0] : [0xFF_0000, 0xFF00, 0xFF, 0]
        }
        paletteOffset = palette.offset
        paletteEntrySize = palette.entry
        paletteCount = bitsPerPixel <= 8 ? min(palette.count ?? 1 << bitsPerPixel, 1 << bitsPerPixel) : 0
        self.pixelOffset =
            pixelOffset > 0 ? Int(pixelOffset) : paletteOffset + paletteEntrySize * paletteCount
    }

    /// 256 colours, black where the file has none.
    private func palette(of bytes: UnsafeRawBufferPointer) -> [(red: UInt8, green: UInt8, blue: UInt8)] {
        var colors = [(red: UInt8, green: UInt8, blue: UInt8)](repeating: (0, 0, 0), count: 256)
        let fields = OrderedBytes(bytes, bigEndian: false)
        for index in 0..<paletteCount {
            guard let entry = fields.slice(at: paletteOffset + index * paletteEntrySize, count: 3) else {
                break
            }
            colors[index] = (entry[2], entry[1], entry[0])
        }
        return colors
    }

    /// Decodes the pixels; the caller has checked the size.
    func raster(of bytes: UnsafeRawBufferPointer) throws(ImagingError) -> Raster {
        guard pixelOffset <= bytes.count else {
            throw .truncated(.bmp, detail: "the pixels would start at byte \(pixelOffset) of \(bytes.count)")
        }
        let data = UnsafeRawBufferPointer(rebasing: bytes[pixelOffset...])
        switch compression {
        case .rle4, .rle8: return try runLengthRaster(of: bytes, data)
        case .none, .masks: return try plainRaster(of: bytes, data)
        }
    }

    private func plainRaster(
        of bytes: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer
    ) throws(ImagingError) -> Raster {
        let stride = (width * bitsPerPixel + 31) / 32 * 4
        // The last row's padding may be missing.
        let rowBytes = (width * bitsPerPixel + 7) / 8
        let rows = data.count < rowBytes ? 0 : min(height, (data.count - rowBytes) / stride + 1)
        guard rows > 0 else { throw .truncated(.bmp, detail: "the data ends before the first row does") }
        var picture = PixelBuffer(width: width, height: height, red: 255, green: 255, blue: 255)
        let palette = palette(of: bytes)
        let channels = masks.map { MaskedChannel(mask: $0) }
        // Some writers reserve an alpha channel and leave it all zero: such a picture is opaque.
        let hasAlpha =
            masks[3] != 0
            && (0..<rows).contains { row in
                (0..<width).contains { packedPixel(data, row * stride, $0) & masks[3] != 0 }
            }
        picture.pixels.withUnsafeMutableBufferPointer { out in
            for row in 0..<rows {
                var at = 3 * width * (isTopDown ? row : height - 1 - row)
                for x in 0..<width {
                    let color: (red: UInt8, green: UInt8, blue: UInt8)
                    if bitsPerPixel <= 8 {
                        let bit = x * bitsPerPixel
                        let shift = 8 - bitsPerPixel - bit % 8
                        color = palette[Int(data[row * stride + bit / 8]) >> shift & (1 << bitsPerPixel - 1)]
                    } else {
                        let pixel = packedPixel(data, row * stride, x)
                        let alpha = hasAlpha ? channels[3].value(in: pixel) : 255
                        color = (
                            channels[0].value(in: pixel).overWhite(alpha),
                            channels[1].value(in: pixel).overWhite(alpha),
                            channels[2].value(in: pixel).overWhite(alpha)
                        )
                    }
                    (out[at], out[at + 1], out[at + 2]) = color
                    at += 3
                }
            }
        }
        return Raster(pixels: picture, isDamaged: rows < height)
    }

    /// A pixel of 16, 24 or 32 bits as a number; the row is known to be complete.
    private func packedPixel(_ data: UnsafeRawBufferPointer, _ rowStart: Int, _ x: Int) -> UInt32 {
        let count = bitsPerPixel / 8
        var pixel: UInt32 = 0
        for byte in 0..<count { pixel |= UInt32(data[rowStart + x * count + byte]) << (8 * byte) }
        return pixel
    }

    /// Runs, literal stretches and jumps; what no run paints has palette index 0.
    private func runLengthRaster(
        of bytes: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer
    ) throws(ImagingError) -> Raster {
        guard !data.isEmpty else { throw .truncated(.bmp, detail: "the data ends before the first row does") }
        let palette = palette(of: bytes)
        var picture = PixelBuffer(
            width: width, height: height, red: palette[0].red, green: palette[0].green, blue: palette[0].blue)
        var (x, y, offset) = (0, 0, 0)
        var isDamaged = true  // until the end code is met, or all rows are there
        func paint(_ index: Int) {
            if x < width, y < height {
                let at = 3 * (width * (isTopDown ? y : height - 1 - y) + x)
                (picture.pixels[at], picture.pixels[at + 1], picture.pixels[at + 2]) = palette[index]
            }
            x += 1
        }
        func index(_ byte: UInt8, _ position: Int) -> Int {
            compression == .rle8 ? Int(byte) : Int(position % 2 == 0 ? byte >> 4 : byte & 15)
        }
        while offset + 2 <= data.count, y < height {
            let (count, value) = (Int(data[offset]), data[offset + 1])
            offset += 2
            if count > 0 {
                for position in 0..<count { paint(index(value, position)) }
                continue
            }
            switch value {
            case 0: (x, y) = (0, y + 1)
            case 1:
                isDamaged = false
                y = height
            case 2:
                guard offset + 2 <= data.count else { return Raster(pixels: picture, isDamaged: true) }
                (x, y) = (x + Int(data[offset]), y + Int(data[offset + 1]))
                offset += 2
            default:
                let length = compression == .rle8 ? Int(value) : (Int(value) + 1) / 2
                guard offset + length <= data.count else { return Raster(pixels: picture, isDamaged: true) }
                for position in 0..<Int(value) {
                    paint(index(data[offset + (compression == .rle8 ? position : position / 2)], position))
                }
                offset += length + length % 2
            }
        }
        return Raster(pixels: picture, isDamaged: isDamaged && y < height)
    }
}

/// One colour channel of a packed pixel.
private struct MaskedChannel {
    let mask: UInt32
    let shift: Int
    let most: UInt64

    init(mask: UInt32) {
        self.mask = mask
        shift = mask == 0 ? 0 : mask.trailingZeroBitCount
        most = UInt64(mask >> UInt32(shift))
    }

    /// The channel scaled to 0...255.
    func value(in pixel: UInt32) -> UInt8 {
        guard most > 0 else { return 0 }
        return UInt8(truncatingIfNeeded: (UInt64((pixel & mask) >> UInt32(shift)) * 255 + most / 2) / most)
    }
}

extension UInt8 {
    /// A sample with straight alpha composited over white, rounded to nearest.
    func overWhite(_ alpha: UInt8) -> UInt8 {
        UInt8(truncatingIfNeeded: (Int(self) * Int(alpha) + 255 * (255 - Int(alpha)) + 127) / 255)
    }
}
