package import Inference

/// CLIP's image tower: patches of the picture as tokens through a transformer (Radford et al., 2021).
package struct VisionTransformer: ImageTower {
    /// The tower's sizes, from `vision_config`.
    package struct Configuration: Sendable, Equatable {
        package let transformer: TransformerShape
        package let imageSide: Int, patchSide: Int
        package let projection: Int
        package var patches: Int { (imageSide / patchSide) * (imageSide / patchSide) }
    }

    package let dimension: Int
    // The weights are read from memory once for so many pictures.
    package let batch: Int = 8

    private let configuration: Configuration
    private let patchEmbedding: Linear
    private let classEmbedding: [Float]
    private let positions: TokenTable
    private let firstNorm: LayerNorm, lastNorm: LayerNorm
    private let layers: [TransformerLayer]
    private let projection: Linear

    /// Reads `vision_model.*` and `visual_projection.weight`.
    package init(_ reader: WeightReader, _ configuration: Configuration) throws {
        let width = configuration.transformer.width, side = configuration.patchSide
        let epsilon = configuration.transformer.epsilon
        let vision = reader.under("vision_model")
        self.configuration = configuration
        dimension = configuration.projection
        patchEmbedding = Linear(
            try vision.weights("embeddings.patch_embedding.weight", [width, 3, side, side])
                .reshaped([width, 3 * side * side]))
        classEmbedding = try vision.vector("embeddings.class_embedding", width)
        positions = TokenTable(
            try vision.weights("embeddings.position_embedding.weight", [configuration.patches + 1, width]))
        // The name is misspelt in the published files.
        firstNorm = try vision.layerNorm("pre_layrnorm", width: width, epsilon: epsilon)
        layers = try TransformerLayer.stack(vision, configuration.transformer, causal: false)
        lastNorm = try vision.layerNorm("post_layernorm", width: width, epsilon: epsilon)
        projection = try reader.linear("visual_projection", inputs: width, outputs: dimension, bias: false)
    }

    package func callAsFunction(_ pixels: Tensor, trace: (String, Tensor) -> Void) throws -> Tensor {
        let count = pixels.shape[0], width = configuration.transformer.width,
            tokens = configuration.patches + 1
        let patches = try patchEmbedding(pixels.patches(of: configuration.patchSide))
        var x = Tensor(uninitialized: [count * tokens, width])
        x.write { x in
            patches.read { patches in
                for picture in 0..<count {
                    for token in 0..<tokens {
                        let row = x + (picture * tokens + token) * width
                        positions.copy(token, to: row)
                        if token == 0 {
                            for i in 0..<width { row[i] += classEmbedding[i] }
                        } else {
                            let patch = patches + (picture * (tokens - 1) + token - 1) * width
                            for i in 0..<width { row[i] += patch[i] }
                        }
                    }
                }
            }
        }
        x = firstNorm(x)
        trace("embeddings", x)
        let lengths = [Int](repeating: tokens, count: count)
        for (index, layer) in layers.enumerated() {
            try layer.apply(to: &x, lengths: lengths)
            trace("layer.\(index)", x)
        }
        var pooled = Tensor(uninitialized: [count, width])
        pooled.write { pooled in
            x.read { x in
                for picture in 0..<count {
                    (pooled + picture * width).update(from: x + picture * tokens * width, count: width)
                }
            }
        }
        return try projection(lastNorm(pooled))
    }
}
