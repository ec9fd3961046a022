/// All pairs of 256-bit hashes within a Hamming distance, without comparing every pair.
///
/// Multi-index hashing (Norouzi, Punjani and Fleet, CVPR 2012): a hash is cut into 16 bands of 16 bits. Two hashes
/// at distance d ≤ 31 differ by at most one bit in at least one band, so every such pair meets when each hash looks
/// up, band by band, its own value and the 16 values one bit away. The result is exact for distances up to 31.
public enum HashJoin {
    /// The largest distance for which the join is exact.
    public static let largestDistance = 31
    private static let bandCount = 16

    /// A pair of positions in the input, the smaller first, and the Hamming distance of their hashes.
    public struct Pair: Sendable, Equatable {
        /// Positions in the input.
        public let first: Int, second: Int
        /// Bits that differ.
        public let distance: Int

        /// Makes a pair.
        public init(first: Int, second: Int, distance: Int) {
            self.first = first
            self.second = second
            self.distance = distance
        }
    }

    /// The pairs at a distance of at most `distance` (at most 31), in ascending order of their positions.
    ///
    /// Costs 272 look-ups a hash and one comparison for each candidate met there: about n²/240 comparisons of
    /// random hashes, more when many are alike. Memory: about 8 bytes a hash beside the result.
    public static func pairs(_ hashes: [SIMD4<UInt64>], within distance: Int) -> [Pair] {
        pairs(hashes, with: hashes, within: distance, isSymmetric: true)
    }

    /// The pairs of a hash of one list and a hash of another (of the same length) at a distance of at most
    /// `distance` (at most 31), in ascending order of their positions; a position is not paired with itself.
    ///
    /// `first` of a pair is the position in `hashes`, `second` that in `others`. With `isSymmetric`, hash i and other j
    /// are known to be as far apart as hash j and other i, and only pairs whose first position is the smaller are
    /// given. Costs as much as `pairs` of one list, or twice as much when it is not symmetric.
    public static func pairs(
        _ hashes: [SIMD4<UInt64>], with others: [SIMD4<UInt64>], within distance: Int,
        isSymmetric: Bool = false
    ) -> [Pair] {
        let limit = min(distance, largestDistance)
        guard limit >= 0, others.count < Int(UInt32.max) else { return [] }
        var found: [Pair] = []
        for band in 0..<bandCount {
            let table = BandTable(others, band: band)
            for (index, hash) in hashes.enumerated() {
                let value = band16(hash, band)
                for flip in 0...16 {
                    let probe = flip == 16 ? value : value ^ (1 << UInt16(flip))
                    for other in table[probe] where isSymmetric ? Int(other) > index : Int(other) != index {
                        let difference = hash ^ others[Int(other)]
                        let bits = bitCount(difference)
                        if bits <= limit, isFirstMeeting(difference, band: band) {
                            found.append(Pair(first: index, second: Int(other), distance: bits))
                        }
                    }
                }
            }
        }
        return found.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }

    /// Bits that differ between two hashes.
    @inlinable
    public static func distance(_ a: SIMD4<UInt64>, _ b: SIMD4<UInt64>) -> Int { bitCount(a ^ b) }

    @inlinable
    static func bitCount(_ words: SIMD4<UInt64>) -> Int {
        words[0].nonzeroBitCount + words[1].nonzeroBitCount + words[2].nonzeroBitCount
            + words[3].nonzeroBitCount
    }

    private static func band16(_ hash: SIMD4<UInt64>, _ band: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: hash[band / 4] >> UInt64(16 * (band % 4)))
    }

    /// Whether no earlier band brought the pair together already, so that each pair is counted once.
    private static func isFirstMeeting(_ difference: SIMD4<UInt64>, band: Int) -> Bool {
        for earlier in 0..<band where band16(difference, earlier).nonzeroBitCount <= 1 { return false }
        return true
    }

    /// The positions of the hashes by the value of one band.
    private struct BandTable {
        private var starts = [UInt32](repeating: 0, count: 65_537)
        private var positions: [UInt32]

        init(_ hashes: [SIMD4<UInt64>], band: Int) {
            positions = [UInt32](repeating: 0, count: hashes.count)
            for hash in hashes { starts[Int(band16(hash, band)) + 1] += 1 }
            for value in 1...65_536 { starts[value] += starts[value - 1] }
            var next = starts
            for (index, hash) in hashes.enumerated() {
                let value = Int(band16(hash, band))
                positions[Int(next[value])] = UInt32(index)
                next[value] += 1
            }
        }

        subscript(value: UInt16) -> ArraySlice<UInt32> {
            positions[Int(starts[Int(value)])..<Int(starts[Int(value) + 1])]
        }
    }
}
