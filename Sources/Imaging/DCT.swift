#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Rows of the DCT-II basis: `rows[k][j] = cos(pi / (2 n) * (first + k) * (2 j + 1))`.
struct CosineBasis {
    let count: Int
    let size: Int
    /// `count * size` values, row by row.
    let values: [Double]

    init(size: Int, frequencies: Range<Int>) {
        self.size = size
        count = frequencies.count
        values = frequencies.flatMap { frequency in
            (0..<size).map { cos(Double.pi / 2 / Double(size) * Double(frequency) * Double(2 * $0 + 1)) }
        }
    }
}
