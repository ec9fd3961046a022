package import Inference

/// CLIP's text tower: a causal transformer whose vector is read at the end token (Radford et al., 2021).
///
/// No position sees those after it, so nothing behind the end token is computed. A single short text works on
/// the mapped weights directly; several are computed together.
package struct TextTransformer: TextTower {
    /// The tower's sizes, from `text_config`.
    package struct Configuration: Sendable, Equatable {
        package let transformer: TransformerShape
        package let vocabulary: Int, positions: Int
        package let projection: Int
        /// Where the vector is read: at the first token with this number, or, when nil, at the first of those
        /// with the largest number (what files with the historical `eos_token_id` of 2 mean).
        package let endToken: Int32?
    }

    /// Coordinates of each vector.
    package let dimension: Int
    private let configuration: Configuration
    private let tokens: TokenTable, positions: TokenTable
    private let layers: [TransformerLayer]
    private let lastNorm: LayerNorm
    private let projection: Linear

    /// Rows that are computed together; more only cost memory.
    private static let mostRows = 256

    /// Reads `text_model.*` and `text_projection.weight`.
    package init(_ reader: WeightReader, _ configuration: Configuration) throws {
        let width = configuration.transformer.width, text = reader.under("text_model")
        self.configuration = configuration
        dimension = configuration.projection
        tokens = TokenTable(
            try text.weights("embeddings.token_embedding.weight", [configuration.vocabulary, width]))
        positions = TokenTable(
            try text.weights("embeddings.position_embedding.weight", [configuration.positions, width]))
        layers = try TransformerLayer.stack(text, configuration.transformer, causal: true)
        lastNorm = try text.layerNorm(
            "final_layer_norm", width: width, epsilon: configuration.transformer.epsilon)
        projection = try reader.linear("text_projection", inputs: width, outputs: dimension, bias: false)
    }

    /// The vector of each token sequence, not yet of length 1, one a row.
    ///
    /// A sequence must have at least one token and no more than there are positions; numbers outside the
    /// vocabulary throw.
    package func callAsFunction(_ sequences: [[Int32]], trace: (String, Tensor) -> Void) throws -> Tensor {
        var result = Tensor(uninitialized: [sequences.count, dimension])
        let needed = try sequences.map { sequence in
            if let wrong = sequence.first(where: { $0 < 0 || $0 >= configuration.vocabulary }) {
                throw TokenizerError.unknownToken(wrong, vocabulary: configuration.vocabulary)
            }
            precondition(!sequence.isEmpty && sequence.count <= configuration.positions)
            return sequence[...endPosition(sequence)]
        }
        var start = 0
        while start < needed.count {
            var end = start + 1, rows = needed[start].count
            while end < needed.count, rows + needed[end].count <= TextTransformer.mostRows {
                rows += needed[end].count
                end += 1
            }
            let vectors = try compute(needed[start..<end], rows: rows, trace)
            result.write { target in
                vectors.read { (target + start * dimension).update(from: $0, count: vectors.count) }
            }
            start = end
        }
        return result
    }

    private func endPosition(_ sequence: [Int32]) -> Int {
        let end = configuration.endToken ?? sequence.max()
        // A sequence without the end token is read at its first position, as transformers does.
        return sequence.firstIndex { $0 == end } ?? 0
    }

    private func compute(
        _ sequences: ArraySlice<ArraySlice<Int32>>, rows: Int, _ trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        let width = configuration.transformer.width
        // The library prepares code per row count: rounding up keeps the number of different ones small.
        let padded = rows <= Linear.fewRows ? rows : (rows + 15) / 16 * 16
        var x = Tensor([padded, width])
        var ends: [Int] = []
        x.write { x in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { position in
                guard let position = position.baseAddress else { return }
                var row = 0
                for sequence in sequences {
                    for (index, token) in sequence.enumerated() {
                        let target = x + row * width
                        tokens.copy(Int(token), to: target)
                        positions.copy(index, to: position)
                        for i in 0..<width { target[i] += position[i] }
                        row += 1
                    }
                    ends.append(row - 1)
                }
            }
        }
        trace("embeddings", x)
        for (index, layer) in layers.enumerated() {
            try layer.apply(to: &x, lengths: sequences.map(\.count))
            trace("layer.\(index)", x)
        }
        var pooled = Tensor(uninitialized: [ends.count, width])
        pooled.write { pooled in
            x.read { x in
                for (index, end) in ends.enumerated() {
                    (pooled + index * width).update(from: x + end * width, count: width)
                }
            }
        }
        return try projection(lastNorm(pooled))
    }
}
