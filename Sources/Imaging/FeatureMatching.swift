import CKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How one picture lies on another, as far as their local features tell.
public struct FeatureAlignment: Sendable {
    /// Takes points of the second picture to the first; both in shares of their longer sides.
    public let map: PlaneMap
    /// Whether the second picture has to be mirrored for it.
    public let isMirrored: Bool
    /// Corners that agree with the map, counted once for each place.
    public let support: Int

    /// An alignment that is known from elsewhere.
    package init(map: PlaneMap, isMirrored: Bool, support: Int) {
        (self.map, self.isMirrored, self.support) = (map, isMirrored, support)
    }
}

extension LocalFeatures {
    /// Whether a picture may lie on another as it is, mirrored, or either way.
    public struct Ways: OptionSet, Sendable {
        /// A bit for each way.
        public let rawValue: UInt8
        /// The ways whose bits are set.
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        /// As it is, however turned.
        public static let plain = Ways(rawValue: 1)
        /// Mirrored, however turned.
        public static let mirrored = Ways(rawValue: 2)
        /// Either.
        public static let both: Ways = [.plain, .mirrored]
    }

    /// Descriptors that differ in more bits than this are not taken for the same patch.
    private static let matchDistance: UInt32 = 84
    /// The pairs of patches that hypotheses are made from: the most alike, and those that most others are turned and
    /// scaled like.
    private static let likelyCount = 50, likeMindedCount = 60
    /// A map is looked into further when so many pairs agree with it.
    private static let leastProposal = 4
    /// Patches where a map says they should be may differ in more bits.
    private static let guidedDistance = 92
    /// So much support needs no further pairs.
    private static let plenty = 20
    /// So much support leaves no doubt which way round the picture is; a building seen from the front, mirrored, has
    /// less.
    private static let undoubted = 60

    /// Where another picture may lie on this one, as it is, mirrored or both, the one with more support first; none when fewer
    /// than `support` corners agree. Always the same for the same features: no chance is involved. Costs n × m
    /// descriptor distances for each.
    public func alignments(
        of other: LocalFeatures, support: Int, ways: Ways = .both
    ) -> [FeatureAlignment] {
        let plain = ways.contains(.plain) ? alignment(of: other, isMirrored: false, support: support) : nil
        if let plain, plain.support >= Self.undoubted || !ways.contains(.mirrored) { return [plain] }
        let turned =
            ways.contains(.mirrored)
            ? alignment(of: other.mirrored, isMirrored: true, support: support) : nil
        guard let plain else { return turned.map { [$0] } ?? [] }
        guard let turned else { return [plain] }
        return turned.support > plain.support ? [turned, plain] : [plain, turned]
    }

    private struct Match {
        var here: Int, there: Int
        var distance: UInt32
    }

    /// The patches that are each other's nearest, the most alike first.
    private func matches(with other: LocalFeatures) -> [Match] {
        guard !points.isEmpty, !other.points.isEmpty else { return [] }
        var forth = [ck_nearest](repeating: ck_nearest(), count: points.count)
        var back = [ck_nearest](repeating: ck_nearest(), count: other.points.count)
        descriptors.withUnsafeBufferPointer { mine in
            other.descriptors.withUnsafeBufferPointer { others in
                forth.withUnsafeMutableBufferPointer { forth in
                    back.withUnsafeMutableBufferPointer { back in
                        guard let mine = mine.baseAddress, let others = others.baseAddress,
                            let nearest = forth.baseAddress, let otherNearest = back.baseAddress
                        else { return }
                        ck_match_descriptors(mine, forth.count, others, back.count, nearest, otherNearest)
                    }
                }
            }
        }
        return points.indices.compactMap { index -> Match? in
            let nearest = forth[index]
            guard nearest.distance <= Self.matchDistance, back[Int(nearest.place)].place == UInt32(index)
            else {
                return nil
            }
            return Match(here: index, there: Int(nearest.place), distance: nearest.distance)
        }.sorted { ($0.distance, $0.here) < ($1.distance, $1.here) }
    }

