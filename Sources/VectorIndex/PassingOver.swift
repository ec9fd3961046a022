#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Decides which buckets hold so little that they may be passed over together.
///
/// Sums are kept by magnitude instead of sorting: four classes to each power of two, so that what is passed over is
/// at most a fifth less than what might be.
struct PassingOver {
    /// Sign, exponent and two bits of the fraction of a Float.
    private static let classes = 1 << 11
    private static let shift: UInt32 = 21
    private var sums = [Float](repeating: 0, count: PassingOver.classes)

    /// Forgets everything.
    mutating func begin() {
        for index in sums.indices { sums[index] = 0 }
    }

    /// Takes note of what a bucket is expected to hold, zero or more.
    mutating func add(_ expected: Float) { sums[Self.number(expected)] += expected }

    /// The bound below which all noted numbers sum up to `missable` at most.
    func least(missable: Float) -> Float {
        var sum: Float = 0
        for (index, value) in sums.enumerated() {
            sum += value
            if sum > missable { return Float(bitPattern: UInt32(index) << Self.shift) }
        }
        return .infinity
    }

    private static func number(_ value: Float) -> Int { Int(max(0, value).bitPattern >> shift) }
}

/// How much of a normal distribution lies beyond a number of standard deviations.
enum NormalTail {
    private static let steps = 64
    private static let limit = 8
    private static let table: [Float] = (0..<2 * limit * steps).map { index in
        let x = Double(index) / Double(steps) - Double(limit)
        return Float(erfc(x / 2.0.squareRoot()) / 2)
    }

    /// The share above `x` standard deviations, rounded up to a step of 1/64; NaN counts as everything.
    static func above(_ x: Float) -> Float {
        guard x > Float(-limit) else { return 1 }
        let index = (x + Float(limit)) * Float(steps)
        guard index < Float(table.count) else { return x.isNaN ? 1 : 0 }
        return table[Int(index)]
    }
}
