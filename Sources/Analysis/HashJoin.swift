import CKernels

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
    /// Costs one comparison for each two hashes met under a value: about n²/480 of random hashes (50 ms for 10,000, 8 s for
    /// a million), more when many are alike. Memory: 44 bytes a hash beside the result.
    public static func pairs(_ hashes: [SIMD4<UInt64>], within distance: Int) -> [Pair] {
        var found: [Pair] = []
        for band in 0..<bandCount {
            let table = BandTable(hashes, band: band)
            table.join(with: table, isSelf: true, band: band, distance: distance) { first, second, bits in
                found.append(Pair(first: min(first, second), second: max(first, second), distance: bits))
            }
        }
        return found.sorted { ($0.first, $0.second) < ($1.first, $1.second) }
    }

    /// The pairs of a hash of one list and a hash of another (of the same length) at a distance of at most
    /// `distance` (at most 31), in ascending order of their positions; a position is not paired with itself.
    ///
    /// `first` of a pair is the position in `hashes`, `second` that in `others`. With `isSymmetric`, hash i and other j
    /// are known to be as far apart as hash j and other i, and only pairs whose first position is the smaller are
    /// given. Costs twice as much as `pairs` of one list, and 84 bytes a hash.
    public static func pairs(
        _ hashes: [SIMD4<UInt64>], with others: [SIMD4<UInt64>], within distance: Int,
        isSymmetric: Bool = false
    ) -> [Pair] {
        var found: [Pair] = []
        for band in 0..<bandCount {
            let table = BandTable(others, band: band)
            BandTable(hashes, band: band).join(with: table, isSelf: false, band: band, distance: distance) {
                if isSymmetric ? $0 < $1 : $0 != $1 {
                    found.append(Pair(first: $0, second: $1, distance: $2))
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

    /// The hashes by the value of one band.
    private struct BandTable {
        private var starts = [Int](repeating: 0, count: 65_537)
        /// The words of the hashes in the order of their values, so that a bucket is read through; and their positions.
        private var words: [UInt64], positions: [Int]

        init(_ hashes: [SIMD4<UInt64>], band: Int) {
            words = [UInt64](repeating: 0, count: 4 * hashes.count)
            positions = [Int](repeating: 0, count: hashes.count)
            for hash in hashes { starts[Int(band16(hash, band)) + 1] += 1 }
            for value in 1...65_536 { starts[value] += starts[value - 1] }
            var next = starts
            for (position, hash) in hashes.enumerated() {
                let place = next[Int(band16(hash, band))]
                next[Int(band16(hash, band))] += 1
                for word in 0..<4 { words[4 * place + word] = hash[word] }
                positions[place] = position
            }
        }

        private subscript(value: UInt16) -> Range<Int> { starts[Int(value)]..<starts[Int(value) + 1] }

        private func hash(at place: Int) -> SIMD4<UInt64> {
            SIMD4(words[4 * place], words[4 * place + 1], words[4 * place + 2], words[4 * place + 3])
        }

        /// Calls `body` with the positions and the distance of each pair that this band is the first to bring together.
        ///
        /// Hashes of one value ask together, so that the seventeen buckets they look into stay in the cache. Joined with
        /// itself, a table gives each pair once.
        func join(
            with other: BandTable, isSelf: Bool, band: Int, distance: Int, _ body: (Int, Int, Int) -> Void
        ) {
            guard distance >= 0 else { return }
            let limit = UInt32(min(distance, largestDistance))
            var places = [UInt32](repeating: 0, count: other.positions.count)
            for value in UInt16.min ... .max where !self[value].isEmpty {
                for flip in 0...16 {
                    let probe = flip == 16 ? value : value ^ (1 << UInt16(flip))
                    if isSelf, probe < value { continue }
                    let bucket = other[probe]
                    for asking in self[value] {
                        let first = isSelf && probe == value ? asking + 1 : bucket.lowerBound
                        guard first < bucket.upperBound else { continue }
                        let count = words[(4 * asking)...].withUnsafeBufferPointer { query in
                            other.words[(4 * first)...].withUnsafeBufferPointer { rows in
                                guard let query = query.baseAddress, let rows = rows.baseAddress else {
                                    return 0
                                }
                                return ck_hamming_within(
                                    query, rows, bucket.upperBound - first, limit, &places)
                            }
                        }
                        for place in places[..<count] {
                            let met = first + Int(place)
                            let difference = hash(at: asking) ^ other.hash(at: met)
                            guard isFirstMeeting(difference, band: band) else { continue }
                            body(positions[asking], other.positions[met], bitCount(difference))
                        }
                    }
                }
            }
        }
    }
}
