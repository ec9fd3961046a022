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
                return TowerImageEncoder(
                    tower: try ResNet(network, projection: head),
                    preprocessing: try Preprocessing.read(files, side: side) ?? .imageNet(side: side))
            },
            text: { try TowerTextEncoder.clip(weights, text, files) })
    }
}
