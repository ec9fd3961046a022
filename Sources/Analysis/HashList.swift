import CKernels

/// 256-bit hashes, one after the other, to be compared with one at a time, at any distance.
public struct HashList: Sendable {
    private let words: [UInt64]

    /// Lays hashes out, 32 bytes each.
    public init(_ hashes: [SIMD4<UInt64>]) {
        words = hashes.flatMap { [$0[0], $0[1], $0[2], $0[3]] }
    }

    /// The positions of the hashes that differ from the query in at most `distance` bits, in ascending order.
    ///
    /// Costs a comparison with each.
    public func positions(within distance: Int, of query: SIMD4<UInt64>) -> [Int] {
        let query = [query[0], query[1], query[2], query[3]], count = words.count / 4
        return withUnsafeTemporaryAllocation(of: UInt32.self, capacity: max(1, count)) { places in
            guard distance >= 0, let places = places.baseAddress else { return [] }
            let found = query.withUnsafeBufferPointer { query in
                words.withUnsafeBufferPointer { rows in
                    guard let query = query.baseAddress, let rows = rows.baseAddress else { return 0 }
                    return ck_hamming_within(query, rows, count, UInt32(min(distance, 256)), places)
                }
            }
            return (0..<found).map { Int(places[$0]) }
        }
    }
}
