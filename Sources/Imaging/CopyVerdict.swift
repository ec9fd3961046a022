/// What was done to one picture to get the other, as far as their pixels tell.
public struct CopyVerdict: Sendable {
    /// Whether the change is slight: not turned, mirrored or made grey, hardly cropped.
    public let isSlight: Bool
    /// The share of the detail that agrees, 0 to 1.
    public let agreement: Float
    /// Which of the two is the other with something plain around it; nil when neither is for certain.
    public let framing: Framing?
    /// Which of the two is the other with words or a mark laid over a part of it; nil when neither is for certain.
    public let marking: Marking?
    /// The changes in words: "rotated 90°, 60 % crop"; empty when there is nothing to say.
    public let evidence: String
}

extension PictureSketch {
    /// Fewer corners than this that agree are chance.
    public static let leastSupport = 5

    /// How another picture may lie on this one as its corners tell, as it is, mirrored or both, the likelier first; none
    /// when they tell nothing.
    public func alignments(
        of other: PictureSketch, ways: LocalFeatures.Ways = .both
    ) -> [FeatureAlignment] {
        features.alignments(of: other.features, support: Self.leastSupport, ways: ways)
    }

    /// Whether pictures that lie on each other like this can be one photograph as far as a glance tells: one of them is on
    /// the other whole, or nearly, and their detail at 64 pixels agrees at all.
    ///
    /// Costs some 150 µs, and spares most pairs of strangers from being read from the disk and looked at closely.
    public func mayMatch(_ other: PictureSketch, laid alignment: FeatureAlignment) -> Bool {
        let sizes = (
            first: (width: Double(features.width), height: Double(features.height)),
            second: (width: Double(other.features.width), height: Double(other.features.height))
        )
        guard let coverage = alignment.map.coverage(ofFirst: sizes.first, second: sizes.second),
            max(coverage.first, coverage.second) >= PictureComparison.leastInside - 0.05
        else { return false }
        // A tile of a collage is cut to its shape: what lies beside it shows something else.
        if alignment.support >= Self.tileSupport, min(coverage.first, coverage.second) <= 0.45 { return true }
        return glance.correlation(with: other.glance, laid: alignment.map, sizes: sizes) ?? 1
            >= Self.leastCorrelation
    }

    /// Of 4,800 edits that corners find, of 99 photographs, collages aside, none correlated less than 0.65 at a glance; of pairs of
    /// strangers, laid as their corners say, half did by 0.12, and one in a hundred by 0.38.
    private static let leastCorrelation: Float = 0.3
    fileprivate static let tileSupport = 20
}

extension PicturePlanes {
    /// Decides whether another picture is an edit of this one's photograph, laid on it as its corners say.
    ///
    /// One of two has to lie on the other whole: an edit shows the photograph or a part of it, while another
    /// photograph of the scene sticks out on both sides. Nearly all detail has to agree, the more strictly the
    /// fewer corners speak for it and the less detail there is.
    public func verdict(on other: PicturePlanes, laid alignment: FeatureAlignment) -> CopyVerdict? {
        guard let (map, agreed) = comparison(with: other, laid: alignment) else { return nil }
        var comparison = agreed
        let change = CopyChange(map, isMirrored: alignment.isMirrored, self, other)
        guard
            let extent = comparison.convincingExtent(
                support: alignment.support, isTurnedFreely: change.isTurnedFreely, isUpright: change.isUpright
            )
        else { return nil }
        guard isNoLikeThing(other, comparison, support: alignment.support) else { return nil }
        // The neighbours of a collage's tile have colours of their own.
        if extent == .tile { comparison.colour = comparison.patch.colour }
        guard comparison.hasLikelyColours(support: alignment.support) else { return nil }
        guard extent == .whole else { return change.verdict(comparison) }
        let framing = framing(of: other, laid: map, coverage: comparison.coverage)
        let marking = framing == nil ? marking(of: other, laid: map, comparison) : nil
        let isAsItWas =
            framing == nil && marking == nil && change.isUpright && isAsItWas(other, comparison)
        return change.verdict(comparison, framing: framing, marking: marking, isAsItWas: isAsItWas)
    }

    /// Whether what two pictures show stands on white: it has the outline of many things, and hardly more is left of it in a poor copy.
    private func isOnWhite(with other: PicturePlanes) -> Bool {
        min(whiteShare, other.whiteShare) >= Self.muchWhite
    }

