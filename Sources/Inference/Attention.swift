import COneDNN

/// Multi-head self-attention with a residual sum: x += out(softmax(q kᵀ / √d) v) of normed rows (Vaswani et
/// al., 2017).
public struct MultiHeadAttention: Sendable {
    private let heads: Int
    private let causal: Bool
    private let queryKeyValue: Linear
    /// The parts of `queryKeyValue`, where not all queries are wanted.
    private let query: Linear, oneQuery: QueryAttention
    private let output: Linear
    private let override: MathBackend?

    /// Attention with the three input projections as one map (queries, keys, values in this order) and an
    /// output projection that adds. When causal, a row sees only itself and the rows before it.
    public init(heads: Int, causal: Bool, queryKeyValue: Linear, output: Linear) {
        precondition(queryKeyValue.outputs == 3 * output.inputs && output.inputs % heads == 0)
        self.heads = heads
        self.causal = causal
        self.queryKeyValue = queryKeyValue
        query = queryKeyValue.outputs(0..<output.inputs)
        oneQuery = QueryAttention(
            heads: heads, keysValues: queryKeyValue.outputs(output.inputs..<3 * output.inputs))
        self.output = output
        override = MathLibrary.override
    }

    /// Adds the attention of `normed` [rows, width] to `x` of the same shape.
    ///
    /// The rows are consecutive sequences of the given lengths, which do not see each other. Lengths may sum
    /// to less than the rows; what lies behind them is padding with undefined results.
    public func add(_ normed: Tensor, to x: inout Tensor, lengths: [Int]) throws {
        let width = output.inputs, rows = normed.count / queryKeyValue.inputs
        let covered = lengths.reduce(0, +)
        precondition(covered <= rows && lengths.allSatisfy { $0 > 0 })
        let isDone = try x.write { x in
            try normed.read {
                try addInBytes(
                    ByteWeights.Rows(
                        covered, of: $0, bounds: normed.bounds.map { Array($0.prefix(covered)) }),
                    to: x, lengths: lengths)
            }
        }
        if isDone { return }
        let projected = try queryKeyValue(normed)
        var mixed = Tensor(uninitialized: [rows, width])
        let longest = lengths.max() ?? 0
        var scores = Tensor(uninitialized: [longest, longest])
        try mixed.write { mixed in
            try projected.read { projected in
                try scores.write { scores in
                    var start = 0
                    for length in lengths {
                        let status = cdnn_attention(
                            product(length), length, heads, width / heads, causal ? 1 : 0,
                            projected + start * 3 * width,
                            mixed + start * width, scores)
                        try MathLibrary.check(status, "attention over \(length) positions")
                        start += length
                    }
                }
                if covered < rows {
                    (mixed + covered * width).update(repeating: 0, count: (rows - covered) * width)
                }
            }
        }
        try output.add(mixed, to: &x)
    }

    /// x += out(softmax(q kᵀ / √d) v) of the normalised rows of x [rows, width], as above.
    ///
    /// In bytes, rows are normalised as they become bytes.
    public func add(to x: inout Tensor, after norm: LayerNorm, lengths: [Int]) throws {
        let covered = lengths.reduce(0, +)
        precondition(covered * output.outputs <= x.count && lengths.allSatisfy { $0 > 0 })
        let isDone = try x.write { x in
            try addInBytes(ByteWeights.Rows(covered, of: x, after: norm), to: x, lengths: lengths)
        }
        if !isDone { try add(norm(x), to: &x, lengths: lengths) }
    }

    /// Whether the processor has what adds the attention of rows in bytes, and has done so.
    private func addInBytes(
        _ rows: ByteWeights.Rows, to x: UnsafeMutablePointer<Float>, lengths: [Int]
    ) throws -> Bool {
        guard !output.isPortable, let (inputs, outputs) = try queryKeyValue.inBytes(rows.count, with: output)
        else { return false }
        return try inputs.attend(
            rows, heads: heads, causal: causal, lengths: lengths, through: outputs, x,
            label: "attention over \(rows.count) rows")
    }

    /// Adds to `x` [sequences, width] the attention of one row of `normed` [rows, width] in each sequence.
    ///
    /// `places` are these rows' numbers in `normed`; only they have queries.
    /// `forgets` gives back what weights of a mapped file take in memory after they were read there.
    public func add(
        _ normed: Tensor, at places: [Int], to x: inout Tensor, lengths: [Int], forgets: Bool = false
    ) throws {
        precondition(places.count == lengths.count && x.shape == [places.count, output.inputs])
        var start = 0, ranges: [Range<Int>] = []
        for (place, length) in zip(places, lengths) {
            precondition((start..<start + length).contains(place))
            ranges.append(start..<(causal ? place + 1 : start + length))
            start += length
        }
        try output.add(oneQuery(query(normed.rows(places)), normed, over: ranges), to: &x)
        if forgets {
            query.forgetPages()
            output.forgetPages()
        }
    }

    private func product(_ length: Int) -> cdnn_product {
        // Few rows stay off the library, as in Linear: their sums must not depend on the batch.
        let few = length <= Linear.fewRows
        return switch override ?? (few ? MathLibrary.backendWithoutLibrary : MathLibrary.backend) {
        case .avx512: CDNN_AVX512
        case .oneDNN: few ? CDNN_PORTABLE : CDNN_LIBRARY
        case .portable: CDNN_PORTABLE
        }
    }
}
