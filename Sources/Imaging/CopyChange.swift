#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A change of a picture, told from how it lies on the original.
struct CopyChange {
    private let turn: Double
    private let isMirrored: Bool
    private let becomesGrey: Bool

    init(
        _ map: PlaneMap, isMirrored: Bool, _ first: PicturePlanes, _ second: PicturePlanes
    ) {
        self.isMirrored = isMirrored
        // Of a mirrored picture the turn is that of its mirror image.
        turn = atan2(isMirrored ? -map.d : map.d, isMirrored ? -map.a : map.a) * 180 / .pi
        becomesGrey = first.isGrey(beside: second) || second.isGrey(beside: first)
    }

    /// The multiple of a right angle that is nearest, in degrees, and what is left.
    private var quarters: (Int, Double) {
        let nearest = (turn / 90).rounded()
        return ((Int(nearest) * 90 % 360 + 360) % 360, turn - 90 * nearest)
    }

    var isTurnedFreely: Bool { abs(quarters.1) > 4 }

    var isUpright: Bool { quarters.0 == 0 && abs(quarters.1) < 2 && !isMirrored }

    /// Of a slight change so much of the detail agrees.
    static let slightAgreement: Float = 0.75

    /// The verdict on a copy; `isAsItWas` where its brightness hardly differs, though its detail does.
    func verdict(
        _ comparison: PictureComparison, framing: Framing? = nil, marking: Marking? = nil,
        isAsItWas: Bool = false
    ) -> CopyVerdict {
        let (quarter, rest) = quarters
        let coverage = comparison.coverage
        let isSlight =
            quarter == 0 && abs(rest) < 1.5 && !isMirrored && !becomesGrey
            && min(coverage.first, coverage.second) >= 0.84
            && (isAsItWas || comparison.agreement >= Self.slightAgreement) && (comparison.colour ?? 1) >= 0.7
        return CopyVerdict(
            isSlight: isSlight, agreement: comparison.agreement, framing: framing, marking: marking,
            evidence: words(comparison, isFramed: framing != nil, marking, isAsItWas: isAsItWas))
    }

    /// The verdict on a copy that shows all it can.
    func verdict(_ comparison: PictureComparison, explanation: Remnant.Explanation) -> CopyVerdict {
        var words = [
            explanation.step == 0
                ? "very small" : explanation.isOfBlocksAlone ? "hardly any quality" : "low quality"
        ]
        if becomesGrey { words.append("grey") }
        return CopyVerdict(
            isSlight: !becomesGrey, agreement: explanation.detail, framing: nil, marking: nil,
            evidence: words.joined(separator: ", "))
    }

    private func words(
        _ comparison: PictureComparison, isFramed: Bool, _ marking: Marking?, isAsItWas: Bool
    ) -> String {
        let (quarter, rest) = quarters
        var words: [String] = []
        // A mirrored picture turned by half is one turned over top to bottom.
        if isMirrored { words.append(quarter == 180 ? "flipped" : "mirrored") }
        if quarter != 0, !(isMirrored && quarter == 180) { words.append("rotated \(quarter)°") }
        if abs(rest) >= 1.5 { words.append("tilted \(Int(abs(rest).rounded()))°") }
        let (first, second) = comparison.coverage
        let part = min(first, second)
        let percent = Int((part * 100).rounded())
        if isFramed {
            words.append("framed (fills \(percent) %)")
        } else if max(first, second) >= 0.9, part < 0.93 {
            words.append("\(percent) % crop")
        }
        if max(first, second) < 0.9, !isTurnedFreely { words.append("part of a larger picture") }
        if becomesGrey { words.append("grey") }
        if let colour = comparison.colour, colour < PicturePlanes.sameColour { words.append("recoloured") }
        if let marking {
            words.append("marked (covers \(max(1, Int((marking.covered * 100).rounded()))) %)")
        } else if comparison.agreement < 0.9, !isAsItWas {
            words.append("partly covered")
        }
        return words.joined(separator: ", ")
    }
}