    /// Whether one of two pictures that lie whole on each other has the other's brightness nearly everywhere, though little of its
    /// fine detail, as after strong compression.
    private func isAsItWas(_ other: PicturePlanes, _ comparison: PictureComparison) -> Bool {
        comparison.agreement < CopyChange.slightAgreement && !isOnWhite(with: other)
            && min(comparison.coverage.first, comparison.coverage.second) >= 0.95
            && unchangedShare(of: other) ?? 0 >= Self.mostlyUnchanged
    }

    /// Compares the pictures as their corners say, or laid exactly whole on whole where the corners say nearly that and
    /// the pixels agree better so: few corners tell where a picture lies only roughly.
    private func comparison(
        with other: PicturePlanes, laid alignment: FeatureAlignment
    ) -> (PlaneMap, PictureComparison)? {
        let rough = comparison(with: other, map: alignment.map)
        let whole = Orientation.allCases.lazy.map { Self.map(of: other, onto: self, shownAs: $0) }
            .first { $0.moves(other.width, other.height, atMost: Self.wholeTolerance, from: alignment.map) }
        guard let whole, let exact = comparison(with: other, map: whole),
            exact.agreement >= rough?.agreement ?? 0
        else { return rough.map { (alignment.map, $0) } }
        return (whole, exact)
    }

    /// Decides whether another picture is this one, shown in some orientation, without the help of corners: for
    /// pictures that have hardly any.
    ///
    /// `hashDistance` is that of the perceptual hashes of the two, so turned, which counts for little when they are of low
    /// quality.
    public func verdict(
        on other: PicturePlanes, shownAs orientation: Orientation, hashDistance: Int, isHashReliable: Bool
    ) -> CopyVerdict? {
        let map = Self.map(of: other, onto: self, shownAs: orientation)
        guard let comparison = comparison(with: other, map: map) else { return nil }
        let change = CopyChange(map, isMirrored: map.a * map.e - map.b * map.d < 0, self, other)
        let isUpright = orientation == .up, isNear = isUpright && hashDistance <= Self.explainedDistance
        let isOnWhite = isOnWhite(with: other)
        if isNear, !isOnWhite, let explanation = explanation(with: other), explanation.isConvincing,
            comparison.colour ?? 1 >= (explanation.step > 0 ? 0.4 : 0.6)
        {
            return change.verdict(comparison, explanation: explanation)
        }
        // Of a picture of which only the coarse forms are left, the colours are coarse, too.
        let isCoarse = isHashReliable && isUpright && comparison.isConvincingCoarsely(hashDistance)
        let isAlike =
            isHashReliable && comparison.isConvincing(hashDistance: hashDistance, isUpright: isUpright)
        let isConvincing = isCoarse || isAlike || comparison.isConvincingAlone
        let marking = isConvincing || isNear ? marking(of: other, laid: map, comparison) : nil
        let isUnchanged = {
            guard isNear, !isOnWhite, marking != nil || hashDistance <= PictureComparison.hashDistance else {
                return false
            }
            let least = marking != nil ? Self.leastUnchanged : Self.nearlyAllUnchanged
            return unchangedShare(of: other) ?? 0 >= least
        }
        guard isConvincing || isUnchanged(), isNoLikeThing(other, comparison, support: 0) else { return nil }
        let leastColour: Float = isCoarse ? 0.6 : 0.7
        if let colour = comparison.colour, colour < leastColour { return nil }
        let isAsItWas = marking == nil && isUpright && isAsItWas(other, comparison)
        return change.verdict(comparison, marking: marking, isAsItWas: isAsItWas)
    }

    /// Up to this distance of their hashes, pictures are asked whether one explains what is left of the other, or only has
    /// something laid over it.
    public static let explainedDistance = 60
    /// So much of a photograph's detail stays under a watermark: 0.82 and more in 50 of them. Of 1,916 near pairs of different
    /// pictures, among which a mark was seen in 171, none of those had more than 0.78.
    private static let leastUnchanged: Float = 0.8
    /// Of a plane in plain sky, in whose perceptual hash there is little, 0.97 is as bright as before in JPEG's quality 30 or under light
    /// noise; of two frames of a burst with hashes that match 0.87 was.
    private static let nearlyAllUnchanged: Float = 0.93
    /// In JPEG's quality 10 0.79 and more of the detail of 50 photographs is as bright as it was.
    private static let mostlyUnchanged: Float = 0.75

