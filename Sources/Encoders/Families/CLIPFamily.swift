import Imaging
import Inference

/// CLIP in the layout of Hugging Face's `CLIPModel`, whole or one tower of it: a vision transformer and a causal
/// text transformer (Radford et al., 2021).
///
/// A tower without a projection gives its pooled vector, as `CLIPVisionModel` and `CLIPTextModel` do.
enum CLIPFamily: ModelFamily {
    static let mark = "'clip', 'clip_vision_model', 'clip_text_model'"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        switch sources.configuration?["model_type"]?.string {
        case "clip": try both(sources)
        case "clip_vision_model": try imageOnly(sources)
        case "clip_text_model": try textOnly(sources)
        default: nil
        }
    }

    private static func both(_ sources: ModelSources) throws -> ModelDescription {
        let fields = sources.fields, weights = sources.weights
        let projection = try fields.size(
            "projection_dim", default: projection(weights, "visual") ?? projection(weights, "text") ?? 512)
        let vision = try VisionTransformer.Configuration(
            fields.under("vision_config"), .clip, projection: projection)
        let text = try TextTransformer.Configuration(fields.under("text_config"), projection: projection)
        return ModelDescription(
            name: fields.json["name"]?.string, architecture: "CLIP ViT-\(vision.label)",
            dimension: projection, logitScale: try LogitScale.read(weights),
            image: image(sources, weights.under("vision_model"), vision),
            text: { try TowerTextEncoder.clip(weights, text, sources.files) })
    }

    private static func imageOnly(_ sources: ModelSources) throws -> ModelDescription {
        let projection = try projection(sources, "visual")
        let vision = try VisionTransformer.Configuration(sources.fields, .clip, projection: projection)
        let tower = tower(sources.weights, "vision_model", "embeddings.patch_embedding.weight")
        return ModelDescription(
            name: sources.fields.json["name"]?.string,
            architecture: "CLIP ViT-\(vision.label), image tower",
            dimension: projection ?? vision.transformer.width, image: image(sources, tower, vision))
    }

    private static func textOnly(_ sources: ModelSources) throws -> ModelDescription {
        let projection = try projection(sources, "text")
        let text = try TextTransformer.Configuration(sources.fields, projection: projection)
        let tower = tower(sources.weights, "text_model", "embeddings.token_embedding.weight")
        return ModelDescription(
            name: sources.fields.json["name"]?.string, architecture: "CLIP text tower",
            dimension: projection ?? text.transformer.width,
            text: {
                try TowerTextEncoder.read(sources.files, text, sources.weights) {
                    try TextTransformer(clip: tower, text, projectionFrom: sources.weights)
                }
            })
    }

    private static func image(
        _ sources: ModelSources, _ tower: WeightReader, _ vision: VisionTransformer.Configuration
    ) -> @Sendable () throws -> any ImageEncoder {
        {
            TowerImageEncoder(
                tower: try VisionTransformer(clip: tower, vision, projectionFrom: sources.weights),
                preprocessing: try Preprocessing.read(sources.files, side: vision.imageSide)
                    ?? .clip(side: vision.imageSide), weights: sources.weights)
        }
    }

    /// The tensors of a tower that was saved by itself, with its name before theirs or without.
    private static func tower(_ weights: WeightReader, _ name: String, _ tensor: String) -> WeightReader {
        weights.has(tensor) ? weights : weights.under(name)
    }

    /// The projection's size by its tensor, nil when there is none.
    private static func projection(_ weights: WeightReader, _ kind: String) -> Int? {
        weights.shape("\(kind)_projection.weight")?.first
    }

    /// The projection's size of a tower saved by itself, nil when it is saved without one.
    private static func projection(_ sources: ModelSources, _ kind: String) throws -> Int? {
        let isProjected = sources.fields.json["architectures"]?.array?.contains {
            $0.string?.hasSuffix("WithProjection") == true
        }
        let size = projection(sources.weights, kind)
        guard size != nil || isProjected == true else { return nil }
        return try sources.fields.size("projection_dim", default: 512)
    }
}

/// What a model multiplies cosines by, stored as its logarithm, and what it adds.
enum LogitScale {
    /// Reads `logit_scale`, nil when the model has none.
    static func read(_ weights: WeightReader) throws -> Float? {
        guard weights.has("logit_scale") else { return nil }
        return exponential(try weights.scalar("logit_scale"))
    }

    /// Reads `logit_bias`, nil when the model has none.
    static func readBias(_ weights: WeightReader) throws -> Float? {
        try weights.has("logit_bias") ? weights.scalar("logit_bias") : nil
    }
}

extension TowerTextEncoder {
    /// transformers' CLIP text tower with the tokenizer of its folder.
    static func clip(
        _ weights: WeightReader, _ configuration: TextTransformer.Configuration, _ files: ModelFiles
    ) throws -> TowerTextEncoder {
        try read(files, configuration, weights) { try TextTransformer(weights, configuration) }
    }

    /// A text tower of CLIP's kind with the tokenizer of its folder, which must end texts as the tower reads them.
    ///
    /// `weights` are those the tower is built from, to name the tensor that spoils its vectors.
    static func read(
        _ files: ModelFiles, _ configuration: TextTransformer.Configuration, _ weights: WeightReader,
        cleaning: TextCleaning? = nil, _ tower: () throws -> TextTransformer
    ) throws -> TowerTextEncoder {
        let tokenizer = try Tokenizer.read(files, maximumLength: configuration.positions)
        // Towers that see their padding come with tokenizers of any kind.
        if configuration.padding == nil, case .token(let end) = configuration.pooling,
            end != tokenizer.endToken
        {
            throw ModelError.file(
                files.label,
                "config.json reads texts at token \(end), but the tokenizer ends them with "
                    + (tokenizer.endToken.map { "\($0)" } ?? "none"))
        }
        var prepare: (@Sendable (String) -> String)?
        if let cleaning { prepare = { cleaning($0) } }
        return TowerTextEncoder(
            tower: try tower(), tokenizer: tokenizer, prepare: prepare, weights: weights)
    }
}
