import Inference

/// Attention pooling with a learned query, and an mlp after it (Zhai et al., "Scaling vision transformers",
/// 2021), as in SigLIP's image tower.
struct LatentAttentionPool: Sendable {
    /// The learned query behind its projection, which is the same for every picture.
    private let query: Tensor
    private let attention: QueryAttention
    private let output: Linear
    private let norm: LayerNorm
    private let expand: Linear, contract: Linear

    /// Reads the head under transformers' names (`probe`, `attention.in_proj_weight`, …, `layernorm`, `mlp`).
    init(huggingFace reader: WeightReader, _ shape: TransformerShape) throws {
        let width = shape.width
        let input = try reader.weights("attention.in_proj_weight", [3 * width, width])
        let bias = try reader.vector("attention.in_proj_bias", 3 * width)
        let project = Linear(input.rows(0..<width), bias: Array(bias[..<width]))
        query = try project(reader.weights("probe", [1, 1, width]).tensor().reshaped([1, width]))
        attention = QueryAttention(
            heads: shape.heads,
            keysValues: Linear(input.rows(width..<3 * width), bias: Array(bias[width...])))
        output = try reader.linear("attention.out_proj", inputs: width, outputs: width)
        norm = try reader.layerNorm("layernorm", width: width, epsilon: shape.epsilon)
        (expand, contract) = try LatentAttentionPool.mlp(reader, shape)
    }

    /// Reads the head under timm's names (`latent`, `q`, `kv`, `proj`, `norm`, `mlp`).
    init(timm reader: WeightReader, _ shape: TransformerShape) throws {
        let width = shape.width
        let project = try reader.linear("q", inputs: width, outputs: width)
        query = try project(reader.weights("latent", [1, 1, width]).tensor().reshaped([1, width]))
        attention = QueryAttention(
            heads: shape.heads, keysValues: try reader.linear("kv", inputs: width, outputs: 2 * width))
        output = try reader.linear("proj", inputs: width, outputs: width)
        norm = try reader.layerNorm("norm", width: width, epsilon: shape.epsilon)
        (expand, contract) = try LatentAttentionPool.mlp(reader, shape)
    }

    private static func mlp(_ reader: WeightReader, _ shape: TransformerShape) throws -> (Linear, Linear) {
        (
            try reader.linear(
                "mlp.fc1", inputs: shape.width, outputs: shape.inner, activation: shape.activation),
            try reader.linear("mlp.fc2", inputs: shape.inner, outputs: shape.width, adding: true)
        )
    }

    /// One row a picture of x [count * tokens, width].
    func callAsFunction(_ x: Tensor, tokens: Int) throws -> Tensor {
        var pooled = try output(attention(query, x, length: tokens))
        try contract.add(expand(norm(pooled)), to: &pooled)
        return pooled
    }
}
