import Imaging
import Inference

/// SigLIP and SigLIP 2 of one picture size in the layout of Hugging Face's `SiglipModel`, whole or one tower of
/// it: a vision transformer pooled by attention, and a text transformer that sees all of its padded text (Zhai
/// et al., "Sigmoid loss for language image pre-training", 2023).
enum SigLIPFamily: ModelFamily {
    static let mark = "'siglip', 'siglip_vision_model', 'siglip_text_model'"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        let fields = sources.fields, weights = sources.weights
        switch sources.configuration?["model_type"]?.string {
        case "siglip":
            let vision = try visionConfiguration(fields.under("vision_config"))
            let text = try textConfiguration(fields.under("text_config"), sources.files)
            guard text.projection == vision.transformer.width else {
                throw ModelError.file(
                    fields.file,
                    "text_config's vectors have \(text.projection ?? 0) coordinates, vision_config's "
                        + "\(vision.transformer.width)")
            }
            return ModelDescription(
                name: fields.json["name"]?.string, architecture: "SigLIP ViT-\(vision.label)",
                dimension: vision.transformer.width, logitScale: try LogitScale.read(weights),
                logitBias: try LogitScale.readBias(weights), image: image(sources, vision),
                text: self.text(sources, text), otherFiles: PaddingToken.files)
        case "siglip_vision_model":
            let vision = try visionConfiguration(fields)
            return ModelDescription(
                name: fields.json["name"]?.string,
                architecture: "SigLIP ViT-\(vision.label), image tower",
                dimension: vision.transformer.width, image: image(sources, vision))
        case "siglip_text_model":
            let text = try textConfiguration(fields, sources.files)
            return ModelDescription(
                name: fields.json["name"]?.string, architecture: "SigLIP text tower",
                dimension: text.projection ?? text.transformer.width, text: self.text(sources, text),
                otherFiles: PaddingToken.files)
        default: return nil
        }
    }

    private static func visionConfiguration(
        _ fields: ConfigurationFields
    ) throws -> VisionTransformer.Configuration {
        guard try fields.flag("vision_use_head", default: true) else {
            throw ModelError.file(
                fields.file, "\(fields.path)vision_use_head is off: such a model has no vector of a picture")
        }
        return try VisionTransformer.Configuration(fields, .sigLIP, projection: nil)
    }

    private static func textConfiguration(
        _ fields: ConfigurationFields, _ files: ModelFiles
    ) throws -> TextTransformer.Configuration {
        let shape = try TransformerShape(fields, .sigLIP, width: 768, inner: 3072, heads: 12)
        let vocabulary = try fields.size("vocab_size", default: 32000, most: 1 << 22)
        return TextTransformer.Configuration(
            transformer: shape, vocabulary: vocabulary,
            positions: try fields.size("max_position_embeddings", default: 64, most: 1 << 14),
            projection: try fields.size("projection_size", default: shape.width), pooling: .last,
            isCausal: false,
            padding: try PaddingToken.read(files, fields, default: 1, vocabulary: vocabulary))
    }

    private static func image(
        _ sources: ModelSources, _ vision: VisionTransformer.Configuration
    ) -> @Sendable () throws -> any ImageEncoder {
        let weights = sources.weights
        let tower =
            weights.has("embeddings.patch_embedding.weight") ? weights : weights.under("vision_model")
        return {
            TowerImageEncoder(
                tower: try VisionTransformer(sigLIP: tower, vision),
                preprocessing: try Preprocessing.read(sources.files, side: vision.imageSide)
                    ?? .sigLIP(side: vision.imageSide), weights: weights)
        }
    }

    private static func text(
        _ sources: ModelSources, _ text: TextTransformer.Configuration
    ) -> @Sendable () throws -> any TextEncoder {
        let weights = sources.weights
        let tower = weights.has("embeddings.token_embedding.weight") ? weights : weights.under("text_model")
        return {
            try TowerTextEncoder.read(sources.files, text, weights) {
                try TextTransformer(sigLIP: tower, text)
            }
        }
    }
}
