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
        let width = queries.shape[1], sequences = keysValues.shape[0] / length
        precondition(length > 0 && width % heads == 0 && keysValues.shape == [sequences * length, 2 * width])
        precondition(queries.shape[0] == sequences || queries.shape[0] == 1)
        var mixed = Tensor(uninitialized: [sequences, width]), scores = Tensor(uninitialized: [length])
        let step = queries.shape[0] == 1 ? 0 : width
        mixed.write { mixed in
            scores.write { scores in
                queries.read { queries in
                    keysValues.read { rows in
                        for index in 0..<sequences {
                            let keys = rows + index * length * 2 * width
                            cdnn_query_attention(
                                length, heads, width / heads, 2 * width, queries + index * step, keys,
                                keys + width, mixed + index * width, scores)
                        }
                    }
                }
            }
        }
        return mixed
    }
}
