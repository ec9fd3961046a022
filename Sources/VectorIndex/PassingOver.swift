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

    /// Takes note of what buckets are expected to hold; negative numbers do not count.
    mutating func add(_ expected: UnsafeBufferPointer<Float>) {
        sums.withUnsafeMutableBufferPointer { sums in
            for value in expected where value > 0 { sums[Self.number(value)] += value }
        }
    }

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