    /// Whether two pictures that seem to be one photograph are not just two things of a kind.
    ///
    /// In small pictures of things on white, shoes, ties or wallets, little but the outlines is left to compare, and those meet.
    /// But neither of two pictures of one small size has lost what the other shows: in copies brightness or all blocks hardly
    /// differ, many corners say the same, or what differs is in one part, where something was laid over it.
    private func isNoLikeThing(
        _ other: PicturePlanes, _ comparison: PictureComparison, support: Int
    ) -> Bool {
        let sizes = (smaller: min(pixels, other.pixels), larger: max(pixels, other.pixels))
        guard sizes.larger <= Self.smallPixels, 2 * sizes.larger <= 3 * sizes.smaller,
            isOnWhite(with: other),
            support < Self.manyCorners,
            comparison.detail < PictureComparison.fullDetail
        else { return true }
        if comparison.meanCorrelation >= 0.97 { return true }
        if comparison.correlation >= 0.99, comparison.meanCorrelation >= 0.88 { return true }
        let patch = comparison.patch
        return support >= 60 && patch.agreement >= 0.9 && patch.agreement - comparison.agreement >= 0.08
            && max(patch.first, patch.second) >= 0.5
    }

    /// The longer side up to which a picture is a small one, and corners that things of a kind in such pictures do not have
    /// in common.
    private static let smallPixels = 160, manyCorners = 85
    /// As much of a picture is white where things stand on it, and of one photograph in eleven.
    private static let muchWhite: Float = 0.3

    /// Corners of the frame this far from those of the other, in shares of the longer side, may be errors of the map.
    private static let wholeTolerance = 0.06

    /// Colours that correlate less have been changed, or are those of another thing.
    static let sameColour: Float = 0.5

    /// Lays the whole of a picture, turned upright, on the whole of another.
    private static func map(
        of other: PicturePlanes, onto target: PicturePlanes, shownAs orientation: Orientation
    ) -> PlaneMap {
        // In shares of each picture's own sides: where the upright picture's right and down lie in the stored one.
        let (a, b, c, d, e, f): (Double, Double, Double, Double, Double, Double) =
            switch orientation {
            case .up: (1, 0, 0, 0, 1, 0)
            case .upMirrored: (-1, 0, 1, 0, 1, 0)
            case .down: (-1, 0, 1, 0, -1, 1)
            case .downMirrored: (1, 0, 0, 0, -1, 1)
            case .leftMirrored: (0, 1, 0, 1, 0, 0)
            case .right: (0, -1, 1, 1, 0, 0)
            case .rightMirrored: (0, -1, 1, -1, 0, 1)
            case .left: (0, 1, 0, -1, 0, 1)
            }
        let (w, h) = (target.width, target.height)
        return PlaneMap(
            a: w * a / other.width, b: w * b / other.height, c: w * c, d: h * d / other.width,
            e: h * e / other.height, f: h * f)
    }
}

extension PictureComparison {
    private static let leastBlocks = 12
    /// Of two pictures of one photograph one lies on the other with this share of it at least.
    fileprivate static let leastInside = 0.72

    /// What of two pictures shows that they are one photograph.
    fileprivate enum Extent { case whole, tile }

    /// What makes the pictures one photograph, given how many corners agree with the map; nil when nothing does.
    ///
    /// Corners of like things, shoes or shirts, meet by the dozen, and so do their outlines: how much has to agree follows
    /// from the corners or the blocks, whichever are fewer.
    fileprivate func convincingExtent(support: Int, isTurnedFreely: Bool, isUpright: Bool) -> Extent? {
        guard support >= PictureSketch.leastSupport, blocks >= Self.leastBlocks else { return nil }
        let inside = max(coverage.first, coverage.second), rest = min(coverage.first, coverage.second)
        let isWhole = inside >= (isTurnedFreely ? 0.77 : 0.95)
        let part = max(patch.first, patch.second)
        let evidence = min(support, blocks)
        // Like things, turned and stretched until corners meet, agree in part; a tilted copy agrees nearly everywhere.
        let least = max(isTurnedFreely ? 0.92 : 0, needed(evidence))
        if isWhole, agreement >= least, evidence >= Self.much || meanCorrelation >= 0.9,
            evidence >= Self.some || blocks >= 55 || hasHardlyADifference
        {
            return .whole
        }
        if isUpright, rest >= 0.93, isConvincingFrameOnFrame(support: support) { return .whole }
        // Of a print photographed from aside the outline is known only roughly.
        if inside >= 0.9, rest <= 0.75, evidence >= Self.much, agreement >= 0.95, detail >= 0.45 {
            return .whole
        }
        // Under a caption or a mark a part may differ much, when the rest agrees nearly without exception.
        if isWhole, !isTurnedFreely, evidence >= Self.some, patch.agreement >= 0.9, part >= 0.55,
            patch.blocks >= Self.some
        {
            return .whole
        }
        // A tile of a collage: the photograph was cut to its shape, and sticks out of the tile into others.
        guard inside >= Self.leastInside, rest <= 0.4, detail >= 0.4 else { return nil }
        return support >= PictureSketch.tileSupport && patch.agreement >= 0.88 && part >= 0.38
            && patch.blocks >= Self.some
            ? .tile : nil
    }

