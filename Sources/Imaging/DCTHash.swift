/// A 64-bit perceptual hash from the low frequencies of the cosine transform ("pHash").
///
/// Equal to `phash` of the Python package ImageHash 4.3: luma, 32 x 32 by Lanczos, 8 x 8 low frequencies including
/// the mean, one bit for each above their median. Source: hackerfactor.com, "Looks Like It" (2011).
public struct DCTHash: Sendable, Hashable, CustomStringConvertible {
    /// The bits; the lowest frequency is the highest bit, frequencies across run first.
    public let bits: UInt64

    /// A hash read back from its bits.
    public init(bits: UInt64) { self.bits = bits }

    private static let basis = CosineBasis(size: 32, frequencies: 0..<8)

    /// Hashes a picture of at least one pixel. Costs its resize to 32 x 32 and some 10,000 multiplications.
    public init(_ picture: PixelBuffer) {
        let levels = Luma(picture).resized(width: 32, height: 32, filter: .lanczos).levels
        let basis = Self.basis.values
        var columns = [Double](repeating: 0, count: 8 * 32)  // frequency down, column
        for k in 0..<8 {
            for x in 0..<32 {
                columns[k * 32 + x] = (0..<32).reduce(0) {
                    $0 + basis[k * 32 + $1] * Double(levels[$1 * 32 + x])
                }
            }
        }
        var low = [Double](repeating: 0, count: 64)
        for k in 0..<8 {
            for l in 0..<8 {
                low[8 * k + l] = (0..<32).reduce(0) { $0 + basis[l * 32 + $1] * columns[k * 32 + $1] }
            }
        }
        let sorted = low.sorted()
        let median = (sorted[31] + sorted[32]) / 2
        bits = low.reduce(0) { $0 << 1 | ($1 > median ? 1 : 0) }
    }

    /// The number of bits that differ, 0...64; copies of a picture are mostly within 10.
    public func distance(to other: DCTHash) -> Int { (bits ^ other.bits).nonzeroBitCount }

    /// Sixteen hexadecimal digits.
    public var description: String {
        let digits = String(bits, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
