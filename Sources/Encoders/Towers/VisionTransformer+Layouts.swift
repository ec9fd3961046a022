import Inference

/// The names under which libraries keep a vision transformer's tensors.
extension VisionTransformer {
    /// transformers' CLIP: reads from `reader` (`vision_model.*`) and the projection, if there is one, from
    /// `root`.
    init(clip reader: WeightReader, _ configuration: Configuration, projectionFrom root: WeightReader) throws
    {
        let shape = configuration.transformer, width = shape.width
        let embeddings = reader.under("embeddings")
        let positions = try embeddings.weights(
            "position_embedding.weight", [configuration.patches + 1, width])
        self.init(
            width: width,
            Parts(
                patchEmbedding: try PatchEmbedding(
                    embeddings, "patch_embedding", width: width, side: configuration.patchSide, bias: false),
                classEmbedding: try sum(embeddings.vector("class_embedding", width), positions.rows(0..<1)),
                positions: TokenTable(positions.rows(1..<configuration.patches + 1)),
                // The name is misspelt in the published files.
                firstNorm: try reader.layerNorm("pre_layrnorm", width: width, epsilon: shape.epsilon),
                layers: try TransformerLayer.stack(reader, shape, causal: false),
                pooling: .classToken(
                    try reader.layerNorm("post_layernorm", width: width, epsilon: shape.epsilon)),
                projection: try configuration.projection.map {
                    try root.linear("visual_projection", inputs: width, outputs: $0, bias: false)
                }))
    }

    /// transformers' SigLIP: all patches and no class token, pooled by attention.
    init(sigLIP reader: WeightReader, _ configuration: Configuration) throws {
        let shape = configuration.transformer, width = shape.width
        let embeddings = reader.under("embeddings")
        self.init(
            width: width,
            Parts(
                patchEmbedding: try PatchEmbedding(
                    embeddings, "patch_embedding", width: width, side: configuration.patchSide, bias: true),
                classEmbedding: nil,
                positions: TokenTable(
                    try embeddings.weights("position_embedding.weight", [configuration.patches, width])),
                firstNorm: nil, layers: try TransformerLayer.stack(reader, shape, causal: false),
                pooling: .attention(
                    try reader.layerNorm("post_layernorm", width: width, epsilon: shape.epsilon),
                    try LatentAttentionPool(huggingFace: reader.under("head"), shape)),
                projection: nil))
    }

    /// OpenCLIP's own: `conv1`, `class_embedding`, `ln_pre`, …, `proj` [width, projection].
    ///
    /// Position embeddings of another picture size are resized as OpenCLIP does when it loads them.
    init(
        openCLIP reader: WeightReader, _ configuration: Configuration, hasFirstNorm: Bool,
        pooling: (LayerNorm) -> Pooling
    ) throws {
        let shape = configuration.transformer, width = shape.width
        let positions = try PositionGrid.resized(
            try reader.weights("positional_embedding"), classTokens: 1, side: configuration.gridSide,
            width: width
        ) { reader.failure("positional_embedding", $0) }
        let projection = try configuration.projection.map {
            Linear(try reader.weights("proj", [width, $0]).transposed())
        }
        self.init(
            width: width,
            Parts(
                patchEmbedding: try PatchEmbedding(
                    reader, "conv1", width: width, side: configuration.patchSide, bias: false),
                classEmbedding: try sum(reader.vector("class_embedding", width), positions.rows(0..<1)),
                positions: TokenTable(positions.rows(1..<configuration.patches + 1)),
                firstNorm: hasFirstNorm
                    ? try reader.layerNorm("ln_pre", width: width, epsilon: shape.epsilon) : nil,
                layers: try TransformerLayer.stack(reader, shape, .openCLIP, causal: false),
                pooling: pooling(try reader.layerNorm("ln_post", width: width, epsilon: shape.epsilon)),
                projection: projection))
    }

    /// timm's SigLIP: `patch_embed.proj`, `blocks`, `attn_pool`.
    init(timmSigLIP reader: WeightReader, _ configuration: Configuration, projection: Linear?) throws {
        let shape = configuration.transformer, width = shape.width
        self.init(
            width: width,
            Parts(
                patchEmbedding: try PatchEmbedding(
                    reader, "patch_embed.proj", width: width, side: configuration.patchSide, bias: true),
                classEmbedding: nil,
                positions: TokenTable(
                    try reader.weights("pos_embed", [1, configuration.patches, width])
                        .reshaped([configuration.patches, width])),
                firstNorm: nil, layers: try TransformerLayer.stack(reader, shape, .timm, causal: false),
                pooling: .attention(
                    try reader.layerNorm("norm", width: width, epsilon: shape.epsilon),
                    try LatentAttentionPool(timm: reader.under("attn_pool"), shape)),
                projection: projection))
    }
}

private func sum(_ vector: [Float], _ row: Weights) -> [Float] {
    zip(vector, row.tensor().values).map { $0 + $1 }
}
