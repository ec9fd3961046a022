import CKernels

/// Corners of a picture and what the patches around them look like: what is left to compare when a picture is
/// cropped, turned, mirrored or pasted into another.
///
/// Lengths are in shares of the picture's longer side. The picture is made 320 pixels long, and corners are looked
/// for at nine scales, each smaller by a third of an octave. Corner measure: Noble 1988 after Harris and Stephens;
/// orientation and histogram of gradients: SIFT (Lowe, IJCV 2004); 256 bits from the median and the upper quartile of
/// the histogram: Binary SIFT (Zhou et al., ICIMCS 2012). Mirroring a patch only moves bits.
public struct LocalFeatures: Sendable, Equatable {
    /// Where a patch is, how large and how turned.
    public struct Point: Sendable, Equatable {
        /// The middle, in shares of the longer side, from the top left.
        public var x: Float, y: Float
        /// The side of a pixel of the scale it was found at, in shares of the longer side.
        public var size: Float
        /// Radians from right towards down.
        public var angle: Float
    }

    /// The sides of the picture, in shares of the longer one.
    public let width: Float, height: Float
    /// The corners.
    public let points: [Point]
    /// Four words a corner.
    public let descriptors: [UInt64]

    /// The longer side that every picture is brought to, in pixels: the largest of nine scales.
    static let longerSide = 320
    private static let scaleCount = 9
    private static let scaleStep: Float = 1.259_921
    /// Corners that are kept of those nine scales, at most.
    static let commonLimit = 360
    /// Larger scales, of pictures that have the pixels: what is shown small in a picture, a tile of a collage, has
    /// corners of its own only there.
    private static let finerCount = 2
    /// For a larger scale a picture may lack so much.
    private static let enlargement: Float = 1.05
    /// Corners that are kept of a picture, at most.
    public static let limit = 640

    init(width: Float, height: Float, points: [Point], descriptors: [UInt64]) {
        self.width = width
        self.height = height
        self.points = points
        self.descriptors = descriptors
    }

    /// Finds the corners of a picture; there may be none. Costs the resize to 320 pixels and a pass over nine scales.
    public init(_ picture: PixelBuffer) {
        let longer = max(picture.width, picture.height)
        guard longer > 0, min(picture.width, picture.height) > 0 else {
            self.init(width: 0, height: 0, points: [], descriptors: [])
            return
        }
        let commonShares = (0..<Self.scaleCount).map { 1 / Self.power(Self.scaleStep, $0) }
        let whole = commonShares.reduce(0, +)
        let finer = (1...Self.finerCount).map { Self.power(Self.scaleStep, $0) }
            .filter { Float(Self.longerSide) * $0 <= Float(longer) * Self.enlargement }
        let shares = finer.reversed() + commonShares
        let factor = Float(Self.longerSide) * shares[0] / Float(longer)
        let base = Luma(picture).resized(
            width: Self.scaled(picture.width, by: factor), height: Self.scaled(picture.height, by: factor),
            filter: .bilinear)
        var points: [Point] = [], descriptors: [UInt64] = []
        var missing: Float = 0
        for (index, share) in shares.enumerated().reversed() {
            // Coarse scales first: what they cannot give, finer ones may.
            let reduction = share / shares[0]
            let width = Self.scaled(base.width, by: reduction),
                height = Self.scaled(base.height, by: reduction)
            guard min(width, height) >= Int(CK_FEATURE_SMALLEST_SIDE) else {
                missing += Float(Self.commonLimit) * share / whole
                continue
            }
            let wanted = Float(Self.commonLimit) * share / whole + missing
            let level = index == 0 ? base : base.resized(width: width, height: height, filter: .bilinear)
            let found = Self.corners(level, wanted: Int(wanted))
            missing = wanted - Float(found.count)
            let size = 1 / Float(max(width, height))
            for corner in found {
                points.append(
                    Point(
                        x: (corner.x + 0.5) * size, y: (corner.y + 0.5) * size, size: size,
                        angle: corner.angle))
                let bits = corner.bits
                descriptors += [bits.0, bits.1, bits.2, bits.3]
            }
        }
        self.init(
            width: Float(picture.width) / Float(longer), height: Float(picture.height) / Float(longer),
            points: points, descriptors: descriptors)
    }

    private static func scaled(_ side: Int, by factor: Float) -> Int {
        max(1, Int((Float(side) * factor).rounded()))
    }

    private static func power(_ base: Float, _ exponent: Int) -> Float {
        (0..<exponent).reduce(1) { value, _ in value * base }
    }

    private static func corners(_ level: Luma, wanted: Int) -> [ck_feature] {
        guard wanted > 0 else { return [] }
        let floats = ck_feature_workspace(level.width, level.height)
        return withUnsafeTemporaryAllocation(of: Float.self, capacity: floats) { workspace in
            [ck_feature](unsafeUninitializedCapacity: wanted) { out, count in
                level.levels.withUnsafeBufferPointer { grey in
                    guard let grey = grey.baseAddress, let workspace = workspace.baseAddress,
                        let out = out.baseAddress
                    else { return }
                    count = ck_find_features(grey, level.width, level.height, wanted, workspace, out)
                }
            }
        }
    }

    /// The strongest corners of every scale, `count` at most in all.
    public func strongest(_ count: Int) -> LocalFeatures {
        guard points.count > count else { return self }
        // Corners stand scale by scale, strongest first: of each scale as large a part is taken.
        var kept: [Int] = []
        var start = 0
        while start < points.count {
            let end = points[start...].firstIndex { $0.size != points[start].size } ?? points.count
            let share = (end * count / points.count) - (start * count / points.count)
            kept += start..<start + share
            start = end
        }
        return LocalFeatures(
            width: width, height: height, points: kept.map { points[$0] },
            descriptors: kept.flatMap { descriptors[4 * $0..<4 * $0 + 4] })
    }

    /// The features that the picture mirrored left to right has.
    public var mirrored: LocalFeatures {
        var turned = [UInt64](repeating: 0, count: descriptors.count)
        descriptors.withUnsafeBufferPointer { from in
            turned.withUnsafeMutableBufferPointer { to in
                guard let from = from.baseAddress, let to = to.baseAddress else { return }
                for index in points.indices { ck_mirror_descriptor(from + 4 * index, to + 4 * index) }
            }
        }
        return LocalFeatures(
            width: width, height: height,
            points: points.map { Point(x: width - $0.x, y: $0.y, size: $0.size, angle: .pi - $0.angle) },
            descriptors: turned)
    }
}
