#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A map of one picture's plane onto another's: projective, x' = (a x + b y + c) / (g x + h y + 1) and so on.
public struct PlaneMap: Sendable, Equatable {
    /// The coefficients a, b, c of x', d, e, f of y', and g, h of what both are divided by.
    public var a: Double, b: Double, c: Double, d: Double, e: Double, f: Double, g: Double, h: Double

    /// A map with these coefficients; without `g` and `h` it keeps parallels parallel.
    public init(
        a: Double, b: Double, c: Double, d: Double, e: Double, f: Double, g: Double = 0, h: Double = 0
    ) {
        (self.a, self.b, self.c, self.d, self.e, self.f, self.g, self.h) = (a, b, c, d, e, f, g, h)
    }

    /// The map that moves nothing.
    public static let identity = PlaneMap(a: 1, b: 0, c: 0, d: 0, e: 1, f: 0)

    /// Where a point goes.
    @inlinable
    public func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) {
        let w = 1 / (g * x + h * y + 1)
        return ((a * x + b * y + c) * w, (d * x + e * y + f) * w)
    }

    /// The map back; nil when this one folds the plane together.
    public var inverse: PlaneMap? {
        let corner = a * e - b * d
        guard corner.isFinite, abs(corner) > 1e-9 else { return nil }
        let map = PlaneMap(
            a: (e - f * h) / corner, b: (c * h - b) / corner, c: (b * f - c * e) / corner,
            d: (f * g - d) / corner, e: (a - c * g) / corner, f: (c * d - a * f) / corner,
            g: (d * h - e * g) / corner, h: (b * g - a * h) / corner)
        return map.isFinite ? map : nil
    }

    /// Whether this map takes the corners of a frame no further than `limit` from where another map takes them.
    func moves(_ width: Double, _ height: Double, atMost limit: Double, from other: PlaneMap) -> Bool {
        [(0, 0), (width, 0), (0, height), (width, height)].allSatisfy { x, y in
            let (mine, others) = (self(x, y), other(x, y))
            return hypot(mine.x - others.x, mine.y - others.y) <= limit
        }
    }

    /// This map after another.
    public func after(_ first: PlaneMap) -> PlaneMap? {
        let (m, n) = (self, first)
        let scale = m.g * n.c + m.h * n.f + 1
        guard scale.isFinite, abs(scale) > 1e-9 else { return nil }
        return PlaneMap(
            a: (m.a * n.a + m.b * n.d + m.c * n.g) / scale, b: (m.a * n.b + m.b * n.e + m.c * n.h) / scale,
            c: (m.a * n.c + m.b * n.f + m.c) / scale, d: (m.d * n.a + m.e * n.d + m.f * n.g) / scale,
            e: (m.d * n.b + m.e * n.e + m.f * n.h) / scale, f: (m.d * n.c + m.e * n.f + m.f) / scale,
            g: (m.g * n.a + m.h * n.d + n.g) / scale, h: (m.g * n.b + m.h * n.e + n.h) / scale)
    }

    /// The shares of two pictures that lie on each other, when this map lays the second on the first; nil when it turns
    /// a corner of the second over. Sides are in shares of each picture's longer one.
    ///
    /// The second picture's outline, cut along the sides of the first (Sutherland and Hodgman, CACM 1974).
    func coverage(
        ofFirst first: (width: Double, height: Double), second: (width: Double, height: Double)
    ) -> (first: Double, second: Double)? {
        typealias Point = (x: Double, y: Double)
        guard let back = inverse, first.width * first.height > 0, second.width * second.height > 0 else {
            return nil
        }
        var outline: [Point] = []
        for (x, y) in [(0.0, 0.0), (second.width, 0), (second.width, second.height), (0, second.height)] {
            guard g * x + h * y + 1 > 0.1 else { return nil }
            outline.append(self(x, y))
        }
        func cut(_ side: (Point) -> Double) {
            let before = outline
            outline = []
            for (index, point) in before.enumerated() {
                let next = before[(index + 1) % before.count]
                let (here, there) = (side(point), side(next))
                if here >= 0 { outline.append(point) }
                if (here < 0) != (there < 0) {
                    let share = here / (here - there)
                    outline.append(
                        (point.x + share * (next.x - point.x), point.y + share * (next.y - point.y)))
                }
            }
        }
        cut { $0.x }
        cut { $0.y }
        cut { first.width - $0.x }
        cut { first.height - $0.y }
        func area(_ points: [Point]) -> Double {
            var sum = 0.0
            for (index, point) in points.enumerated() {
                let next = points[(index + 1) % points.count]
                sum += point.x * next.y - next.x * point.y
            }
            return abs(sum) / 2
        }
        return (
            min(1, area(outline) / (first.width * first.height)),
            min(1, area(outline.map { back($0.x, $0.y) }) / (second.width * second.height))
        )
    }

    /// The box around the part of a first picture that a second one covers, when this map lays it there; nil when they
    /// hardly overlap, or when it turns a corner of the second over.
    func overlap(
        ofFirst first: (width: Double, height: Double), second: (width: Double, height: Double)
    ) -> (x: Double, y: Double, width: Double, height: Double)? {
        var (left, top, right, bottom) = (
            Double.infinity, Double.infinity, -Double.infinity, -Double.infinity
        )
        for (x, y) in [(0.0, 0.0), (1, 0), (0, 1), (1, 1)] {
            guard g * x * second.width + h * y * second.height + 1 > 0.1 else { return nil }
            let corner = self(x * second.width, y * second.height)
            (left, top) = (min(left, corner.x), min(top, corner.y))
            (right, bottom) = (max(right, corner.x), max(bottom, corner.y))
        }
        (left, top, right, bottom) = (
            max(left, 0), max(top, 0), min(right, first.width), min(bottom, first.height)
        )
        guard right - left > 0.02, bottom - top > 0.02 else { return nil }
        return (left, top, right - left, bottom - top)
    }

    var isFinite: Bool { [a, b, c, d, e, f, g, h].allSatisfy(\.isFinite) }

    /// A pair of points that belong together.
    struct Correspondence {
        var from: (x: Double, y: Double), to: (x: Double, y: Double)
    }

    /// The turn, scale and shift that take two points onto two; nil when the points are one.
    static func similarity(_ p: Correspondence, _ q: Correspondence) -> PlaneMap? {
        let (ux, uy) = (q.from.x - p.from.x, q.from.y - p.from.y)
        let (vx, vy) = (q.to.x - p.to.x, q.to.y - p.to.y)
        let square = ux * ux + uy * uy
        guard square > 1e-6 else { return nil }
        let cosine = (ux * vx + uy * vy) / square, sine = (ux * vy - uy * vx) / square
        return PlaneMap(
            a: cosine, b: -sine, c: p.to.x - cosine * p.from.x + sine * p.from.y, d: sine, e: cosine,
            f: p.to.y - sine * p.from.x - cosine * p.from.y)
    }

    /// The best map of some kind in the sense of least squares; nil when the points do not determine one.
    static func fitted(_ kind: Kind, to pairs: [Correspondence]) -> PlaneMap? {
        var sums = NormalEquations(unknowns: kind.unknowns)
        for pair in pairs {
            let (x, y) = pair.from, (u, v) = pair.to
            switch kind {
            case .similarity:
                sums.add([x, -y, 1, 0], u)
                sums.add([y, x, 0, 1], v)
            case .affine:
                sums.add([x, y, 1, 0, 0, 0], u)
                sums.add([0, 0, 0, x, y, 1], v)
            case .projective:
                sums.add([x, y, 1, 0, 0, 0, -u * x, -u * y], u)
                sums.add([0, 0, 0, x, y, 1, -v * x, -v * y], v)
            }
        }
        guard let s = sums.solution() else { return nil }
        let map =
            switch kind {
            case .similarity: PlaneMap(a: s[0], b: -s[1], c: s[2], d: s[1], e: s[0], f: s[3])
            case .affine: PlaneMap(a: s[0], b: s[1], c: s[2], d: s[3], e: s[4], f: s[5])
            case .projective:
                PlaneMap(a: s[0], b: s[1], c: s[2], d: s[3], e: s[4], f: s[5], g: s[6], h: s[7])
            }
        return map.isFinite ? map : nil
    }

    /// What a map may do.
    enum Kind {
        case similarity, affine, projective

        var unknowns: Int {
            switch self {
            case .similarity: 4
            case .affine: 6
            case .projective: 8
            }
        }
    }
}

/// Sums for least squares, solved by elimination with pivots.
private struct NormalEquations {
    private let count: Int
    private var rows: [[Double]]

    init(unknowns: Int) {
        count = unknowns
        rows = [[Double]](repeating: [Double](repeating: 0, count: unknowns + 1), count: unknowns)
    }

    mutating func add(_ factors: [Double], _ value: Double) {
        for i in 0..<count where factors[i] != 0 {
            for j in 0..<count { rows[i][j] += factors[i] * factors[j] }
            rows[i][count] += factors[i] * value
        }
    }

    func solution() -> [Double]? {
        var m = rows
        for column in 0..<count {
            guard let pivot = (column..<count).max(by: { abs(m[$0][column]) < abs(m[$1][column]) }),
                abs(m[pivot][column]) > 1e-10
            else { return nil }
            m.swapAt(column, pivot)
            for row in 0..<count where row != column {
                let factor = m[row][column] / m[column][column]
                if factor != 0 { for k in column...count { m[row][k] -= factor * m[column][k] } }
            }
        }
        return (0..<count).map { m[$0][count] / m[$0][$0] }
    }
}
