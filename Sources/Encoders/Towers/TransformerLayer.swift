package import Inference

/// What a stack of transformer layers is built from, as a configuration gives it for either tower.
package struct TransformerShape: Sendable, Equatable {
    package let width: Int, inner: Int
    package let layers: Int, heads: Int
    package let activation: Activation
    package let epsilon: Float
}

/// How a library names the tensors of its transformer layers.
enum TransformerNaming {
    /// transformers: `encoder.layers.0.self_attn.q_proj`, `mlp.fc1`.
    case huggingFace
    /// OpenCLIP and OpenAI: `transformer.resblocks.0.attn.in_proj_weight`, `mlp.c_fc`.
    case openCLIP
    /// timm: `blocks.0.attn.qkv`, `mlp.fc1`.
    case timm
}

/// One pre-norm transformer layer: x += attention(norm(x)); x += mlp(norm(x)).
struct TransformerLayer: Sendable {
    private let firstNorm: LayerNorm, secondNorm: LayerNorm
    private let attention: MultiHeadAttention
    private let expand: Linear, contract: Linear

    /// Reads a layer under a library's names.
    init(
        _ reader: WeightReader, _ shape: TransformerShape, _ naming: TransformerNaming = .huggingFace,
        causal: Bool
    ) throws {
        let names = Names.of(naming), width = shape.width
        if let scale = names.scales.first(where: { reader.has($0) }) {
            throw reader.failure(scale, "scales a layer's result, which is not supported")
        }
        firstNorm = try reader.layerNorm(names.norms.0, width: width, epsilon: shape.epsilon)
        secondNorm = try reader.layerNorm(names.norms.1, width: width, epsilon: shape.epsilon)
        attention = MultiHeadAttention(
            heads: shape.heads, causal: causal,
            queryKeyValue: Linear(
                try names.inputs.map {
                    try reader.weights($0.weight, [width * 3 / names.inputs.count, width])
                },
                bias: try names.inputs.flatMap {
                    try reader.vector($0.bias, width * 3 / names.inputs.count)
                }),
            output: try reader.linear(names.output, inputs: width, outputs: width, adding: true))
        expand = try reader.linear(
            names.expand, inputs: width, outputs: shape.inner, activation: shape.activation)
        contract = try reader.linear(names.contract, inputs: shape.inner, outputs: width, adding: true)
    }

    /// Runs the layer over consecutive sequences of the given lengths in x [rows, width].
    func apply(to x: inout Tensor, lengths: [Int]) throws {
        try attention.add(to: &x, after: firstNorm, lengths: lengths)
        try expand.add(to: &x, after: secondNorm, through: contract)
    }

    /// What the layer makes of one row of each sequence in x [rows, width]: [sequences, width].
    ///
    /// `places` are these rows' numbers in x. The others only give keys and values. So few rows are multiplied with weights
    /// as they stand in the file; `forgets` gives their memory back as soon as they have been.
    func result(of x: Tensor, at places: [Int], lengths: [Int], forgets: Bool) throws -> Tensor {
        var rows = x.rows(places)
        try attention.add(firstNorm(x), at: places, to: &rows, lengths: lengths, forgets: forgets)
        try expand.add(secondNorm(rows), through: contract, to: &rows, forgets: forgets)
        return rows
    }

    /// All layers of an encoder, under `encoder.layers.0`, `encoder.layers.1`, … or a library's own name for
    /// them.
    static func stack(
        _ reader: WeightReader, _ shape: TransformerShape, _ naming: TransformerNaming = .huggingFace,
        causal: Bool
    ) throws -> [TransformerLayer] {
        let stack = reader.under(Names.of(naming).stack)
        return try (0..<shape.layers).map {
            try TransformerLayer(stack.under("\($0)"), shape, naming, causal: causal)
        }
    }

    private struct Names {
        let stack: String
        let norms: (String, String)
        /// Queries, keys and values: one tensor each, or one of all three.
        let inputs: [(weight: String, bias: String)]
        let output: String, expand: String, contract: String
        /// Factors on the results of attention and mlp that some models have.
        let scales: [String]

        static func of(_ naming: TransformerNaming) -> Names {
            switch naming {
            case .huggingFace:
                Names(
                    stack: "encoder.layers", norms: ("layer_norm1", "layer_norm2"),
                    inputs: ["q_proj", "k_proj", "v_proj"].map {
                        ("self_attn.\($0).weight", "self_attn.\($0).bias")
                    },
                    output: "self_attn.out_proj", expand: "mlp.fc1", contract: "mlp.fc2", scales: [])
            case .openCLIP:
                Names(
                    stack: "transformer.resblocks", norms: ("ln_1", "ln_2"),
                    inputs: [("attn.in_proj_weight", "attn.in_proj_bias")],
                    output: "attn.out_proj", expand: "mlp.c_fc", contract: "mlp.c_proj",
                    scales: ["ls_1.gamma", "ls_2.gamma"])
            case .timm:
                Names(
                    stack: "blocks", norms: ("norm1", "norm2"),
                    inputs: [("attn.qkv.weight", "attn.qkv.bias")],
                    output: "attn.proj", expand: "mlp.fc1", contract: "mlp.fc2",
                    scales: ["ls1.gamma", "ls2.gamma"])
            }
        }
    }
}

extension [TransformerLayer] {
    /// Runs all layers over consecutive sequences of the given lengths in x [rows, width].
    ///
    /// Where one row of each sequence is all that is read, `places` has their numbers in x, and what comes of these is
    /// given, [sequences, width]: the last layer, a twelfth of CLIP's ViT-B/32, then has little to compute. `forgets` gives
    /// back what its weights take in memory, which must be read again for the next call. `trace` is told each layer's
    /// result.
    func callAsFunction(
        _ x: consuming Tensor, lengths: [Int], at places: [Int]?, forgets: Bool = false,
        _ trace: (String, Tensor) -> Void
    ) throws -> Tensor {
        for (index, layer) in enumerated() {
            if let places, index == count - 1 {
                x = try layer.result(of: x, at: places, lengths: lengths, forgets: forgets)
            } else {
                try layer.apply(to: &x, lengths: lengths)
            }
            trace("layer.\(index)", x)
        }
        return if let places, isEmpty { x.rows(places) } else { x }
    }
}
