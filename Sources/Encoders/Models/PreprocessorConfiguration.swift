package import Imaging
package import Inference

/// Mean and standard deviation of a training set's channels, red first.
struct ChannelStatistics: Sendable {
    let mean: [Float], std: [Float]

    /// Of the pictures OpenAI's CLIP was trained on.
    static let clip = ChannelStatistics(
        mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711])
    /// Of ImageNet, for torchvision's networks.
    static let imageNet = ChannelStatistics(mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225])
    /// One half for all, which brings pixels to -1...1.
    static let half = ChannelStatistics(mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5])
}

extension Preprocessing {
    /// What CLIP was trained with, for a model without a preprocessor_config.json.
    static func clip(side: Int) -> Preprocessing {
        Preprocessing(
            width: side, height: side, mode: .shortestEdgeCrop(resize: side), filter: .bicubic,
            mean: ChannelStatistics.clip.mean, std: ChannelStatistics.clip.std)
    }

    /// What SigLIP was trained with.
    static func sigLIP(side: Int) -> Preprocessing {
        Preprocessing(
            width: side, height: side, mode: .squash, filter: .bicubic, mean: ChannelStatistics.half.mean,
            std: ChannelStatistics.half.std)
    }

    /// What torchvision's networks were trained with.
    static func imageNet(side: Int) -> Preprocessing {
        Preprocessing(
            width: side, height: side, mode: .shortestEdgeCrop(resize: side * 256 / 224), filter: .bilinear,
            mean: ChannelStatistics.imageNet.mean, std: ChannelStatistics.imageNet.std,
            cropRounding: .halfToEven)
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
        return try Preprocessing(processor: json, side: side, file: "\(files.label)/\(name)")
    }
}

/// What a transformers image processor does where its file is silent.
private struct ProcessorDefaults {
    let size: JSON, crops: Bool, resample: Int
    /// Whether a single number for the size means both sides, not the shorter one.
    let squaresNumber: Bool
    let statistics: ChannelStatistics

    /// By the name of the processor; that of CLIP for any that does not say, or is not known.
    static func of(_ fields: ConfigurationFields, side: Int) throws(ModelError) -> ProcessorDefaults {
        let kind = try fields.text(
            "image_processor_type", default: try fields.text("feature_extractor_type", default: ""))
        let edge = JSON.number(Double(side)), square = JSON.object(["height": edge, "width": edge])
        return switch kind {
        case _ where kind.hasPrefix("Siglip"):
            ProcessorDefaults(
                size: square, crops: false, resample: 3, squaresNumber: false, statistics: .half)
        case _ where kind.hasPrefix("ViT") || kind.hasPrefix("Deit"):
            ProcessorDefaults(size: square, crops: false, resample: 2, squaresNumber: true, statistics: .half)
        default:
            ProcessorDefaults(
                size: .object(["shortest_edge": edge]), crops: true, resample: 3, squaresNumber: false,
                statistics: .clip)
        }
    }
}

extension Preprocessing {
    /// Reads what a transformers image processor is told, for a tower that takes squares of `side` pixels; `file`
    /// is for messages.
    package init(processor json: JSON, side: Int, file: String) throws(ModelError) {
        let fields = ConfigurationFields(json, file: file)
        let defaults = try ProcessorDefaults.of(fields, side: side)
        try fields.refuse(["do_pad", "crop_pct", "do_thumbnail", "do_align_long_axis"])
        let mode = try Preprocessing.mode(fields, defaults, side: side)
        let statistics = try Preprocessing.statistics(fields, defaults)
        self.init(
            width: side, height: side, mode: mode, filter: try Preprocessing.filter(fields, defaults),
            mean: statistics.mean, std: statistics.std,
            reversesChannels: try fields.flag("do_flip_channel_order", default: false))
    }

