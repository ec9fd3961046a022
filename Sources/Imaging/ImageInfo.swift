/// What a picture's header says.
public struct ImageInfo: Sendable, Equatable {
    /// The format, from the bytes.
    public var format: ImageFormat
    /// Pixels in a row of the upright picture.
    public var width: Int
    /// Rows of the upright picture.
    public var height: Int
    /// How the picture is stored; already applied to `width`, `height` and to decoded pixels.
    ///
    /// HEIC and AVIF carry their turn in the container and always read as `.up`.
    public var orientation: Orientation
    /// When the picture was taken, EXIF DateTimeOriginal as `2024-05-06T07:08:09` (local time), or nil.
    public var captureTime: String?
    /// Whether parts of the decoded picture are made up, because the data ends early or holds errors.
    ///
    /// Only decoding can tell; false in what `ImageDecoder.info` gives.
    public var isTruncated: Bool
    /// Levels of brightness between the means that the blocks of a JPEG can have, from its quantisation; 0 in other formats.
    public var meanStep: Float

    /// Creates a description.
    public init(
        format: ImageFormat, width: Int, height: Int, orientation: Orientation = .up,
        captureTime: String? = nil,
        isTruncated: Bool = false, meanStep: Float = 0
    ) {
        self.format = format
        self.width = width
        self.height = height
        self.orientation = orientation
        self.captureTime = captureTime
        self.isTruncated = isTruncated
        self.meanStep = meanStep
    }
}

/// What a decoder may spend on one picture; a file that needs more is refused before any of it is spent.
public struct DecodeLimits: Sendable, Equatable {
    /// Pixels of the full picture, in millions.
    public var maxMegapixels: Double
    /// Pixels of one side.
    public var maxSide: Int
    /// Working memory of a decoder, besides the picture it delivers: coefficients of a progressive JPEG (two to six
    /// bytes a pixel), the canvas of an animation, a TIFF's raster.
    public var maxWorkingBytes: Int
    /// Scans of a progressive JPEG; real ones have about ten, a hostile one can have thousands at no cost to it.
    public var maxScans: Int

    /// Limits that any camera's picture keeps.
    public init(
        maxMegapixels: Double = 300, maxSide: Int = 1_000_000, maxWorkingBytes: Int = 1 << 30,
        maxScans: Int = 100
    ) {
        self.maxMegapixels = maxMegapixels
        self.maxSide = maxSide
        self.maxWorkingBytes = maxWorkingBytes
        self.maxScans = maxScans
    }

    /// `maxMegapixels` as a count; NaN and negative limits allow nothing, and none allows what overflows byte counts.
    var maxPixels: Int {
        let pixels = maxMegapixels * 1e6
        guard pixels > 0 else { return 0 }
        return Int(min(pixels, 1e17))
    }
}

/// A decoded picture.
public struct DecodedImage: Sendable, Equatable {
    /// What the file says of itself; sizes are those of the full picture.
    public let info: ImageInfo
    /// The upright pixels; a JPEG's may be scaled down, and are then fewer than `info` says.
    public let pixels: PixelBuffer

    /// Creates a decoded picture.
    public init(info: ImageInfo, pixels: PixelBuffer) {
        self.info = info
        self.pixels = pixels
    }
}
