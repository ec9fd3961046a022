import Imaging
import Inference

extension Preprocessing {
    /// Mean and standard deviation of the pictures OpenAI's CLIP was trained on.
    private static let clip = (
        mean: [0.48145466, 0.4578275, 0.40821073] as [Float],
        std: [0.26862954, 0.26130258, 0.27577711] as [Float]
    )
    /// Mean and standard deviation of ImageNet, for torchvision's networks.
    private static let imageNet = (
        mean: [0.485, 0.456, 0.406] as [Float], std: [0.229, 0.224, 0.225] as [Float]
    )

    /// What CLIP was trained with, for a model without a preprocessor_config.json.
    static func clip(side: Int) -> Preprocessing {
        Preprocessing(
            width: side, height: side, mode: .shortestEdgeCrop(resize: side), filter: .bicubic,
            mean: clip.mean, std: clip.std)
    }

    /// What torchvision's networks were trained with.
    static func imageNet(side: Int) -> Preprocessing {
        Preprocessing(
            width: side, height: side, mode: .shortestEdgeCrop(resize: side * 256 / 224), filter: .bilinear,
            mean: imageNet.mean, std: imageNet.std, cropRounding: .halfToEven)
    }

    /// Reads preprocessor_config.json (or the same object in processor_config.json), nil when there is
    /// neither.
    static func read(_ files: ModelFiles, side: Int) throws -> Preprocessing? {
        let name: String, json: JSON
        if let value = try files.json("preprocessor_config.json") {
            (name, json) = ("preprocessor_config.json", value)
        } else if let value = try files.json("processor_config.json")?["image_processor"] {
            (name, json) = ("processor_config.json", value)
        } else {
            return nil
        }
        let fields = ConfigurationFields(json, file: "\(files.label)/\(name)")
        let mode = try readMode(fields, side: side)
        let (mean, std) = try readNormalization(fields)
        return Preprocessing(
            width: side, height: side, mode: mode, filter: try readFilter(fields), mean: mean, std: std)
    }

    private static func readMode(_ fields: ConfigurationFields, side: Int) throws(ModelError) -> Mode {
        let json = fields.json
        guard json["do_resize"]?.bool ?? true else {
            throw .file(fields.file, "do_resize is off, which is not supported")
        }
        let crops = json["do_center_crop"]?.bool ?? (json["crop_size"] != nil)
        if crops, let crop = json["crop_size"] {
            let height = crop.integer ?? crop["height"]?.integer,
                width = crop.integer ?? crop["width"]?.integer
            guard height == side, width == side else {
                throw .file(
                    fields.file, "crop_size is not \(side) x \(side), which the model's image_size asks for")
            }
        }
        guard let size = json["size"] else { return crops ? .shortestEdgeCrop(resize: side) : .squash }
        if case .object = size, let height = size["height"]?.integer, let width = size["width"]?.integer {
            guard height == side, width == side else {
                throw .file(
                    fields.file, "size is \(width) x \(height), but the model takes \(side) x \(side)")
            }
            return .squash
        }
        guard let edge = size.integer ?? size["shortest_edge"]?.integer, edge >= side, edge <= 8192 else {
            throw .file(fields.file, "size is no edge from \(side) to 8192, nor height and width")
        }
        guard crops else {
            throw .file(
                fields.file,
                "pictures are scaled by their shortest edge but not cropped, which is not supported")
        }
        return .shortestEdgeCrop(resize: edge)
    }

    private static func readFilter(_ fields: ConfigurationFields) throws(ModelError) -> ResizeFilter {
        // Pillow's numbers; without one, CLIP's processor takes bicubic.
        let number = fields.json["resample"].map { $0.integer ?? -1 } ?? 3
        switch number {
        case 2: return .bilinear
        case 3: return .bicubic
        default: throw .file(fields.file, "resample is \(number), expected 2 (bilinear) or 3 (bicubic)")
        }
    }

    private static func readNormalization(_ fields: ConfigurationFields) throws(ModelError) -> (
        [Float], [Float]
    ) {
        let json = fields.json
        var mean: [Double] = clip.mean.map(Double.init), std: [Double] = clip.std.map(Double.init)
        if let value = json["image_mean"] { mean = value.numbers ?? [] }
        if let value = json["image_std"] { std = value.numbers ?? [] }
        if json["do_normalize"]?.bool == false { (mean, std) = ([0, 0, 0], [1, 1, 1]) }
        guard mean.count == 3, std.count == 3, std.allSatisfy({ $0 > 0 && $0.isFinite }) else {
            throw .file(fields.file, "image_mean and image_std are not three numbers each")
        }
        let rescales = json["do_rescale"]?.bool ?? true
        let factor = rescales ? json["rescale_factor"]?.number ?? 1 / 255 : 1
        guard factor > 0, factor.isFinite else { throw .file(fields.file, "rescale_factor is \(factor)") }
        // Pixels are scaled by 1/255 here; another factor goes into mean and deviation.
        let other = abs(factor * 255 - 1) < 1e-9 ? 1 : 1 / (factor * 255)
        return (mean.map { Float($0 * other) }, std.map { Float($0 * other) })
    }
}
