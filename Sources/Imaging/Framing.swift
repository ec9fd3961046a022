/// Which of two pictures is the other one with something plain around it: a border, bars with a caption, the page of a
/// screenshot.
public struct Framing: Sendable, Equatable {
    /// Whether the first of the two is the framed one.
    public let isFirst: Bool
    /// The share of the framed picture that the other fills.
    public let filled: Double
}

extension PicturePlanes {
    /// Which of this picture and another one, laid on it, is framed; nil when neither is for certain.
    ///
    /// The picture in the frame lies on the framed one whole; around it are few colours and perhaps words; and where it ends
    /// there is an edge. Around a part that was cut from a photograph, the photograph goes on: to call that a frame would
    /// let the part be kept and the photograph go, so that what cannot be told is no frame. Costs some 0.1 ms.
    func framing(
        of other: PicturePlanes, laid map: PlaneMap, coverage: (first: Double, second: Double)
    ) -> Framing? {
        guard let back = map.inverse else { return nil }
        if coverage.second >= Self.wholeCoverage, coverage.first <= Self.framedCoverage,
            isFrame(around: other, laid: map, back)
        {
            return Framing(isFirst: true, filled: coverage.first)
        }
        if coverage.first >= Self.wholeCoverage, coverage.second <= Self.framedCoverage,
            other.isFrame(around: self, laid: back, map)
        {
            return Framing(isFirst: false, filled: coverage.second)
        }
        return nil
    }

    private static let wholeCoverage = 0.95
    private static let framedCoverage = 0.97
    /// The outline is known to some hundredths of the picture in the frame.
    private static let margin = 0.02

    private func isFrame(around inner: PicturePlanes, laid map: PlaneMap, _ back: PlaneMap) -> Bool {
        guard let plain = plainLevels(around: inner, back) else { return false }
        return hasEdge(along: inner, laid: map, to: plain)
    }

    /// Whether the inner picture ends inside this one with an edge: just outside its outline there is hardly anything but the
    /// plain levels, and brightness jumps there at most places, and at some on each side.
    private func hasEdge(along inner: PicturePlanes, laid map: PlaneMap, to plain: Set<Int>) -> Bool {
        let places = 48
        let leastJump: Float = 10
        let (w, h, m) = (inner.width, inner.height, Self.margin)
        let ends: [(Double) -> (inside: (Double, Double), outside: (Double, Double))] = [
            { ((w * $0, m), (w * $0, -m)) }, { ((w * $0, h - m), (w * $0, h + m)) },
            { ((m, h * $0), (-m, h * $0)) }, { ((w - m, h * $0), (w + m, h * $0)) },
        ]
        var tested = 0, jumps = 0, plainPlaces = 0
        return grey[0].withSamples { samples in
            let scale = Double(max(samples.width, samples.height))
            for end in ends {
                var (here, jumpsHere) = (0, 0)
                for place in 0..<places {
                    let (inside, outside) = end((Double(place) + 0.5) / Double(places))
                    let within = map(inside.0, inside.1), beyond = map(outside.0, outside.1)
                    guard beyond.x >= 0, beyond.y >= 0, beyond.x < width, beyond.y < height else { continue }
                    let (there, level) = (
                        samples(within.x * scale, within.y * scale),
                        samples(beyond.x * scale, beyond.y * scale)
                    )
                    here += 1
                    if abs(there - level) >= leastJump { jumpsHere += 1 }
                    if plain.contains(Int(level.rounded())) { plainPlaces += 1 }
                }
                guard 4 * jumpsHere >= here else { return false }
                tested += here
                jumps += jumpsHere
            }
            return tested >= places / 2 && 2 * jumps >= tested && 10 * plainPlaces >= 9 * tested
        }
    }

    /// The one or two brightnesses, as compression leaves them, that most of what lies around the inner picture has; nil
    /// when it has others.
    private func plainLevels(around inner: PicturePlanes, _ back: PlaneMap) -> Set<Int>? {
        let plane = self.plane(for: 1 / 128)
        let scale = 1 / Double(max(plane.width, plane.height)), m = Self.margin
        var levels = [Int](repeating: 0, count: 256)
        var count = 0
        for row in 0..<plane.height {
            for column in 0..<plane.width {
                let there = back((Double(column) + 0.5) * scale, (Double(row) + 0.5) * scale)
                guard there.x < -m || there.y < -m || there.x > inner.width + m || there.y > inner.height + m
                else { continue }
                levels[Int(plane.values[row * plane.width + column])] += 1
                count += 1
            }
        }
        guard 100 * count >= plane.width * plane.height else { return nil }
        var plain = Set<Int>(), sum = 0
        for _ in 0..<2 {
            let best =
                levels.indices.map { ($0, levels[near($0)].reduce(0, +)) }.max { $0.1 < $1.1 } ?? (0, 0)
            sum += best.1
            plain.formUnion(near(best.0))
            for level in near(best.0) { levels[level] = 0 }
        }
        return 4 * sum >= 3 * count ? plain : nil
    }

    /// Levels that compression may have made of one.
    private func near(_ level: Int) -> ClosedRange<Int> { max(0, level - 4)...min(255, level + 4) }
}
