/// A set of row numbers below a bound, one bit each.
struct RowBitmap: Sendable, Equatable {
    let rows: Int
    private(set) var words: [UInt64]
    /// How many rows are in the set.
    private(set) var count: Int

    /// The empty set of rows below `rows`.
    init(rows: Int) {
        self.rows = rows
        words = [UInt64](repeating: 0, count: (rows + 63) / 64)
        count = 0
    }

    /// The set that stored words stand for; nil when their number is wrong or bits beyond the bound are set.
    init?(rows: Int, words: [UInt64]) {
        guard words.count == (rows + 63) / 64 else { return nil }
        if rows % 64 != 0, let last = words.last, last >> UInt64(rows % 64) != 0 { return nil }
        self.rows = rows
        self.words = words
        count = words.reduce(0) { $0 + $1.nonzeroBitCount }
    }

    /// Whether a row below the bound is in the set.
    func contains(_ row: Int) -> Bool { words[row >> 6] >> UInt64(row & 63) & 1 != 0 }

    /// Puts a row into the set.
    mutating func insert(_ row: Int) {
        if contains(row) { return }
        words[row >> 6] |= 1 << UInt64(row & 63)
        count += 1
    }

    /// The rows that are not in the set.
    var complement: RowBitmap {
        var result = RowBitmap(rows: rows)
        result.words = words.map { ~$0 }
        if rows % 64 != 0 { result.words[result.words.count - 1] &= (1 << UInt64(rows % 64)) - 1 }
        result.count = rows - count
        return result
    }

    /// The members in increasing order.
    var members: [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(count)
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                result.append(UInt32(index * 64 + rest.trailingZeroBitCount))
                rest &= rest - 1
            }
        }
        return result
    }
}
