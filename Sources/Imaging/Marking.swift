/// Which of two pictures that lie whole on each other is the other one with something laid over a part of it: words, a
/// watermark, a bar with a caption.
public struct Marking: Sendable, Equatable {
    /// Whether the first of the two is the marked one.
    public let isFirst: Bool
    /// The share of the picture that differs for it.
    public let covered: Double
}

extension PicturePlanes {
    /// Which of this picture and another one, laid on it, is marked; nil when neither is for certain.
    ///
    /// What is laid over a photograph ends in edges that are not in the photograph: where the two begin to differ, brightness
    /// jumps in the marked one and goes on as before in the other. A large plain area, as of a bar, tells by its being plain, too,
    /// and where the two signs contradict each other there is none. A picture that is blurred, enhanced or recoloured as
    /// a whole differs otherwise. Costs some 2 ms, and is asked of
    /// pairs that match, or that may if one is only marked.
    func marking(
        of other: PicturePlanes, laid map: PlaneMap, _ comparison: PictureComparison
    ) -> Marking? {
        let coverage = comparison.coverage
        guard min(coverage.first, coverage.second) >= 0.95, comparison.colour ?? 1 >= 0.7,
            let back = map.inverse,
            let window = map.overlap(ofFirst: (width, height), second: (other.width, other.height))
        else { return nil }
        let step = max(window.width, window.height) / 224
        guard step > 1e-4 else { return nil }
        var grid = SampleGrid(width: Int(window.width / step), height: Int(window.height / step))
        guard min(grid.width, grid.height) >= 24 else { return nil }
        grid.fill(
            first: plane(for: step), second: other.plane(for: step), longerFirst: max(width, height),
            window: (window.x, window.y, step), back: back, sizes: (width, height, other.width, other.height))
        return DifferenceMap(grid)?.marking
    }

    /// Of the places where one of two pictures that lie whole on each other has detail, the share that is as bright in the
    /// other, give or take a little: all of a photograph that words were laid over but what they cover.
    ///
    /// Nil when there are hardly any such places.
    func unchangedShare(of other: PicturePlanes) -> Float? {
        let map = PlaneMap(a: width / other.width, b: 0, c: 0, d: 0, e: height / other.height, f: 0)
        guard let back = map.inverse else { return nil }
        let step = max(width, height) / 112
        var grid = SampleGrid(width: Int(width / step), height: Int(height / step))
        grid.fill(
            first: plane(for: step), second: other.plane(for: step), longerFirst: max(width, height),
            window: (0, 0, step), back: back, sizes: (width, height, other.width, other.height))
        let bright = (grid.first, grid.second)
        grid.removeSlowChanges()
        func share(_ detail: [Float]) -> (same: Int, all: Int) {
            var found = (same: 0, all: 0)
            for place in detail.indices where grid.mask[place] > 0 && abs(detail[place]) > 8 {
                found.all += 1
                if abs(bright.0[place] - bright.1[place]) <= max(4, 0.3 * abs(detail[place])) {
                    found.same += 1
                }
            }
            return found
        }
        let found = [share(grid.first), share(grid.second)].filter { $0.all >= 200 }
        return found.map { Float($0.same) / Float($0.all) }.max()
    }
}

/// Where two pictures differ after one was given the other's brightness and contrast.
private struct DifferenceMap {
    private let width: Int, height: Int
    /// The first picture with the second's brightness, and the second.
    private let first: [Float], second: [Float]
    /// Where they differ, in patches; where they are the same; and where there are patches near by.
    private var differs: [Bool], isSame: [Bool], isNear: [Bool]
    private var count = 0

    private static let leastShare = 0.0015, mostShare = 0.4

    /// Nil when the two are no more alike elsewhere than they are there, or differ hardly or too much.
    init?(_ grid: SampleGrid) {
        (width, height) = (grid.width, grid.height)
        guard let (factor, offset, noise) = Self.brightness(grid), (0.8...1.25).contains(factor), noise <= 8
        else {
            return nil
        }
        let limit = max(12, 4 * noise)
        first = grid.first.map { factor * $0 + offset }
        second = grid.second
        var marks = [Bool](repeating: false, count: width * height)
        isSame = marks
        for place in marks.indices where grid.mask[place] > 0 {
            let there = (second[place] - offset) / factor
            // What a change of brightness has driven to black or white is no mark.
            guard (-8...263).contains(first[place]), (-8...263).contains(there) else { continue }
            let difference = abs(second[place] - first[place])
            marks[place] = difference > limit
            isSame[place] = difference < limit / 2
        }
        let neighbours = Self.neighbours(marks, width, height)
        differs = marks.indices.map { marks[$0] && neighbours[$0] >= 3 }
        count = differs.count { $0 }
        isNear = zip(differs, Self.neighbours(differs, width, height)).map { $0 || $1 > 0 }
        let share = Double(count) / Double(max(1, grid.inside))
        guard (Self.leastShare...Self.mostShare).contains(share), 2 * count >= marks.count(where: { $0 })
        else {
            return nil
        }
    }