    /// Whether pictures that lie frame on frame, nothing turned or cut, are one photograph though fine detail differs: very
    /// low quality, or a very small size, has taken it away. What stands on white has no such detail to lose.
    private func isConvincingFrameOnFrame(support: Int) -> Bool {
        guard blocks >= 20, support >= 20 else { return false }
        if support >= 30, agreement >= 0.7, correlation >= 0.97, detail >= 0.5 { return true }
        if support >= Self.much, blocks >= Self.some, agreement >= 0.85, correlation >= 0.99,
            meanCorrelation >= 0.92
        {
            return true
        }
        return agreement >= 0.8 && correlation >= 0.85 && detail >= 0.65
    }

    /// Whether the few blocks there are leave nothing open: outlines alone, of things on white, agree nearly as well.
    private var hasHardlyADifference: Bool {
        blocks >= 30 && meanCorrelation >= 0.955 && detail >= 0.4
    }

    /// So many corners and blocks are much, or some, to tell two things apart by.
    private static let much = 60, some = 40

    private func needed(_ evidence: Int) -> Float {
        evidence >= Self.much ? 0.65 : evidence >= Self.some ? 0.88 : 0.95
    }

    /// Whether the colours are the same, or have been changed: another colour of one thing agrees in all but the
    /// colour, and there the rest has to be beyond doubt.
    fileprivate func hasLikelyColours(support: Int) -> Bool {
        guard let colour, colour < PicturePlanes.sameColour else { return true }
        if support >= 140, agreement >= 0.8, detail >= 0.35, correlation >= 0.95 { return true }
        // All colours were turned by one angle: of like things in other colours hardly any differ by that alone.
        if support >= Self.some, detail >= 0.5, turnedColour ?? 0 >= 0.97 { return true }
        // The grain is the same: a like thing in another colour has its own.
        if support >= Self.much, blocks >= Self.some, agreement >= 0.97, meanCorrelation >= 0.985 {
            return true
        }
        return support >= 60 && agreement >= 0.9 && detail >= 0.45
    }

    /// Whether the pixels alone, laid whole on whole, make the pictures one when their hashes are near each other.
    fileprivate var isConvincingAlone: Bool {
        guard blocks >= Self.leastBlocks else { return false }
        if agreement >= 0.93, meanCorrelation >= 0.85, correlation >= 0.95, detail >= 0.2 { return true }
        // A photograph that fills its frame; what stands on white may have the outline of many things.
        return agreement >= 0.8 && correlation >= 0.95 && detail >= Self.fullDetail
    }

    /// Whether the pixels, laid whole on whole, do not speak against hashes that match: a picture made very small or of very
    /// low quality has lost the fine detail that the blocks compare.
    fileprivate func isConvincing(hashDistance: Int, isUpright: Bool) -> Bool {
        guard blocks >= Self.leastBlocks, hashDistance <= Self.hashDistance else { return false }
        if agreement >= 0.65, correlation >= 0.85, detail >= Self.fullDetail { return true }
        return isUpright && blocks >= 20 && agreement >= 0.8 && correlation >= 0.97
    }

    /// Whether two pictures that lie frame on frame are one photograph of which only the coarse forms are left, as its hash
    /// is not far from matching: those of different things are so near only on white, where there is little detail.
    fileprivate func isConvincingCoarsely(_ hashDistance: Int) -> Bool {
        guard hashDistance <= 56, blocks >= 30 else { return false }
        if agreement >= 0.58, correlation >= 0.98, detail >= 0.5 { return true }
        return agreement >= 0.75 && correlation >= 0.93 && detail >= 0.65
    }

    /// Perceptual hashes within so many bits match by themselves, as their authors say.
    fileprivate static let hashDistance = 31
    fileprivate static let fullDetail: Float = 0.7
}