    private func alignment(of other: LocalFeatures, isMirrored: Bool, support: Int) -> FeatureAlignment? {
        let matches = matches(with: other)
        let least = min(support, Self.leastProposal)
        guard matches.count >= least else { return nil }
        let pairs = matches.map { match in
            let from = other.points[match.there], to = points[match.here]
            return PlaneMap.Correspondence(
                from: (Double(from.x), Double(from.y)), to: (Double(to.x), Double(to.y)))
        }
        // What each pair of patches says alone: by how much the other is to be scaled and turned.
        let scales = matches.map { log2(points[$0.here].size / other.points[$0.there].size) }
        let turns = matches.map { points[$0.here].angle - other.points[$0.there].angle }
        var found: (map: PlaneMap, count: Int)?
        let likely = Self.likely(scales, turns)
        // When so many agree, no other map will have more.
        let plenty = max(24, matches.count / 2)
        search: for (rank, i) in likely.enumerated() {
            for j in likely[..<rank] {
                guard abs(scales[i] - scales[j]) < 0.8, Self.turn(turns[i] - turns[j]) < 0.6,
                    let map = PlaneMap.similarity(pairs[i], pairs[j])
                else { continue }
                let scale = (map.a * map.a + map.d * map.d).squareRoot()
                guard scale > 0.05, scale < 20, abs(log2(Float(scale)) - scales[i]) < 0.7,
                    Self.turn(Float(atan2(map.d, map.a)) - turns[i]) < 0.5
                else { continue }
                let count = Self.inlierCount(of: map, pairs, tolerance: 0.016 * (1 + scale))
                guard count >= max(least, (found?.count ?? 0) + 1) else { continue }
                found = (map, count)
                if count >= plenty { break search }
            }
        }
        guard let found else { return nil }
        let scale = (found.map.a * found.map.a + found.map.d * found.map.d).squareRoot()
        var best = (
            map: found.map, inliers: Self.inliers(of: found.map, pairs, tolerance: 0.016 * (1 + scale))
        )
        for kind in [PlaneMap.Kind.similarity, .affine, .affine, .projective] {
            guard best.inliers.count >= (kind == .projective ? 16 : kind == .affine ? 8 : 3),
                let map = PlaneMap.fitted(kind, to: best.inliers.map { pairs[$0] }), map.isPlausible
            else { continue }
            let scale = abs(map.a * map.e - map.b * map.d).squareRoot()
            let inliers = Self.inliers(of: map, pairs, tolerance: 0.012 * (1 + scale))
            if inliers.count * 10 >= best.inliers.count * 9 { best = (map, inliers) }
        }
        var agreed = best.inliers.map { pairs[$0] }
        var map = best.map
        if Self.places(agreed) < Self.plenty {
            // The map says where each patch should be: there, a patch that is only second in likeness will do.
            agreed = guidedMatches(with: other, map: map)
            guard agreed.count >= support else { return nil }
            let kind = agreed.count >= 8 ? PlaneMap.Kind.affine : .similarity
            if let better = PlaneMap.fitted(kind, to: agreed), better.isPlausible { map = better }
        }
        let count = Self.places(agreed)
        guard count >= support else { return nil }
        guard isMirrored else { return FeatureAlignment(map: map, isMirrored: false, support: count) }
        let mirror = PlaneMap(a: -1, b: 0, c: Double(other.width), d: 0, e: 1, f: 0)
        return map.after(mirror).map { FeatureAlignment(map: $0, isMirrored: true, support: count) }
    }

    /// The pairs to make hypotheses from, given what each says alone, in their order.
    ///
    /// Patches are alike by chance in every way; those of one photograph agree on a turn and a scale.
    private static func likely(_ scales: [Float], _ turns: [Float]) -> [Int] {
        guard scales.count > likelyCount else { return Array(scales.indices) }
        // In whole numbers: every pair is compared with every other.
        let steps = scales.map { Int16(max(-20, min(20, $0)) * 64) }
        let angles = turns.map { UInt16(truncatingIfNeeded: Int($0 / (2 * .pi) * 65_536)) }
        let likeMinded = scales.indices.map { i in
            var count = 0
            for j in scales.indices {
                let step = steps[i] &- steps[j], angle = Int16(bitPattern: angles[i] &- angles[j])
                if step > -32, step < 32, angle > -3650, angle < 3650 { count += 1 }
            }
            return count
        }
        let further = (likelyCount..<scales.count).sorted { (likeMinded[$1], $0) < (likeMinded[$0], $1) }
        return Array(0..<likelyCount) + further.prefix(likeMindedCount).sorted()
    }

