import CCodecs

/// The one place that calls the C codecs.
struct Codec {
    /// What a codec's header step gives; sizes as stored.
    struct Header {
        var width: Int
        var height: Int
        var orientation: Orientation?
        var exif: Exif
        /// As in `ImageInfo`.
        var meanStep: Float
    }

    private let format: ImageFormat
    private let data: UnsafePointer<UInt8>
    private let count: Int
    private let limits: DecodeLimits
    private var codecLimits: cc_limits

    init(_ format: ImageFormat, _ bytes: UnsafeRawBufferPointer, limits: DecodeLimits) throws(ImagingError) {
        guard let base = bytes.baseAddress else { throw .empty }
        self.format = format
        self.limits = limits
        data = base.assumingMemoryBound(to: UInt8.self)
        count = bytes.count
        codecLimits = cc_limits(
            max_pixels: UInt64(limits.maxPixels), max_working_bytes: UInt64(max(0, limits.maxWorkingBytes)),
            max_scans: UInt32(clamping: limits.maxScans))
    }

    func header() throws(ImagingError) -> Header {
        var header = try readHeader(scale: 8)
        defer { cc_header_release(&header) }
        let exif = header.exif.map { Exif(UnsafeRawBufferPointer(start: $0, count: header.exif_count)) }
        return Header(
            width: Int(header.width), height: Int(header.height),
            orientation: UInt8(exactly: header.orientation).flatMap { Orientation(rawValue: $0) },
            exif: exif ?? Exif(), meanStep: Float(header.mean_step) / 8)
    }

    /// Decodes a picture whose stored size has been checked to be `width` x `height`.
    func raster(width: Int, height: Int, jpegScale: Int) throws(ImagingError) -> Raster {
        var header = try readHeader(scale: UInt32(jpegScale))
        cc_header_release(&header)
        guard header.width == width, header.height == height else {
            throw .corrupt(format, detail: "its size changed while it was read")
        }
        let (outWidth, outHeight) = (Int(header.output_width), Int(header.output_height))
        guard outWidth > 0, outHeight > 0, outWidth <= width, outHeight <= height else {
            throw .corrupt(format, detail: "the decoder offers \(outWidth) x \(outHeight) pixels")
        }
        let byteCount = 3 * outWidth * outHeight
        var codecLimits = codecLimits
        var failure = cc_failure()
        var status = CC_CORRUPT
        let pixels = [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, filled in
            guard let rgb = buffer.baseAddress else { return }
            status = decode(&header, &codecLimits, scale: UInt32(jpegScale), into: rgb, &failure)
            if status == CC_OK || status == CC_DAMAGED { filled = byteCount }
        }
        guard pixels.count == byteCount else { throw error(status, failure, header) }
        return Raster(
            pixels: PixelBuffer(width: outWidth, height: outHeight, pixels: pixels),
            isDamaged: status == CC_DAMAGED)
    }

    private func readHeader(scale: UInt32) throws(ImagingError) -> cc_header {
        var header = cc_header()
        var failure = cc_failure()
        var limits = codecLimits
        let status =
            switch format {
            case .jpeg: cc_jpeg_header(data, count, scale, &header, &failure)
            case .png: cc_png_header(data, count, &header, &failure)
            case .webp: cc_webp_header(data, count, &header, &failure)
            case .gif: cc_gif_header(data, count, &limits, &header, &failure)
            case .tiff: cc_tiff_header(data, count, &limits, &header, &failure)
            case .heic, .avif: cc_heif_header(data, count, &limits, &header, &failure)
            case .bmp, .pnm: CC_UNSUPPORTED
            }
        guard status == CC_OK else {
            cc_header_release(&header)
            throw error(status, failure, header)
        }
        return header
    }

    private func decode(
        _ header: inout cc_header, _ limits: inout cc_limits, scale: UInt32,
        into rgb: UnsafeMutablePointer<UInt8>,
        _ failure: inout cc_failure
    ) -> cc_status {
        switch format {
        case .jpeg: cc_jpeg_decode(data, count, scale, &limits, &header, rgb, &failure)
        case .png: cc_png_decode(data, count, &limits, &header, rgb, &failure)
        case .webp: cc_webp_decode(data, count, &limits, &header, rgb, &failure)
        case .gif: cc_gif_decode(data, count, &limits, &header, rgb, &failure)
        case .tiff: cc_tiff_decode(data, count, &limits, &header, rgb, &failure)
        case .heic, .avif: cc_heif_decode(data, count, &limits, &header, rgb, &failure)
        case .bmp, .pnm: CC_UNSUPPORTED
        }
    }

    private func error(_ status: cc_status, _ failure: cc_failure, _ header: cc_header) -> ImagingError {
        let detail = withUnsafePointer(to: failure) { String(cString: cc_failure_text($0)) }
        switch status {
        case CC_TRUNCATED: return .truncated(format, detail: detail)
        case CC_UNSUPPORTED: return .unsupported(format, detail: detail)
        case CC_NO_MEMORY: return .outOfMemory(format, detail: detail)
        case CC_NO_LIBRARY: return .libraryMissing(format, library: format.library, remedy: remedy(detail))
        case CC_TOO_LARGE where header.width > 0:
            return .tooLarge(
                format, width: Int(header.width), height: Int(header.height),
                maxMegapixels: limits.maxMegapixels)
        case CC_TOO_LARGE: return .unsupported(format, detail: detail)
        default: return .corrupt(format, detail: detail)
        }
    }

    private func remedy(_ detail: String) -> String {
        #if canImport(Darwin)
            "install it with: brew install \(format.homebrewFormula) (\(detail))"
        #else
            "install the package \(format.debianPackage) or your system's equivalent (\(detail))"
        #endif
    }
}

extension ImageFormat {
    /// The library that reads the format.
    var library: String {
        switch self {
        case .jpeg: "libjpeg"
        case .png: "libpng"
        case .webp: "libwebp"
        case .gif: "giflib"
        case .tiff: "libtiff 4.5 or newer"
        case .heic, .avif: "libheif 1.13 or newer"
        case .bmp, .pnm: "imgvec"
        }
    }

    fileprivate var debianPackage: String {
        switch self {
        case .jpeg: "libjpeg62-turbo"
        case .png: "libpng16-16"
        case .webp: "libwebp7 (and libwebpdemux2)"
        case .gif: "libgif7"
        case .tiff: "libtiff6"
        case .heic, .avif: "libheif1"
        case .bmp, .pnm: "imgvec"
        }
    }

    fileprivate var homebrewFormula: String {
        switch self {
        case .jpeg: "jpeg-turbo"
        case .png: "libpng"
        case .gif: "giflib"
        case .webp: "webp"
        case .tiff: "libtiff"
        case .heic, .avif: "libheif"
        case .bmp, .pnm: "imgvec"
        }
    }
}
