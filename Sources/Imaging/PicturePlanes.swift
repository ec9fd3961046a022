/// A picture made small, at several sizes, for laying it over another: brightness, and colour apart from it.
///
/// Lengths are in shares of the picture's longer side, as those of `LocalFeatures`. Takes some 70 KB.
public struct PicturePlanes: Sendable {
    /// The sides of the picture, in shares of the longer one.
    public let width: Double, height: Double
    /// Brightness, each half as large as the one before.
    let grey: [Plane]
    /// The longer side of the picture they are made from, in pixels.
    let pixels: Int
    /// The share of the picture that is white or nearly.
    let whiteShare: Float
    /// What is left of the picture, when that is hardly anything.
    let remnant: Remnant?
    /// Levels between those the means of a JPEG's blocks can have; 0 where they can have all.
    let meanStep: Float
    /// Blueness and redness (the chroma of JPEG, ITU-R BT.601).
    let blueness: Plane, redness: Plane

    static let longerSide = 256
    private static let colourSide = 64
    private static let smallestSide = 24
    private static let white: UInt8 = 235

    /// Makes the small forms of a picture of at least one pixel. Costs the resize to 256 pixels.
    public init(_ picture: PixelBuffer) {
        let remnant = Remnant(picture, width: picture.width, height: picture.height, step: 0)
        self.init(picture, remnant: remnant, meanStep: 0)
    }

    /// Makes the small forms of a decoded picture, of which its file may tell that little is left.
    public init(_ decoded: DecodedImage) {
        let info = decoded.info
        // Blocks begin at the corner of the picture as it is stored.
        let step = info.orientation == .up ? info.meanStep : 0
        self.init(
            decoded.pixels,
            remnant: Remnant(decoded.pixels, width: info.width, height: info.height, step: step),
            meanStep: info.meanStep)
    }

    private init(_ picture: PixelBuffer, remnant: Remnant?, meanStep: Float) {
        self.remnant = remnant
        self.meanStep = meanStep
        let longer = max(picture.width, picture.height, 1)
        pixels = longer
        width = Double(picture.width) / Double(longer)
        height = Double(picture.height) / Double(longer)
        let small = Self.resized(picture, to: Self.longerSide)
        var grey = [Plane(width: small.width, height: small.height, values: Luma(small).levels)]
        while grey.count < 5, let last = grey.last, min(last.width, last.height) >= 2 * Self.smallestSide {
            grey.append(last.halved)
        }
        self.grey = grey
        let coarse = grey[grey.count - 1].values
        whiteShare = Float(coarse.count { $0 >= Self.white }) / Float(coarse.count)
        let tiny = Self.resized(small, to: Self.colourSide)
        var blueness: [UInt8] = [], redness: [UInt8] = []
        for index in 0..<tiny.width * tiny.height {
            let red = Float(tiny.pixels[3 * index]), green = Float(tiny.pixels[3 * index + 1])
            let blue = Float(tiny.pixels[3 * index + 2])
            let luma = 0.299 * red + 0.587 * green + 0.114 * blue
            blueness.append(UInt8(128 + 0.564 * (blue - luma)))
            redness.append(UInt8(128 + 0.713 * (red - luma)))
        }
        self.blueness = Plane(width: tiny.width, height: tiny.height, values: blueness)
        self.redness = Plane(width: tiny.width, height: tiny.height, values: redness)
    }

    private static func resized(_ picture: PixelBuffer, to side: Int) -> PixelBuffer {
        let longer = max(picture.width, picture.height)
        func scaled(_ length: Int) -> Int { max(1, (length * side + longer / 2) / longer) }
        return picture.resized(
            width: scaled(picture.width), height: scaled(picture.height), filter: .bilinear)
    }

    /// The brightness plane whose pixels are nearest below `step` in size, in shares of the longer side.
    func plane(for step: Double) -> Plane {
        var chosen = 0
        while chosen + 1 < grey.count,
            1.4 / Double(max(grey[chosen + 1].width, grey[chosen + 1].height)) <= 1.4 * step
        {
            chosen += 1
        }
        return grey[chosen]
    }
}
