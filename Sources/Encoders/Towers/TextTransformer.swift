package import Inference

/// The text tower of CLIP, SigLIP and their kin: a transformer whose vector is that of one of its tokens
/// (Radford et al., 2021).
///
/// Where no position sees those after it, nothing behind the token that is read is computed, and of the last layer only that
/// token. A single short
/// text works on the mapped weights directly; several are computed together.
package struct TextTransformer: TextTower {
    /// Which token's vector is the text's.
    package enum Pooling: Sendable, Equatable {
        /// The first one with this number; the first of all, when there is none.
        case token(Int32)
        /// The first of those with the largest number, which was OpenAI's way to say "the end".
        case largest
        case first
        case last
    }

    /// The tower's sizes and rules.
    package struct Configuration: Sendable, Equatable {
        package let transformer: TransformerShape
        package let vocabulary: Int, positions: Int
        /// Coordinates of the projected vector; nil when the pooled one is not projected.
        package let projection: Int?
        package var pooling: Pooling
        /// Whether a token sees only itself and those before it.
        package var isCausal: Bool = true
        /// What sequences are filled up with to all positions, for towers trained on nothing shorter.
        package var padding: Int32?
    }

    /// What a tower is made of, whatever its tensors are called.
    struct Parts: Sendable {
        let tokens: TokenTable, positions: TokenTable
        let layers: [TransformerLayer]
        let lastNorm: LayerNorm
        let projection: Linear?
    }

    /// Coordinates of each vector.
    package let dimension: Int
    private let configuration: Configuration
    private let parts: Parts

    /// Rows that are computed together; more only cost memory.
    private static let mostRows = 256

    /// Puts a tower together.
    init(_ configuration: Configuration, _ parts: Parts) {
        self.configuration = configuration
        self.parts = parts
        dimension = parts.projection?.outputs ?? configuration.transformer.width
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
            return Passage(sequence, configuration)
        }
        var start = 0
        while start < needed.count {
            var end = start + 1, rows = needed[start].tokens.count
            while end < needed.count, rows + needed[end].tokens.count <= TextTransformer.mostRows {
                rows += needed[end].tokens.count
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

    /// What is computed of a text, and the position its vector is read at.
    private struct Passage {
        let tokens: ArraySlice<Int32>, pooled: Int

        init(_ tokens: [Int32], _ configuration: Configuration) {
            var all = tokens
            if let padding = configuration.padding {
                all.append(contentsOf: repeatElement(padding, count: configuration.positions - tokens.count))
            }
            let position: Int
            switch configuration.pooling {
            // A sequence without the token is read at its first position, as transformers does.
            case .token(let token): position = all.firstIndex(of: token) ?? 0
            case .largest: position = all.max().flatMap { all.firstIndex(of: $0) } ?? 0
            case .first: position = 0
            case .last: position = all.count - 1
            }
            pooled = position
            self.tokens = configuration.isCausal ? all[...position] : all[...]
        }
    }

    private func compute(
        _ sequences: ArraySlice<Passage>, rows: Int, _ trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        let width = configuration.transformer.width
        // The library prepares code per row count: rounding up keeps the number of different ones small.
        let padded = rows <= Linear.fewRows ? rows : (rows + 15) / 16 * 16
        var x = Tensor([padded, width])
        var pooledRows: [Int] = []
        x.write { x in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { position in
                guard let position = position.baseAddress else { return }
                var row = 0
                for sequence in sequences {
                    pooledRows.append(row + sequence.pooled)
                    for (index, token) in sequence.tokens.enumerated() {
                        let target = x + row * width
                        parts.tokens.copy(Int(token), to: target)
                        parts.positions.copy(index, to: position)
                        for i in 0..<width { target[i] += position[i] }
                        row += 1
                    }
                }
            }
        }
        trace("embeddings", x)
        let pooled = try parts.layers(
            consume x, lengths: sequences.map(\.tokens.count), at: pooledRows, trace)
        let normed = parts.lastNorm(pooled)
        return try parts.projection.map { try $0(normed) } ?? normed
    }
}
