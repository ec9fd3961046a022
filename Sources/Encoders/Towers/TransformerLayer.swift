package import Inference

/// What a stack of transformer layers is built from, as config.json gives it for either tower.
package struct TransformerShape: Sendable, Equatable {
    package let width: Int, inner: Int
    package let layers: Int, heads: Int
    package let activation: Activation
    package let epsilon: Float
}

/// One pre-norm transformer layer: x += attention(norm(x)); x += mlp(norm(x)).
struct TransformerLayer: Sendable {
    private let firstNorm: LayerNorm, secondNorm: LayerNorm
    private let attention: MultiHeadAttention
    private let expand: Linear, contract: Linear

    /// Reads a layer under its Hugging Face names (layer_norm1, self_attn.q_proj, …, mlp.fc2).
    init(_ reader: WeightReader, _ shape: TransformerShape, causal: Bool) throws {
        let width = shape.width, attn = reader.under("self_attn")
        firstNorm = try reader.layerNorm("layer_norm1", width: width, epsilon: shape.epsilon)
        secondNorm = try reader.layerNorm("layer_norm2", width: width, epsilon: shape.epsilon)
        let projections = ["q_proj", "k_proj", "v_proj"]
        let input = Linear(
            try projections.map { try attn.weights($0 + ".weight", [width, width]) },
            bias: try projections.flatMap { try attn.vector($0 + ".bias", width) })
        attention = MultiHeadAttention(
            heads: shape.heads, causal: causal, queryKeyValue: input,
            output: try attn.linear("out_proj", inputs: width, outputs: width, adding: true))
        expand = try reader.linear(
            "mlp.fc1", inputs: width, outputs: shape.inner, activation: shape.activation)
        contract = try reader.linear("mlp.fc2", inputs: shape.inner, outputs: width, adding: true)
    }

    /// Runs the layer over consecutive sequences of the given lengths in x [rows, width].
    func apply(to x: inout Tensor, lengths: [Int]) throws {
        try attention.add(firstNorm(x), to: &x, lengths: lengths)
        try contract.add(expand(secondNorm(x)), to: &x)
    }

    /// All layers of an encoder, under `encoder.layers.0`, `encoder.layers.1`, ….
    static func stack(_ reader: WeightReader, _ shape: TransformerShape, causal: Bool) throws
        -> [TransformerLayer]
    {
        try (0..<shape.layers).map {
            try TransformerLayer(reader.under("encoder.layers.\($0)"), shape, causal: causal)
        }
    }
}