    private static func mode(
        _ fields: ConfigurationFields, _ defaults: ProcessorDefaults, side: Int
    ) throws(ModelError) -> Mode {
        let json = fields.json
        let crops = try fields.flag("do_center_crop", default: defaults.crops || json["crop_size"] != nil)
        if crops, let crop = json["crop_size"] {
            let height = crop.integer ?? crop["height"]?.integer,
                width = crop.integer ?? crop["width"]?.integer
            guard height == side, width == side else {
                throw .file(
                    fields.file, "crop_size is not \(side) x \(side), which the model's image_size asks for")
            }
        }
        guard try fields.flag("do_resize", default: true) else {
            guard crops else {
                throw .file(fields.file, "pictures are neither resized nor cropped, which is not supported")
            }
            return .crop
        }
        let size = json["size"] ?? defaults.size
        if let height = size["height"]?.integer, let width = size["width"]?.integer {
            return try squash(fields, width: width, height: height, crops: crops, side: side)
        }
        if defaults.squaresNumber, let edge = size.integer {
            return try squash(fields, width: edge, height: edge, crops: crops, side: side)
        }
        guard let edge = size.integer ?? size["shortest_edge"]?.integer, edge > 0, edge <= 8192,
            size["longest_edge"] == nil
        else { throw .file(fields.file, "size is no shortest_edge up to 8192, nor height and width") }
        guard crops else {
            throw .file(
                fields.file,
                "pictures are scaled by their shortest edge but not cropped, which is not supported")
        }
        return .shortestEdgeCrop(resize: edge)
    }

    private static func squash(
        _ fields: ConfigurationFields, width: Int, height: Int, crops: Bool, side: Int
    ) throws(ModelError) -> Mode {
        if height == side, width == side { return .squash }
        guard crops, width > 0, height > 0, width <= 8192, height <= 8192 else {
            throw .file(fields.file, "size is \(width) x \(height), but the model takes \(side) x \(side)")
        }
        return .squashCrop(width: width, height: height)
    }

    private static func filter(
        _ fields: ConfigurationFields, _ defaults: ProcessorDefaults
    ) throws(ModelError) -> ResizeFilter {
        // Pillow's numbers.
        let filters: [ResizeFilter] = [.nearest, .lanczos, .bilinear, .bicubic, .box, .hamming]
        let number = fields.json["resample"].map { $0.integer ?? -1 } ?? defaults.resample
        guard filters.indices.contains(number) else {
            throw .file(fields.file, "resample is none of Pillow's filters, 0 to 5")
        }
        return filters[number]
    }

    private static func statistics(
        _ fields: ConfigurationFields, _ defaults: ProcessorDefaults
    ) throws(ModelError) -> ChannelStatistics {
        var mean = defaults.statistics.mean.map(Double.init), std = defaults.statistics.std.map(Double.init)
        if try fields.flag("do_normalize", default: true) {
            mean = try fields.channels("image_mean") ?? mean
            std = try fields.channels("image_std") ?? std
        } else {
            (mean, std) = ([0, 0, 0], [1, 1, 1])
        }
        let rescales = try fields.flag("do_rescale", default: true)
        let factor = rescales ? fields.json["rescale_factor"]?.number ?? 1 / 255 : 1
        guard factor > 0, factor.isFinite else { throw .file(fields.file, "rescale_factor is \(factor)") }
        // Pixels are scaled by 1/255 here; another factor goes into mean and deviation.
        let other = abs(factor * 255 - 1) < 1e-9 ? 1 : 1 / (factor * 255)
        guard std.allSatisfy({ $0 > 0 }) else { throw .file(fields.file, "image_std is not above 0") }
        return ChannelStatistics(mean: mean.map { Float($0 * other) }, std: std.map { Float($0 * other) })
    }
}

extension ConfigurationFields {
    /// Three finite numbers, or one that stands for all three; nil when the field is missing.
    func channels(_ name: String) throws(ModelError) -> [Double]? {
        guard let field = json[name] else { return nil }
        let values = field.numbers ?? field.number.map { [$0, $0, $0] } ?? []
        guard values.count == 3, values.allSatisfy(\.isFinite) else {
            throw .file(file, "\(path)\(name) is not three numbers")
        }
        return values
    }
}
