import COneDNN

/// Attention of one query per sequence over all its rows: softmax(q kᵀ / √d) v per head.
///
/// What attention pooling does with a learned query, or with the mean of the rows, and the last layer of a tower that is
/// read at one token. Keys and values are not computed: q (Wk x) is (q Wk) x, and Σ a Wv x is Wv Σ a x. That takes
/// 2 width (width + heads · rows) products a sequence instead of 2 width² · rows, in floats, from weights as they stand in
/// the file.
public struct QueryAttention: Sendable {
    private let heads: Int
    private let keys: Weights, values: Weights
    private let valueBias: [Float]?

    /// Attention whose keys and values are a map's outputs, keys first.
    public init(heads: Int, keysValues: Linear) {
        let width = keysValues.outputs / 2
        precondition(heads > 0 && width % heads == 0 && keysValues.outputs == 2 * width)
        self.heads = heads
        keys = keysValues.weights(0..<width)
        values = keysValues.weights(width..<2 * width)
        valueBias = keysValues.bias.map { Array($0[width...]) }
    }

    /// Coordinates of a query, and of what is mixed for it.
    private var width: Int { keys.shape[0] }

    /// The mixed values [sequences, width] of `rows` [sequences * length, inputs] under `queries` [sequences, width], or
    /// [1, width] for all.
    public func callAsFunction(_ queries: Tensor, _ rows: Tensor, length: Int) -> Tensor {
        precondition(length > 0 && rows.shape[0] % length == 0)
        let starts = stride(from: 0, to: rows.shape[0], by: length)
        return self(queries, rows, over: starts.map { $0..<$0 + length })
    }

    /// The same, [ranges, width], where each query looks at rows of its own, one range of `rows` a query.
    public func callAsFunction(_ queries: Tensor, _ rows: Tensor, over ranges: [Range<Int>]) -> Tensor {
        let inputs = keys.shape[1], all = 0..<rows.shape[0], common = queries.shape[0] == 1
        precondition(queries.shape[1] == width && rows.shape[1] == inputs)
        precondition(common || queries.shape[0] == ranges.count)
        precondition(ranges.allSatisfy { !$0.isEmpty && $0.clamped(to: all) == $0 })
        let asked = self.asked(by: queries)
        var mixed = Tensor(uninitialized: [heads, ranges.count, inputs])
        var scores = Tensor(uninitialized: [heads, ranges.map(\.count).max() ?? 0])
        let scale = 1 / Float(width / heads).squareRoot()
        mixed.write { mixed in
            scores.write { scores in
                asked.read { asked in
                    rows.read { rows in
                        for (index, range) in ranges.enumerated() {
                            cdnn_query_attention(
                                range.count, heads, inputs, scale, asked + (common ? 0 : index * inputs),
                                queries.shape[0] * inputs, rows + range.lowerBound * inputs,
                                mixed + index * inputs, ranges.count * inputs, scores)
                        }
                    }
                }
            }
        }
        return valuesOf(mixed)
    }

    /// What the queries ask of the rows: q Wk per head, [heads, queries, inputs].
    private func asked(by queries: Tensor) -> Tensor {
        let count = queries.shape[0], inputs = keys.shape[1], size = width / heads
        var asked = Tensor(uninitialized: [heads, count, inputs])
        forEachHead(of: keys, from: queries, to: &asked) { head, own, queries, asked, scratch in
            cdnn_turned_skinny(
                count, size, inputs, queries + head * size, width, own.bytes.baseAddress, own.type.native,
                asked + head * count * inputs, scratch)
        }
        return asked
    }

    /// The values of mixed rows [heads, count, inputs]: [count, width].
    private func valuesOf(_ mixed: Tensor) -> Tensor {
        let count = mixed.shape[1], inputs = mixed.shape[2], size = width / heads
        var result = Tensor(uninitialized: [count, width])
        forEachHead(of: values, from: mixed, to: &result) { head, own, mixed, result, scratch in
            cdnn_skinny(
                count, inputs, size, mixed + head * count * inputs, own.bytes.baseAddress, own.type.native,
                result + head * size, width, scratch)
        }
        result.write { cdnn_bias_activation(count, width, valueBias, CDNN_IDENTITY, $0) }
        return result
    }

    /// Calls `body` with each head's number and rows of `weights`, and with room for four of these as floats.
    private func forEachHead(
        of weights: Weights, from x: Tensor, to y: inout Tensor,
        _ body: (Int, Weights, UnsafePointer<Float>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>)
            -> Void
    ) {
        let size = width / heads
        var scratch = Tensor(uninitialized: [4, weights.shape[1]])
        y.write { y in
            scratch.write { scratch in
                x.read { x in
                    for head in 0..<heads {
                        body(head, weights.rows(head * size..<(head + 1) * size), x, y, scratch)
                    }
                }
            }
        }
    }
}
