package import Inference

/// The names under which libraries keep a text transformer's tensors.
extension TextTransformer {
    /// transformers' CLIP with a projection: `text_model.*` and `text_projection.weight`.
    package init(_ reader: WeightReader, _ configuration: Configuration) throws {
        try self.init(clip: reader.under("text_model"), configuration, projectionFrom: reader)
    }

    /// transformers' CLIP: reads from `reader` and the projection, if there is one, from `root`.
    init(clip reader: WeightReader, _ configuration: Configuration, projectionFrom root: WeightReader) throws
    {
        let projection = try configuration.projection.map {
            try root.linear(
                "text_projection", inputs: configuration.transformer.width, outputs: $0, bias: false)
        }
        self.init(configuration, try Parts(huggingFace: reader, configuration, projection: projection))
    }

    /// transformers' SigLIP, whose `head` projects.
    init(sigLIP reader: WeightReader, _ configuration: Configuration) throws {
        let projection = try configuration.projection.map {
            try reader.linear("head", inputs: configuration.transformer.width, outputs: $0)
        }
        self.init(configuration, try Parts(huggingFace: reader, configuration, projection: projection))
    }

    /// OpenCLIP's own: `token_embedding`, `positional_embedding`, `ln_final`, and `text_projection`, which is a
    /// matrix [width, projection], or a linear map when it has a bias.
    init(openCLIP reader: WeightReader, _ configuration: Configuration) throws {
        let shape = configuration.transformer, width = shape.width
        let projection = try configuration.projection.map { outputs in
            reader.has("text_projection.weight")
                ? try reader.linear("text_projection", inputs: width, outputs: outputs)
                : Linear(try reader.weights("text_projection", [width, outputs]).transposed())
        }
        self.init(
            configuration,
            Parts(
                tokens: TokenTable(
                    try reader.weights("token_embedding.weight", [configuration.vocabulary, width])),
                positions: TokenTable(
                    try reader.weights("positional_embedding", [configuration.positions, width])),
                layers: try TransformerLayer.stack(
                    reader, shape, .openCLIP, causal: configuration.isCausal),
                lastNorm: try reader.layerNorm("ln_final", width: width, epsilon: shape.epsilon),
                projection: projection))
    }
}

extension TextTransformer.Parts {
    fileprivate init(
        huggingFace reader: WeightReader, _ configuration: TextTransformer.Configuration, projection: Linear?
    ) throws {
        let shape = configuration.transformer, embeddings = reader.under("embeddings")
        tokens = TokenTable(
            try embeddings.weights("token_embedding.weight", [configuration.vocabulary, shape.width]))
        positions = TokenTable(
            try embeddings.weights("position_embedding.weight", [configuration.positions, shape.width]))
        layers = try TransformerLayer.stack(reader, shape, causal: configuration.isCausal)
        lastNorm = try reader.layerNorm("final_layer_norm", width: shape.width, epsilon: shape.epsilon)
        self.projection = projection
    }
}