    /// The factor and offset that give the first picture the second's brightness in four fifths of the places, and how far the
    /// two are apart there.
    private static func brightness(_ grid: SampleGrid) -> (factor: Float, offset: Float, noise: Float)? {
        // One place of three says enough.
        let all = stride(from: 0, to: grid.mask.count, by: 3).filter { grid.mask[$0] > 0 }
        guard all.count >= 200 else { return nil }
        var kept = all, apart = [Float](repeating: 0, count: all.count)
        var fit: (factor: Float, offset: Float, noise: Float) = (1, 0, 0)
        for _ in 0..<4 {
            var sums = Pair()
            for place in kept { sums.add(grid.first[place] - 128, grid.second[place] - 128) }
            let factor = sums.varianceA > 4 ? min(5, max(0.2, sums.covariance / sums.varianceA)) : 1
            let offset = sums.b / sums.count + 128 - factor * (sums.a / sums.count + 128)
            // In eighths of a level, counted instead of sorted.
            var counts = [Int](repeating: 0, count: 2048)
            for (index, place) in all.enumerated() {
                apart[index] = abs(grid.second[place] - factor * grid.first[place] - offset)
                counts[Int(min(2047, apart[index] * 8))] += 1
            }
            var limit = 0, within = 0
            while limit < counts.count, within < all.count * 4 / 5 {
                within += counts[limit]
                limit += 1
            }
            var squares: Float = 0
            kept.removeAll(keepingCapacity: true)
            for (place, distance) in zip(all, apart) where distance * 8 < Float(limit) {
                kept.append(place)
                squares += distance * distance
            }
            guard !kept.isEmpty else { return nil }
            fit = (factor, offset, (squares / Float(kept.count)).squareRoot())
        }
        return fit
    }

    /// How many of the eight around each place are set.
    private static func neighbours(_ set: [Bool], _ width: Int, _ height: Int) -> [Int] {
        var counts = [Int](repeating: 0, count: set.count)
        for row in 0..<height {
            for column in 0..<width where set[row * width + column] {
                for y in max(0, row - 1)...min(height - 1, row + 1) {
                    for x in max(0, column - 1)...min(width - 1, column + 1) where y != row || x != column {
                        counts[y * width + x] += 1
                    }
                }
            }
        }
        return counts
    }

    var marking: Marking? {
        guard isAsSharp, let isFirst = markedOne else { return nil }
        return Marking(isFirst: isFirst, covered: Double(count) / Double(width * height))
    }

    /// Whether the first is the marked one; nil when that cannot be told.
    private var markedOne: Bool? {
        let byEdges = self.byEdges
        // Words are lines; a bar has an inside.
        let full = Self.neighbours(differs, width, height)
        let inside = differs.indices.count { differs[$0] && full[$0] == 8 }
        guard Double(inside) >= 0.35 * Double(count), byEdges?.isBeyondDoubt != true, let byPlainness else {
            return byEdges?.isFirst
        }
        return byEdges.map { $0.isFirst == byPlainness } ?? true ? byPlainness : nil
    }

    /// What the jumps of brightness say where the pictures begin to differ, and whether they leave nothing open.
    private var byEdges: (isFirst: Bool, isBeyondDoubt: Bool)? {
        var jumps: (first: Float, second: Float) = (0, 0), pairs: Float = 0
        forEachPair(apart: 2) { a, b in
            guard differs[a] && isSame[b] || differs[b] && isSame[a] else { return }
            jumps.first += abs(first[a] - first[b])
            jumps.second += abs(second[a] - second[b])
            pairs += 1
        }
        let most = max(jumps.first, jumps.second), least = min(jumps.first, jumps.second)
        guard pairs >= 40, most >= 1.4 * least, most >= 10 * pairs else { return nil }
        return (jumps.first > jumps.second, most >= 4 * least && most >= 20 * pairs)
    }

    /// What the two most frequent brightnesses say, where the pictures differ: those of a bar and of the words on it.
    private var byPlainness: Bool? {
        let shares = (plainShare(first), plainShare(second))
        if shares.1 >= 0.75, shares.0 <= shares.1 - 0.15 { return false }
        return shares.0 >= 0.75 && shares.1 <= shares.0 - 0.15 ? true : nil
    }

    private func plainShare(_ values: [Float]) -> Double {
        var levels = [Int](repeating: 0, count: 256), sum = 0
        for place in differs.indices where differs[place] {
            levels[Int(min(255, max(0, values[place].rounded())))] += 1
        }
        for _ in 0..<2 {
            func near(_ level: Int) -> ClosedRange<Int> { max(0, level - 8)...min(255, level + 8) }
            let best = levels.indices.map { levels[near($0)].reduce(0, +) }
            guard let most = best.indices.max(by: { best[$0] < best[$1] }) else { break }
            sum += best[most]
            for level in near(most) { levels[level] = 0 }
        }
        return Double(sum) / Double(max(1, count))
    }

    /// Whether the pictures are equally sharp away from the marks: a blurred or sharpened one differs at all edges.
    private var isAsSharp: Bool {
        var steps: (first: Float, second: Float) = (0, 0)
        forEachPair(apart: 1) { a, b in
            guard !isNear[a], !isNear[b] else { return }
            steps.first += abs(first[a] - first[b])
            steps.second += abs(second[a] - second[b])
        }
        return steps.second >= 0.85 * steps.first && steps.first >= 0.85 * steps.second
    }

    /// Places beside and above each other.
    private func forEachPair(apart distance: Int, _ body: (Int, Int) -> Void) {
        for row in 0..<height {
            for column in 0..<width {
                let place = row * width + column
                if column >= distance { body(place, place - distance) }
                if row >= distance { body(place, place - distance * width) }
            }
        }
    }
}
