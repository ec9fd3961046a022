package import Imaging
package import Inference

/// The image tower of CLIP, SigLIP and their kin: patches of the picture as tokens through a transformer
/// (Dosovitskiy et al., 2020; Radford et al., 2021).
///
/// Where the vector is the class token's, the last layer computes nothing else but keys and values.
package struct VisionTransformer: ImageTower {
    /// The tower's sizes.
    package struct Configuration: Sendable, Equatable {
        package let transformer: TransformerShape
        package let imageSide: Int, patchSide: Int
        /// Coordinates of the projected vector; nil when the pooled one is not projected.
        package let projection: Int?
        package var gridSide: Int { imageSide / patchSide }
        package var patches: Int { gridSide * gridSide }
    }

    /// How the tokens become one vector.
    enum Pooling: Sendable {
        /// The class token's, normalised.
        case classToken(LayerNorm)
        /// The mean of the patches', normalised before or after.
        case mean(LayerNorm, normalizesFirst: Bool)
        /// What a learned query picks out of all normalised tokens.
        case attention(LayerNorm, LatentAttentionPool)

        /// Whether nothing is asked for but the class token.
        var readsOneToken: Bool { if case .classToken = self { true } else { false } }
    }

    /// What a tower is made of, whatever its tensors are called.
    struct Parts: Sendable {
        /// From a patch's pixels, or a stem's features, to a token.
        let patchEmbedding: PatchEmbedding
        /// The token before the patches, with its position in it; nil when there is none.
        let classEmbedding: [Float]?
        /// One row a patch.
        let positions: TokenTable
        let firstNorm: LayerNorm?
        let layers: [TransformerLayer]
        let pooling: Pooling
        let projection: Linear?
    }

    package let dimension: Int
    // The weights are read from memory once for so many pictures.
    package let batch: Int = 8

    private let width: Int
    private let parts: Parts

    /// Puts a tower together.
    init(width: Int, _ parts: Parts) {
        self.width = width
        self.parts = parts
        dimension = parts.projection?.outputs ?? width
    }

    package func callAsFunction(
        _ pixels: consuming Tensor, trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        let count = pixels.shape[0]
        return try vectors(of: parts.patchEmbedding(consume pixels), count, trace)
    }

    package func callAsFunction(
        _ pictures: ArraySlice<PixelBuffer>, preparedBy preprocessing: Preprocessing
    ) throws -> Tensor? {
        guard let patches = try parts.patchEmbedding(pictures, preprocessing) else { return nil }
        return try vectors(of: patches, pictures.count) { _, _ in }
    }

    private func vectors(
        of patches: consuming Tensor, _ count: Int, _ trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        let classTokens = parts.classEmbedding == nil ? 0 : 1
        let perPicture = patches.shape[0] / count, tokens = perPicture + classTokens
        precondition(perPicture == parts.positions.count, "pictures of another size than the tower's")
        var x = Tensor(uninitialized: [count * tokens, width])
        x.write { x in
            patches.read { patches in
                for picture in 0..<count {
                    let rows = x + picture * tokens * width
                    if let token = parts.classEmbedding {
                        for i in 0..<width { rows[i] = token[i] }
                    }
                    for patch in 0..<perPicture {
                        let row = rows + (classTokens + patch) * width
                        let source = patches + (picture * perPicture + patch) * width
                        parts.positions.copy(patch, to: row)
                        for i in 0..<width { row[i] += source[i] }
                    }
                }
            }
        }
        if let norm = parts.firstNorm { x = norm(x) }
        trace("embeddings", x)
        let places = (0..<count).map { $0 * tokens }
        x = try parts.layers(
            consume x, lengths: [Int](repeating: tokens, count: count),
            at: parts.pooling.readsOneToken ? places : nil, forgets: true, trace)
        let pooled = try pool(x, tokens: tokens, classTokens: classTokens)
        return try parts.projection.map { try $0(pooled) } ?? pooled
    }

    private func pool(_ x: Tensor, tokens: Int, classTokens: Int) throws -> Tensor {
        switch parts.pooling {
        case .classToken(let norm): return norm(x)
        case .mean(let norm, let normalizesFirst):
            let mean = (normalizesFirst ? norm(x) : x).meanOfRows(tokens, from: classTokens)
            return normalizesFirst ? mean : norm(mean)
        case .attention(let norm, let head): return try head(norm(x), tokens: tokens)
        }
    }
}

extension Tensor {
    /// The mean of every `step` rows without the first `start` of them.
    fileprivate func meanOfRows(_ step: Int, from start: Int) -> Tensor {
        let width = shape[1], groups = shape[0] / step
        var result = Tensor([groups, width])
        result.write { target in
            read { source in
                for group in 0..<groups {
                    for row in start..<step {
                        let from = source + (group * step + row) * width
                        for i in 0..<width { target[group * width + i] += from[i] }
                    }
                    for i in 0..<width { target[group * width + i] /= Float(step - start) }
                }
            }
        }
        return result
    }
}
