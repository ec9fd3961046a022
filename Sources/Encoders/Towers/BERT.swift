package import Inference

/// BERT's encoder (Devlin et al., 2018), DistilBERT's and RoBERTa's, with sentence-transformers' pooling on top.
///
/// Texts of different lengths are computed together without padding: their tokens are consecutive rows.
package struct BERT: TextTower {
    /// The encoder's sizes, from config.json.
    package struct Configuration: Sendable, Equatable {
        package let transformer: TransformerShape
        package let vocabulary: Int
        /// Rows of the position table.
        package let positions: Int
        /// The row of a text's first token: 0, but behind the padding token's number in RoBERTa.
        package let firstPosition: Int
        /// Rows of the table that tells a pair's two texts apart, nil when the model has none.
        package let segments: Int?
        package let naming: BERTNaming

        /// The largest number of tokens in a text.
        package var longest: Int { positions - firstPosition }
    }

    /// Coordinates of each vector.
    package let dimension: Int
    private let configuration: Configuration
    private let tokens: TokenTable, positions: TokenTable
    private let segment: [Float]
    private let norm: LayerNorm
    private let layers: [PostNormLayer]
    private let head: SentenceHead

    /// Rows that are computed together; more only cost memory.
    private static let mostRows = 256

    /// Reads the encoder below a reader; `head` makes a text's vector of its tokens' vectors.
    package init(_ reader: WeightReader, _ configuration: Configuration, head: SentenceHead) throws {
        let width = configuration.transformer.width, embeddings = reader.under("embeddings")
        self.configuration = configuration
        self.head = head
        dimension = head.dimension(width: width)
        tokens = TokenTable(
            try embeddings.weights("word_embeddings.weight", [configuration.vocabulary, width]))
        positions = TokenTable(
            try embeddings.weights("position_embeddings.weight", [configuration.positions, width]))
        // Every token of a single text is of the first segment.
        segment =
            try configuration.segments.map {
                let table = try embeddings.weights("token_type_embeddings.weight", [$0, width])
                return TokenTable(table).row(0)
            } ?? [Float](repeating: 0, count: width)
        norm = try embeddings.anyLayerNorm(
            "LayerNorm", width: width, epsilon: configuration.transformer.epsilon)
        layers = try (0..<configuration.transformer.layers).map {
            try PostNormLayer(
                reader.under("\(configuration.naming.layers).\($0)"), configuration.transformer,
                configuration.naming)
        }
    }

    package func callAsFunction(_ sequences: [[Int32]], trace: (String, Tensor) -> Void) throws -> Tensor {
        for sequence in sequences {
            if let wrong = sequence.first(where: { $0 < 0 || $0 >= configuration.vocabulary }) {
                throw TokenizerError.unknownToken(wrong, vocabulary: configuration.vocabulary)
            }
            precondition(!sequence.isEmpty && sequence.count <= configuration.longest)
        }
        var result = Tensor(uninitialized: [sequences.count, dimension])
        var start = 0
        while start < sequences.count {
            var end = start + 1, rows = sequences[start].count
            while end < sequences.count, rows + sequences[end].count <= BERT.mostRows {
                rows += sequences[end].count
                end += 1
            }
            let vectors = try compute(sequences[start..<end], rows: rows, trace)
            result.write { target in
                vectors.read { (target + start * dimension).update(from: $0, count: vectors.count) }
            }
            start = end
        }
        return result
    }

    private func compute(
        _ sequences: ArraySlice<[Int32]>, rows: Int, _ trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        // The library prepares code per row count: rounding up keeps the number of different ones small.
        let padded = rows <= Linear.fewRows ? rows : (rows + 15) / 16 * 16
        var x = norm(embeddings(sequences, rows: padded))
        trace("embeddings", x)
        let lengths = sequences.map(\.count)
        for (index, layer) in layers.enumerated() {
            try layer.apply(to: &x, lengths: lengths)
            trace("layer.\(index)", x)
        }
        return try head(x, lengths: lengths)
    }

    /// The sums of token, position and segment vectors; rows behind the last text are zeros.
    private func embeddings(_ sequences: ArraySlice<[Int32]>, rows: Int) -> Tensor {
        let width = configuration.transformer.width
        var x = Tensor([rows, width])
        x.write { x in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { position in
                guard let position = position.baseAddress else { return }
                var target = x
                for sequence in sequences {
                    for (index, token) in sequence.enumerated() {
                        tokens.copy(Int(token), to: target)
                        positions.copy(configuration.firstPosition + index, to: position)
                        for i in 0..<width { target[i] += segment[i] + position[i] }
                        target += width
                    }
                }
            }
        }
        return x
    }
}

/// What the parts of a BERT encoder are called in a file.
package enum BERTNaming: Sendable, Equatable {
    /// BERT's own names, which RoBERTa shares.
    case bert
    /// DistilBERT's.
    case distilBERT

    /// The prefix of the layers.
    var layers: String { self == .bert ? "encoder.layer" : "transformer.layer" }
    /// Query, key and value maps, the attention's output, and the normalisation behind it.
    var attention: (input: [String], output: String, norm: String) {
        switch self {
        case .bert:
            (
                ["query", "key", "value"].map { "attention.self.\($0)" }, "attention.output.dense",
                "attention.output.LayerNorm"
            )
        case .distilBERT:
            (["q_lin", "k_lin", "v_lin"].map { "attention.\($0)" }, "attention.out_lin", "sa_layer_norm")
        }
    }
    /// The two maps behind the attention, and the normalisation behind them.
    var network: (expand: String, contract: String, norm: String) {
        switch self {
        case .bert: ("intermediate.dense", "output.dense", "output.LayerNorm")
        case .distilBERT: ("ffn.lin1", "ffn.lin2", "output_layer_norm")
        }
    }
}

extension TokenTable {
    /// A copy of one row, which must exist.
    fileprivate func row(_ index: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: width) { buffer, count in
            if let base = buffer.baseAddress { copy(index, to: base) }
            count = width
        }
    }
}
