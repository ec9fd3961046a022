import Imaging
import Inference

/// imgvec's own dual encoder: a residual network and CLIP's text transformer, both projected into one space.
enum DualFamily: ModelFamily {
    static let mark = "'imgvec_dual'"

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        guard sources.configuration?["model_type"]?.string == "imgvec_dual" else { return nil }
        let fields = sources.fields, weights = sources.weights, files = sources.files
        let projection = try fields.size("projection_dim"), vision = fields.under("vision_config")
        try vision.require("model_type", "resnet")
        let network = weights.under("vision_model")
        let layout = try ResNetLayout(network)
        guard vision.json["hidden_sizes"]?.numbers ?? [] == layout.widths.map(Double.init),
            vision.json["depths"]?.numbers ?? [] == layout.depths.map(Double.init)
        else {
            throw ModelError.file(
                fields.file,
                "vision_config differs from the weights, which have widths \(layout.widths) and depths "
                    + "\(layout.depths)")
        }
        let text = try TextTransformer.Configuration(fields.under("text_config"), projection: projection)
        let parts = try imageParts(fields, dimension: projection)
        let side = try vision.size("image_size", most: 4096)
        return ModelDescription(
            name: [fields.json["name"]?.string, fields.json["version"]?.string].compactMap { $0 }
                .joined(separator: "-"),
            architecture: "\(layout.label) + text transformer", dimension: projection,
            logitScale: try LogitScale.read(weights),
            calibration: try fields.json["calibration"].map { try ScoreCalibration($0, file: fields.file) },
            image: {
                let head = try weights.linear(
                    "visual_projection", inputs: layout.width, outputs: projection, bias: false)
                let tower = try ResNet(network, projection: head)
                return TowerImageEncoder(
                    tower: parts.isEmpty ? tower : PartedTower(tower, parts: parts),
                    preprocessing: try Preprocessing.read(files, side: side) ?? .imageNet(side: side))
            },
            text: { try TowerTextEncoder.clip(weights, text, files) })
    }

    /// Reads `image_parts`, a list of objects with `dimension` and `share`; empty when the vectors are of one piece.
    private static func imageParts(
        _ fields: ConfigurationFields, dimension: Int
    ) throws(ModelError) -> [PartedTower.Part] {
        guard let list = fields.json["image_parts"] else { return [] }
        var parts: [PartedTower.Part] = []
        for member in list.array ?? [] {
            let part = ConfigurationFields(member, file: fields.file, path: "image_parts.")
            guard let share = member["share"]?.number, share > 0, share <= 1 else {
                throw .file(fields.file, "image_parts.share is no number above 0 and up to 1")
            }
            parts.append(PartedTower.Part(dimension: try part.size("dimension"), share: Float(share)))
        }
        guard parts.reduce(0, { $0 + $1.dimension }) == dimension,
            abs(parts.reduce(0) { $0 + $1.share } - 1) < 1e-3
        else {
            throw .file(
                fields.file, "image_parts do not add up to \(dimension) dimensions and a share of 1")
        }
        return parts
    }
}
