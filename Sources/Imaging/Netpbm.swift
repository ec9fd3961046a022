/// A Netpbm picture's header, read and checked: PBM, PGM, PPM in plain and raw form, and PAM.
///
/// Format: the pbm(5), pgm(5), ppm(5) and pam(5) pages of Netpbm.
struct NetpbmHeader {
    enum Samples { case plain, raw, bits, plainBits }

    let width: Int
    let height: Int
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    let channels: Int
    /// The value of full intensity, 1...65535.
    let maximum: Int
    let samples: Samples
    let pixelOffset: Int

    init(_ bytes: UnsafeRawBufferPointer) throws(ImagingError) {
        guard bytes.count > 2 else { throw .truncated(.pnm, detail: "the header is not complete") }
        var scanner = NetpbmScanner(bytes, offset: 2)
        let kind = bytes[1]
        if kind == UInt8(ascii: "7") {
            var values: [String: Int] = [:]
            while let name = scanner.word(), name != "ENDHDR" {
                if name == "TUPLTYPE" {
                    scanner.skipLine()
                } else {
                    values[name] = try scanner.number()
                }
            }
            scanner.skipLine()
            guard let width = values["WIDTH"], let height = values["HEIGHT"], let depth = values["DEPTH"],
                let maximum = values["MAXVAL"]
            else { throw .corrupt(.pnm, detail: "the PAM header lacks WIDTH, HEIGHT, DEPTH or MAXVAL") }
            (self.width, self.height, channels, self.maximum, samples) = (width, height, depth, maximum, .raw)
        } else {
            width = try scanner.number()
            height = try scanner.number()
            let isBitmap = kind == UInt8(ascii: "1") || kind == UInt8(ascii: "4")
            maximum = isBitmap ? 1 : try scanner.number()
            channels = kind == UInt8(ascii: "3") || kind == UInt8(ascii: "6") ? 3 : 1
            switch kind {
            case UInt8(ascii: "1"): samples = .plainBits
            case UInt8(ascii: "2"), UInt8(ascii: "3"): samples = .plain
            case UInt8(ascii: "4"): samples = .bits
            default: samples = .raw
            }
            if samples == .raw || samples == .bits { scanner.skipOne() }
        }
        pixelOffset = scanner.offset
        guard (1...4).contains(channels) else { throw .unsupported(.pnm, detail: "\(channels) channels") }
        guard (1...65535).contains(maximum) else {
            throw .corrupt(.pnm, detail: "a largest value of \(maximum)")
        }
    }

    /// Decodes the pixels; the caller has checked the size.
    func raster(of bytes: UnsafeRawBufferPointer) throws(ImagingError) -> Raster {
        guard pixelOffset <= bytes.count else { throw .truncated(.pnm, detail: "the header is not complete") }
        let data = UnsafeRawBufferPointer(rebasing: bytes[pixelOffset...])
        switch samples {
        case .plain, .plainBits: return try plainRaster(data)
        case .raw, .bits: return try rawRaster(data)
        }
    }