    /// Pairs of patches that a map brings together, of like scale and direction, and that look alike.
    private func guidedMatches(with other: LocalFeatures, map: PlaneMap) -> [PlaneMap.Correspondence] {
        let scale = Float(abs(map.a * map.e - map.b * map.d).squareRoot())
        let turn = Float(atan2(map.d, map.a))
        let reach = 0.012 * (1 + scale)
        // From left to right, so that only those around a place are looked at.
        let order = points.indices.sorted { (points[$0].x, $0) < (points[$1].x, $1) }
        let across = order.map { points[$0].x }
        var found: [PlaneMap.Correspondence] = []
        for (there, point) in other.points.enumerated() {
            let place = map(Double(point.x), Double(point.y))
            let (x, y) = (Float(place.x), Float(place.y))
            var best = (distance: Self.guidedDistance + 1, index: -1)
            for rank in Self.firstIndex(in: across, notBelow: x - reach)..<order.count {
                let index = order[rank], mine = points[index]
                guard mine.x < x + reach else { break }
                guard abs(mine.y - y) < reach, abs(log2(mine.size / (point.size * scale))) < 0.6,
                    Self.turn(mine.angle - point.angle - turn) < 0.5
                else { continue }
                let distance = (0..<4).reduce(0) {
                    $0 + (descriptors[4 * index + $1] ^ other.descriptors[4 * there + $1]).nonzeroBitCount
                }
                if distance < best.distance { best = (distance, index) }
            }
            if best.index >= 0 {
                found.append(
                    PlaneMap.Correspondence(
                        from: (Double(point.x), Double(point.y)),
                        to: (Double(points[best.index].x), Double(points[best.index].y))))
            }
        }
        return found
    }

    /// The first position of an ascending list whose value is not below another; the list's length when there is none.
    private static func firstIndex(in values: [Float], notBelow limit: Float) -> Int {
        var (low, high) = (0, values.count)
        while low < high {
            let middle = (low + high) / 2
            if values[middle] < limit { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Different places that pairs come from and go to: many patches of one corner speak once.
    private static func places(_ pairs: [PlaneMap.Correspondence]) -> Int {
        func cell(_ point: (x: Double, y: Double)) -> SIMD2<Int32> {
            SIMD2(Int32(max(-1, min(1, point.x)) * 48), Int32(max(-1, min(1, point.y)) * 48))
        }
        return min(Set(pairs.map { cell($0.from) }).count, Set(pairs.map { cell($0.to) }).count)
    }

    private static func inlierCount(
        of map: PlaneMap, _ pairs: [PlaneMap.Correspondence], tolerance: Double
    ) -> Int {
        let limit = tolerance * tolerance
        return pairs.withUnsafeBufferPointer { pairs in
            var count = 0
            for pair in pairs {
                let dx = map.a * pair.from.x + map.b * pair.from.y + map.c - pair.to.x
                let dy = map.d * pair.from.x + map.e * pair.from.y + map.f - pair.to.y
                if dx * dx + dy * dy < limit { count += 1 }
            }
            return count
        }
    }

    private static func inliers(
        of map: PlaneMap, _ pairs: [PlaneMap.Correspondence], tolerance: Double
    ) -> [Int] {
        let limit = tolerance * tolerance
        var found: [Int] = []
        for (index, pair) in pairs.enumerated() {
            let point = map(pair.from.x, pair.from.y)
            let (dx, dy) = (point.x - pair.to.x, point.y - pair.to.y)
            if dx * dx + dy * dy < limit { found.append(index) }
        }
        return found
    }

    /// How far two directions are apart, 0 to pi.
    private static func turn(_ angle: Float) -> Float { abs(angle.remainder(dividingBy: 2 * .pi)) }
}

extension PlaneMap {
    /// Whether a picture may have been laid like this: no side is stretched to more than 1.6 times the other, nothing
    /// is folded, the slant is moderate.
    var isPlausible: Bool {
        let area = abs(a * e - b * d)
        guard area > 1e-3 else { return false }
        let squares = a * a + b * b + d * d + e * e
        // The sum of squares is that of the two stretches, the area their product.
        return squares / area < 1.6 + 1 / 1.6 && abs(g) < 0.5 && abs(h) < 0.5
    }
}
