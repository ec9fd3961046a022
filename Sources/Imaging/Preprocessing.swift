/// From a picture of any size to the normalised tensor an image tower takes.
///
/// Equal to what Hugging Face's image processors, OpenCLIP's `image_transform` and torchvision's `Resize`,
/// `CenterCrop`, `ToTensor`, `Normalize` compute on a Pillow picture.
public struct Preprocessing: Sendable, Equatable {
    /// How the picture comes to the tower's size.
    public enum Mode: Sendable, Equatable {
        /// Both sides are resized, whatever the shape.
        case squash
        /// The shorter side is resized to a number of pixels, the longer one in proportion (rounded down), and the
        /// middle is cut out; a crop that is larger than the picture is filled up with black.
        case shortestEdgeCrop(resize: Int)
        /// Both sides are resized to these, whatever the shape, and the middle is cut out or filled up.
        case squashCrop(width: Int, height: Int)
        /// The picture is made as large as fits, its shape kept, and filled up with black on both sides.
        case longestEdgePad
        /// The middle is cut out or filled up, at the size the picture has.
        case crop
    }

    /// Where the cut starts when an odd number of pixels is left over.
    public enum CropRounding: Sendable, Equatable {
        /// The smaller half is left off before the cut (Hugging Face).
        case down
        /// The exact half is rounded to the nearest even number (torchvision).
        case halfToEven
    }

    /// Columns of the tensor.
    public var width: Int
    /// Rows of the tensor.
    public var height: Int
    /// How the picture comes to that size.
    public var mode: Mode
    /// The resize's kernel.
    public var filter: ResizeFilter
    /// What is subtracted from each channel's values of 0...1.
    public var mean: [Float]
    /// What each channel is then divided by.
    public var std: [Float]
    /// Where an odd cut starts.
    public var cropRounding: CropRounding
    /// Whether the tensor has blue first instead of red.
    public var reversesChannels: Bool

    /// Creates a description; `mean` and `std` have three values in the tensor's order, and no `std` is zero.
    public init(
        width: Int, height: Int, mode: Mode, filter: ResizeFilter, mean: [Float], std: [Float],
        cropRounding: CropRounding = .down, reversesChannels: Bool = false
    ) {
        precondition(mean.count == 3 && std.count == 3, "mean and std are per channel")
        precondition(width > 0 && height > 0, "a tensor of \(width) x \(height)")
        self.width = width
        self.height = height
        self.mode = mode
        self.filter = filter
        self.mean = mean
        self.std = std
        self.cropRounding = cropRounding
        self.reversesChannels = reversesChannels
    }

    /// What to ask the decoder for: 1.6 times the size resized to, so that scaling in the DCT domain changes little
    /// after the antialiased resize (cosines of vectors in Docs/Performance.md), and a picture of 12 megapixels can be
    /// decoded at an eighth of its size for a tower of 224 x 224 pixels.
    public var minimumSide: Int {
        func enough(_ side: Int) -> Int { (8 * side + 4) / 5 }
        switch mode {
        case .squash, .longestEdgePad: return enough(max(width, height))
        case .squashCrop(let width, let height): return enough(max(width, height))
        case .shortestEdgeCrop(let resize): return enough(resize)
        case .crop: return 1 << 30
        }
    }

    /// The picture resized and cut to `width` x `height`, still 8-bit.
    public func pixels(from picture: PixelBuffer) -> PixelBuffer {
        switch mode {
        case .squash: return picture.resized(width: width, height: height, filter: filter)
        case .shortestEdgeCrop(let resize):
            let (short, long) = (min(picture.width, picture.height), max(picture.width, picture.height))
            let newLong = max(1, resize * long / short)
            let isUpright = picture.width <= picture.height
            let (newWidth, newHeight) = isUpright ? (resize, newLong) : (newLong, resize)
            return middle(
                of: picture, newWidth, newHeight, left: cropStart(newWidth - width),
                top: cropStart(newHeight - height))
        case .squashCrop(let newWidth, let newHeight):
            return middle(
                of: picture, newWidth, newHeight, left: cropStart(newWidth - width),
                top: cropStart(newHeight - height))
        case .longestEdgePad:
            let ratio = max(
                Double(picture.height) / Double(height), Double(picture.width) / Double(width))
            func scaled(_ side: Int) -> Int {
                max(1, Int((Double(side) / ratio).rounded(.toNearestOrEven)))
            }
            let (newWidth, newHeight) = (scaled(picture.width), scaled(picture.height))
            return middle(
                of: picture, newWidth, newHeight, left: -((width - newWidth) / 2),
                top: -((height - newHeight) / 2))
        case .crop:
            return picture.cropped(
                x: cropStart(picture.width - width), y: cropStart(picture.height - height), width: width,
                height: height)
        }
    }

    /// A window of `width` x `height` of the picture at a new size.
    private func middle(
        of picture: PixelBuffer, _ newWidth: Int, _ newHeight: Int, left: Int, top: Int
    ) -> PixelBuffer {
        // Only the part that is kept is computed: a 30,000 x 1 picture would else grow to gigabytes.
        let columns = max(left, 0)..<min(left + width, newWidth)
        let rows = max(top, 0)..<min(top + height, newHeight)
        return picture.resized(
            width: newWidth, height: newHeight, filter: filter, columns: columns, rows: rows
        ).cropped(
            x: left - columns.lowerBound, y: top - rows.lowerBound, width: width, height: height)
    }

    private func cropStart(_ excess: Int) -> Int {
        switch cropRounding {
        case .down: excess >> 1
        case .halfToEven: Int((Double(excess) / 2).rounded(.toNearestOrEven))
        }
    }

    /// The tensor: `3 * height * width` floats, channel by channel (CHW), red first unless it is reversed.
    public func tensor(from picture: PixelBuffer) -> [Float] {
        [Float](unsafeUninitializedCapacity: 3 * width * height) { buffer, count in
            normalize(pixels(from: picture), into: buffer)
            count = 3 * width * height
        }
    }

    /// Writes the tensor of a picture that `pixels(from:)` has made to the first `3 * height * width` floats of a buffer.
    public func normalize(_ picture: PixelBuffer, into tensor: UnsafeMutableBufferPointer<Float>) {
        let plane = width * height
        precondition(tensor.count >= 3 * plane, "\(tensor.count) floats for a tensor of \(3 * plane)")
        precondition(picture.width == width && picture.height == height, "a picture that was not prepared")
        var levels: [Float] = []
        for (mean, std) in zip(mean, std) {
            for level in 0..<256 { levels.append(Float((Double(level) / 255 - Double(mean)) / Double(std))) }
        }
        guard let base = tensor.baseAddress else { return }
        levels.withUnsafeBufferPointer { levels in
            picture.pixels.withUnsafeBufferPointer { pixels in
                for channel in 0..<3 {
                    let source = reversesChannels ? 2 - channel : channel
                    guard let level = levels.baseAddress.map({ $0 + 256 * channel }),
                        let from = pixels.baseAddress.map({ $0 + source })
                    else { return }
                    let target = base + channel * plane
                    for i in 0..<plane { target[i] = level[Int(from[3 &* i])] }
                }
            }
        }
    }
}
