import Inference

/// One post-norm transformer layer: x = norm(x + attention(x)); x = norm(x + mlp(x)) (Vaswani et al., 2017).
struct PostNormLayer: Sendable {
    private let attention: MultiHeadAttention
    private let attentionNorm: LayerNorm, outputNorm: LayerNorm
    private let expand: Linear, contract: Linear

    /// Reads a layer under BERT's or DistilBERT's names.
    init(_ reader: WeightReader, _ shape: TransformerShape, _ naming: BERTNaming) throws {
        let width = shape.width, names = naming.attention, network = naming.network
        let input = Linear(
            try names.input.map { try reader.weights($0 + ".weight", [width, width]) },
            bias: try names.input.flatMap { try reader.vector($0 + ".bias", width) })
        attention = MultiHeadAttention(
            heads: shape.heads, causal: false, queryKeyValue: input,
            output: try reader.linear(names.output, inputs: width, outputs: width, adding: true))
        attentionNorm = try reader.anyLayerNorm(names.norm, width: width, epsilon: shape.epsilon)
        expand = try reader.linear(
            network.expand, inputs: width, outputs: shape.inner, activation: shape.activation)
        contract = try reader.linear(network.contract, inputs: shape.inner, outputs: width, adding: true)
        outputNorm = try reader.anyLayerNorm(network.norm, width: width, epsilon: shape.epsilon)
    }

    /// Runs the layer over consecutive sequences of the given lengths in x [rows, width].
    func apply(to x: inout Tensor, lengths: [Int]) throws {
        let input = x
        try attention.add(input, to: &x, lengths: lengths)
        x = attentionNorm(x)
        let normed = x
        try contract.add(expand(normed), to: &x)
        x = outputNorm(x)
    }
}

extension WeightReader {
    /// The layer normalisation `name`, whose scale and shift early conversions call gamma and beta.
    func anyLayerNorm(_ name: String, width: Int, epsilon: Float) throws(SafeTensorsError) -> LayerNorm {
        guard has(name + ".gamma"), !has(name + ".weight") else {
            return try layerNorm(name, width: width, epsilon: epsilon)
        }
        return LayerNorm(
            scale: try vector(name + ".gamma", width), shift: try vector(name + ".beta", width),
            epsilon: epsilon)
    }
}
