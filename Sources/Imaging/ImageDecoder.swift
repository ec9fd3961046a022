/// Turns the bytes of a picture file into upright RGB pixels.
///
/// Transparency is composited over white. The first picture of an animation or of a many-paged file is read. 16-bit
/// samples are rounded to 8. Colour profiles (ICC, gAMA) are ignored: numbers are taken as sRGB, as the reference
/// pipelines of the models do.
///
/// What damage does, by format:
///
/// | format | data ends early | data holds errors |
/// | --- | --- | --- |
/// | JPEG | decoded, `isTruncated`; error when not even the first row of blocks is there | decoded, `isTruncated` |
/// | PNG, GIF | decoded from one full row on (PNG: unless interlaced), the rest white, `isTruncated` | error |
/// | BMP, PNM | decoded from one full row on, the rest white, `isTruncated` | error |
/// | WebP, TIFF, HEIC, AVIF | error | error |
///
/// Every decoder is safe to call from many threads at once.
public enum ImageDecoder {
    /// Reads a picture's header: format, upright size, orientation, capture time. Decodes no pixels.
    ///
    /// Throws when the bytes are no picture, its header is damaged, or its size exceeds the limits.
    public static func info(
        of bytes: UnsafeRawBufferPointer, limits: DecodeLimits = .init()
    ) throws(ImagingError) -> ImageInfo {
        try StoredPicture(bytes, limits: limits).info(isTruncated: false)
    }

    /// Decodes a picture to upright pixels.
    ///
    /// With a `minimumSide`, the decoder may deliver any size whose two sides both reach it (or the full picture, if
    /// that is smaller): a JPEG is then scaled by 1/2, 1/4 or 1/8 in the DCT domain, which costs a fraction of full
    /// decoding. For a good antialiased resize afterwards ask for more than the target (`Preprocessing.minimumSide`
    /// does). nil delivers the full picture.
    ///
    /// Costs memory for the pixels delivered (twice that if they have to be turned) plus `limits.maxWorkingBytes` at
    /// most. Damaged pictures are decoded as far as the table of this type says.
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, minimumSide: Int? = nil, limits: DecodeLimits = .init()
    ) throws(ImagingError) -> DecodedImage {
        let picture = try StoredPicture(bytes, limits: limits)
        let raster = try picture.raster(minimumSide: minimumSide)
        return DecodedImage(
            info: picture.info(isTruncated: raster.isDamaged),
            pixels: raster.pixels.oriented(by: picture.orientation))
    }
}

/// Pixels as a file stores them, before orientation.
struct Raster {
    var pixels: PixelBuffer
    /// Whether parts of them are made up.
    var isDamaged: Bool
}

/// A picture file whose header has been read and found to be within the limits.
private struct StoredPicture {
    let bytes: UnsafeRawBufferPointer
    let limits: DecodeLimits
    let format: ImageFormat
    /// Size as stored.
    let width: Int
    let height: Int
    let orientation: Orientation
    let captureTime: String?
    private var meanStep: Float = 0

    init(_ bytes: UnsafeRawBufferPointer, limits: DecodeLimits) throws(ImagingError) {
        guard !bytes.isEmpty else { throw .empty }
        guard let format = ImageFormat.sniff(bytes) else { throw .unknownFormat }
        var exif = Exif(of: bytes, format: format)
        switch format {
        case .bmp:
            let header = try BitmapHeader(bytes)
            (width, height) = (header.width, header.height)
        case .pnm:
            let header = try NetpbmHeader(bytes)
            (width, height) = (header.width, header.height)
        case .jpeg, .png, .webp, .gif, .tiff, .heic, .avif:
            let header = try Codec(format, bytes, limits: limits).header()
            (width, height) = (header.width, header.height)
            meanStep = header.meanStep
            if format == .tiff { exif.orientation = header.orientation }
            if format == .heic || format == .avif {
                exif = header.exif
                exif.orientation = nil  // libheif has turned the picture already
            }
        }
        self.bytes = bytes
        self.limits = limits
        self.format = format
        orientation = exif.orientation ?? .up
        captureTime = exif.captureTime
        guard width > 0, height > 0 else {
            throw .corrupt(format, detail: "a size of \(width) x \(height) pixels")
        }
        guard max(width, height) <= limits.maxSide else {
            throw .unsupported(
                format, detail: "a side of \(max(width, height)) pixels; at most \(limits.maxSide) are read")
        }
        let (pixelCount, overflow) = width.multipliedReportingOverflow(by: height)
        guard !overflow, pixelCount <= limits.maxPixels else {
            throw .tooLarge(format, width: width, height: height, maxMegapixels: limits.maxMegapixels)
        }
    }

    func info(isTruncated: Bool) -> ImageInfo {
        let (upWidth, upHeight) = orientation.exchangesSides ? (height, width) : (width, height)
        return ImageInfo(
            format: format, width: upWidth, height: upHeight, orientation: orientation,
            captureTime: captureTime, isTruncated: isTruncated, meanStep: meanStep)
    }

    func raster(minimumSide: Int?) throws(ImagingError) -> Raster {
        switch format {
        case .bmp: try BitmapHeader(bytes).raster(of: bytes)
        case .pnm: try NetpbmHeader(bytes).raster(of: bytes)
        case .jpeg, .png, .webp, .gif, .tiff, .heic, .avif:
            try Codec(format, bytes, limits: limits)
                .raster(width: width, height: height, jpegScale: jpegScale(minimumSide: minimumSide))
        }
    }

    /// The smallest scale, in eighths, at which both sides still reach the minimum. libjpeg-turbo has fast code for
    /// these four.
    private func jpegScale(minimumSide: Int?) -> Int {
        guard let minimumSide else { return 8 }
        let shorter = min(width, height)
        return [1, 2, 4].first { scale in (shorter * scale + 7) / 8 >= minimumSide } ?? 8
    }
}
