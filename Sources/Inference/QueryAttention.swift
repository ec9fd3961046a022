import COneDNN

/// Attention of one query per sequence over all its rows: softmax(q kᵀ / √d) v per head.
///
/// What attention pooling does with a learned query, or with the mean of the rows.
public struct QueryAttention: Sendable {
    private let heads: Int

    /// Attention with so many heads.
    public init(heads: Int) {
        precondition(heads > 0)
        self.heads = heads
    }

    /// The mixed values [sequences, width] of `keysValues` [sequences * length, 2 * width], each row keys then
    /// values, under `queries` [sequences, width], or [1, width] for all.
    public func callAsFunction(_ queries: Tensor, _ keysValues: Tensor, length: Int) -> Tensor {
        precondition(length > 0 && keysValues.shape[0] % length == 0)
        let starts = stride(from: 0, to: keysValues.shape[0], by: length)
        return self(queries, keysValues, over: starts.map { $0..<$0 + length })
    }

    /// The same, [ranges, width], where each query looks at rows of its own, one range of `keysValues` a query.
    public func callAsFunction(_ queries: Tensor, _ keysValues: Tensor, over ranges: [Range<Int>]) -> Tensor {
        let width = queries.shape[1], all = 0..<keysValues.shape[0]
        precondition(width % heads == 0 && keysValues.shape[1] == 2 * width)
        precondition(queries.shape[0] == ranges.count || queries.shape[0] == 1)
        precondition(ranges.allSatisfy { !$0.isEmpty && $0.clamped(to: all) == $0 })
        var mixed = Tensor(uninitialized: [ranges.count, width])
        var scores = Tensor(uninitialized: [ranges.map(\.count).max() ?? 0])
        let step = queries.shape[0] == 1 ? 0 : width
        mixed.write { mixed in
            scores.write { scores in
                queries.read { queries in
                    keysValues.read { rows in
                        for (index, range) in ranges.enumerated() {
                            let keys = rows + range.lowerBound * 2 * width
                            cdnn_query_attention(
                                range.count, heads, width / heads, 2 * width, queries + index * step, keys,
                                keys + width, mixed + index * width, scores)
                        }
                    }
                }
            }
        }
        return mixed
    }
}
