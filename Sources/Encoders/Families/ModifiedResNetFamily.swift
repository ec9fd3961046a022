import Imaging
import Inference

/// CLIP's residual network by itself: its image tower under OpenAI's names, or under timm's.
enum ModifiedResNetFamily: ModelFamily {
    static let mark = "CLIP's ResNet by its tensors"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        let all = sources.weights, alone = all.under("visual")
        let weights: WeightReader, naming: ModifiedResNet.Naming
        if all.has("stem.conv1.conv.weight"), all.has("head.pos_embed") {
            (weights, naming) = (all, .timm)
        } else if all.has("attnpool.positional_embedding") {
            (weights, naming) = (all, .openAI)
        } else if sources.configuration == nil, alone.has("attnpool.positional_embedding") {
            (weights, naming) = (alone, .openAI)
        } else {
            return nil
        }
        let network = try ModifiedResNet(weights, naming)
        let side = network.imageSide
        return ModelDescription(
            architecture: "CLIP \(network.label), image tower", dimension: network.dimension,
            image: {
                // Built anew: what its layers make of their weights is decided now.
                TowerImageEncoder(
                    tower: try ModifiedResNet(weights, naming),
                    preprocessing: try preprocessing(sources, side: side),
                    weights: weights)
            })
    }

    /// What preprocessor_config.json says, else timm's `pretrained_cfg`, else what CLIP was trained with.
    private static func preprocessing(_ sources: ModelSources, side: Int) throws -> Preprocessing {
        if let preprocessing = try Preprocessing.read(sources.files, side: side) { return preprocessing }
        guard sources.configuration?["pretrained_cfg"] != nil else { return .clip(side: side) }
        let preprocessing = try Preprocessing.timm(sources.fields.under("pretrained_cfg"))
        guard preprocessing.width == side, preprocessing.height == side else {
            throw ModelError.file(
                sources.fields.file,
                "pretrained_cfg.input_size is not \(side) x \(side), which the weights are for")
        }
        return preprocessing
    }
}

extension ModifiedResNet {
    /// "RN50" for the published ones, else depths and width.
    static func label(depths: [Int], width: Int) -> String {
        switch (depths, width) {
        case ([3, 4, 6, 3], 64): "RN50"
        case ([3, 4, 23, 3], 64): "RN101"
        case ([4, 6, 10, 6], 80): "RN50x4"
        case ([6, 8, 18, 8], 96): "RN50x16"
        case ([3, 15, 36, 10], 128): "RN50x64"
        default: "ResNet \(depths), width \(width)"
        }
    }

    /// The network's name by its sizes.
    var label: String { ModifiedResNet.label(depths: depths, width: width) }
}