    /// A sample scaled to 0...255, rounded to nearest.
    private func scaled(_ value: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (min(value, maximum) * 255 + maximum / 2) / maximum)
    }

    private func write(_ samples: [UInt8], at: Int, into pixels: inout [UInt8]) {
        let alpha = channels % 2 == 0 ? samples[channels - 1] : 255
        for channel in 0..<3 {
            pixels[at + channel] = samples[channels >= 3 ? channel : 0].overWhite(alpha)
        }
    }

    private func rawRaster(_ data: UnsafeRawBufferPointer) throws(ImagingError) -> Raster {
        let sampleSize = maximum > 255 ? 2 : 1
        // A size within the limits cannot overflow: at most 8 bytes a pixel.
        let rowBytes = samples == .bits ? (width + 7) / 8 : width * channels * sampleSize
        let rows = min(height, data.count / rowBytes)
        guard rows > 0 else { throw .truncated(.pnm, detail: "the data ends before the first row does") }
        var picture = PixelBuffer(width: width, height: height, red: 255, green: 255, blue: 255)
        if channels == 3, maximum == 255 {  // stored as it is wanted
            picture.pixels.replaceSubrange(0..<rows * rowBytes, with: data[..<(rows * rowBytes)])
            return Raster(pixels: picture, isDamaged: rows < height)
        }
        var values = [UInt8](repeating: 0, count: channels)
        for row in 0..<rows {
            for x in 0..<width {
                if samples == .bits {
                    values[0] = data[row * rowBytes + x / 8] >> (7 - x % 8) & 1 == 1 ? 0 : 255
                } else {
                    for channel in 0..<channels {
                        let at = row * rowBytes + (x * channels + channel) * sampleSize
                        values[channel] = scaled(
                            sampleSize == 1 ? Int(data[at]) : Int(data[at]) << 8 | Int(data[at + 1]))
                    }
                }
                write(values, at: 3 * (row * width + x), into: &picture.pixels)
            }
        }
        return Raster(pixels: picture, isDamaged: rows < height)
    }

    private func plainRaster(_ data: UnsafeRawBufferPointer) throws(ImagingError) -> Raster {
        var scanner = NetpbmScanner(data, offset: 0)
        // Every sample takes a byte at least, so a header alone cannot ask for a large picture.
        guard data.count >= width else {
            throw .truncated(.pnm, detail: "the data ends before the first row does")
        }
        var picture = PixelBuffer(width: width, height: height, red: 255, green: 255, blue: 255)
        var values = [UInt8](repeating: 0, count: channels)
        for pixel in 0..<width * height {
            for channel in 0..<channels {
                guard !scanner.isAtEnd else {
                    guard pixel >= width else {
                        throw .truncated(.pnm, detail: "the data ends before the first row does")
                    }
                    return Raster(pixels: picture, isDamaged: true)
                }
                values[channel] =
                    samples == .plainBits ? (try scanner.bit() ? 0 : 255) : scaled(try scanner.number())
            }
            write(values, at: 3 * pixel, into: &picture.pixels)
        }
        return Raster(pixels: picture, isDamaged: false)
    }
}

/// Reads the words and numbers of a Netpbm header, passing over white space and `#` comments.
private struct NetpbmScanner {
    let bytes: UnsafeRawBufferPointer
    private(set) var offset: Int

    init(_ bytes: UnsafeRawBufferPointer, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private mutating func skipSpace() {
        while offset < bytes.count {
            if bytes[offset] == UInt8(ascii: "#") {
                skipLine()
            } else if Self.isSpace(bytes[offset]) {
                offset += 1
            } else {
                return
            }
        }
    }

    /// Whether only white space and comments are left.
    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return offset >= bytes.count
        }
    }

    /// Passes over the one white-space byte between a header and raw pixels.
    mutating func skipOne() { offset = min(offset + 1, bytes.count) }

    mutating func skipLine() {
        while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
        skipOne()
    }

    mutating func number() throws(ImagingError) -> Int {
        skipSpace()
        guard offset < bytes.count else { throw .truncated(.pnm, detail: "a number is missing") }
        var value = 0
        let start = offset
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
            value = 10 * value + Int(bytes[offset] - 0x30)
            guard value <= Int(Int32.max) else { throw .corrupt(.pnm, detail: "a number is too large") }
            offset += 1
        }
        guard offset > start else { throw .corrupt(.pnm, detail: "a number is missing at byte \(start)") }
        return value
    }

    /// A digit 0 or 1; plain bitmaps may write them without space between.
    mutating func bit() throws(ImagingError) -> Bool {
        skipSpace()
        guard offset < bytes.count else { throw .truncated(.pnm, detail: "a pixel is missing") }
        let byte = bytes[offset]
        guard byte == 0x30 || byte == 0x31 else {
            throw .corrupt(.pnm, detail: "a pixel is neither 0 nor 1 at byte \(offset)")
        }
        offset += 1
        return byte == 0x31
    }

    /// The next word of at most 16 bytes, or nil at the end.
    mutating func word() -> String? {
        skipSpace()
        let start = offset
        while offset < bytes.count, !Self.isSpace(bytes[offset]), offset - start < 16 { offset += 1 }
        return offset > start ? String(decoding: bytes[start..<offset], as: UTF8.self) : nil
    }
}
