package import Inference

/// A network from token numbers to vectors that are not yet of length 1.
package protocol TextTower: Sendable {
    /// Coordinates of each vector.
    var dimension: Int { get }
    /// Vectors [count, dimension] of token sequences; `trace` is told named intermediate results.
    ///
    /// A sequence has at least one token and no more than the tower has positions; numbers outside the
    /// vocabulary throw.
    func callAsFunction(_ sequences: [[Int32]], trace: (String, Tensor) -> Void) throws -> Tensor
}

extension TextTower {
    /// The vectors alone.
    package func callAsFunction(_ sequences: [[Int32]]) throws -> Tensor { try self(sequences) { _, _ in } }
}

/// A text tower with its tokenizer.
struct TowerTextEncoder: TextEncoder {
    let tower: any TextTower
    let tokenizer: Tokenizer
    /// What is done to a text before the tokenizer sees it, if anything.
    var prepare: (@Sendable (String) -> String)?
    /// What the tower was built from, to name the tensor that spoils its vectors.
    var weights: WeightReader?
    var dimension: Int { tower.dimension }

    func tokens(of text: String) throws -> [Int32] { try tokenizer.encode(prepare?(text) ?? text) }

    func encode(_ texts: [String]) throws -> [Embedding] {
        let vectors = try tower(try texts.map { try tokens(of: $0) })
        return try Embedding.rows(of: vectors, by: weights)
    }
}
