/// A small upright JPEG of a picture, for looking at it beside others.
public struct Thumbnail: Sendable, Equatable {
    /// Width and height in pixels.
    public let width: Int, height: Int
    /// The file's bytes.
    public let jpeg: [UInt8]

    /// Makes the thumbnail of a picture file: the longer side brought to `longerSide` pixels (smaller pictures stay
    /// as they are), orientation applied, encoded with libjpeg's `quality`.
    ///
    /// A JPEG is decoded at the smallest DCT scale that reaches the size, so that a photograph of 12 megapixels takes
    /// about as long as reading it. Throws when the bytes cannot be decoded within the limits.
    public init(
        of bytes: UnsafeRawBufferPointer, longerSide: Int, quality: Int = 75, limits: DecodeLimits = .init()
    ) throws(ImagingError) {
        let info = try ImageDecoder.info(of: bytes, limits: limits)
        let (goalWidth, goalHeight) = Self.size(of: info.width, info.height, within: max(1, longerSide))
        let pixels = try ImageDecoder.decode(
            bytes, minimumSide: min(goalWidth, goalHeight), limits: limits
        ).pixels
        let small =
            pixels.width == goalWidth && pixels.height == goalHeight
            ? pixels : pixels.resized(width: goalWidth, height: goalHeight, filter: .bicubic)
        width = goalWidth
        height = goalHeight
        jpeg = try small.jpeg(quality: quality)
    }

    private static func size(of width: Int, _ height: Int, within side: Int) -> (Int, Int) {
        let longer = max(width, height)
        guard longer > side else { return (width, height) }
        // Rounded; no side vanishes however long and thin the picture is.
        func scaled(_ length: Int) -> Int { max(1, (length * side + longer / 2) / longer) }
        return (scaled(width), scaled(height))
    }
}
