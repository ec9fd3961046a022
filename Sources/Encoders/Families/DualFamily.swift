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
        let banks = try querybanks(fields, parts)
        let side = try vision.size("image_size", most: 4096)
        return ModelDescription(
            name: [fields.json["name"]?.string, fields.json["version"]?.string].compactMap { $0 }
                .joined(separator: "-"),
            architecture: "\(layout.label) + text transformer", dimension: projection,
            logitScale: try LogitScale.read(weights),
            calibration: try fields.json["calibration"].map { try ScoreCalibration($0, file: fields.file) },
            image: {
                let likeness = try banks.map {
                    try Querybanks(weights.under("querybanks"), counts: $0, width: parts[0].dimension)
                }
                let head = try weights.linear(
                    "visual_projection", inputs: layout.width,
                    outputs: projection - (likeness?.dimension ?? 0), bias: false)
                let tower = try ResNet(network, projection: head)
                return TowerImageEncoder(
                    tower: parts.isEmpty ? tower : PartedTower(tower, parts: parts, querybanks: likeness),
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

    /// Reads `querybanks`, the number of texts in each bank that the last of the image parts is made of; nil without it.
    private static func querybanks(
        _ fields: ConfigurationFields, _ parts: [PartedTower.Part]
    ) throws(ModelError) -> [Int]? {
        guard let list = fields.json["querybanks"] else { return nil }
        let counts = list.array?.compactMap(\.integer) ?? []
        guard !counts.isEmpty, counts.count == list.array?.count,
            counts.allSatisfy({ (1...1_000_000).contains($0) })
        else { throw .file(fields.file, "querybanks is no list of numbers of texts") }
        guard parts.count > 1, parts.last?.dimension == counts.count + 1 else {
            throw .file(
                fields.file,
                "the last of the image_parts does not have the \(counts.count + 1) dimensions of "
                    + "\(counts.count) querybanks")
        }
        return counts
    }
}
