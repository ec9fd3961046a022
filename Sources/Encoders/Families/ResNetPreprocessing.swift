import Imaging
import Inference

extension Preprocessing {
    private static let imageNetMean = [0.485, 0.456, 0.406], imageNetDeviation = [0.229, 0.224, 0.225]

    /// What timm's evaluation transforms do for a `pretrained_cfg` (`transforms_imagenet_eval`).
    static func timm(_ fields: ConfigurationFields) throws(ModelError) -> Preprocessing {
        let size =
            fields.json["input_size"] == nil ? [3, 224, 224] : try fields.numbers("input_size", count: 3)
        guard size[0] == 3, size[1] == size[2], let side = Int(exactly: size[1]), side > 0, side <= 4096
        else {
            throw .file(fields.file, "\(fields.path)input_size is \(size), expected [3, side, side]")
        }
        let share = try fields.number("crop_pct", default: 0.875, in: 0.05...1)
        let resize = Int((Double(side) / share).rounded(.down))
        let mode: Mode
        switch try fields.text("crop_mode", default: "center") {
        case "center": mode = .shortestEdgeCrop(resize: resize)
        case "squash" where resize == side: mode = .squash
        case let other:
            throw .file(fields.file, "\(fields.path)crop_mode '\(other)' is not supported, expected 'center'")
        }
        guard fields.json["crop_border_pixels"]?.number ?? 0 == 0 else {
            throw .file(fields.file, "\(fields.path)crop_border_pixels is not supported")
        }
        let filter: ResizeFilter
        switch try fields.text("interpolation", default: "bicubic") {
        case "bicubic": filter = .bicubic
        case "bilinear": filter = .bilinear
        case let other:
            throw .file(
                fields.file, "\(fields.path)interpolation is '\(other)', expected 'bicubic' or 'bilinear'")
        }
        return Preprocessing(
            width: side, height: side, mode: mode, filter: filter,
            mean: try fields.channels("mean", default: imageNetMean, above: -.infinity),
            std: try fields.channels("std", default: imageNetDeviation, above: 0), cropRounding: .halfToEven)
    }

    /// What transformers' `ConvNextImageProcessor` does, which comes with its ResNets; else what the file says.
    ///
    /// Nil without a preprocessor_config.json.
    static func convNeXt(_ files: ModelFiles) throws -> Preprocessing? {
        guard let json = try files.json("preprocessor_config.json") else { return nil }
        let fields = ConfigurationFields(json, file: "\(files.label)/preprocessor_config.json")
        let kind = json["image_processor_type"]?.string ?? json["feature_extractor_type"]?.string ?? ""
        guard kind.hasPrefix("ConvNext") else { return try read(files, side: 224) }
        let side: Int
        if case .object? = json["size"] {
            side = try fields.under("size").size("shortest_edge", most: 4096)
        } else {
            side = try fields.size("size", default: 384, most: 4096)
        }
        for flag in ["do_resize", "do_rescale", "do_normalize"] where try !fields.flag(flag, default: true) {
            throw ModelError.file(fields.file, "\(flag) is off, which is not supported")
        }
        let factor = try fields.number("rescale_factor", default: 1 / 255, in: 0...1)
        guard abs(factor * 255 - 1) < 1e-9 else {
            throw ModelError.file(fields.file, "rescale_factor is \(factor), expected 1/255")
        }
        let share = try fields.number("crop_pct", default: 224.0 / 256, in: 0.05...1)
        let filter: ResizeFilter
        switch try fields.number("resample", default: 2, in: 0...5) {
        case 2: filter = .bilinear
        case 3: filter = .bicubic
        case let other:
            throw ModelError.file(
                fields.file, "resample is \(Int(other)), expected 2 (bilinear) or 3 (bicubic)")
        }
        return Preprocessing(
            width: side, height: side,
            mode: side < 384 ? .shortestEdgeCrop(resize: Int(Double(side) / share)) : .squash, filter: filter,
            mean: try fields.channels("image_mean", default: [0.5, 0.5, 0.5], above: -.infinity),
            std: try fields.channels("image_std", default: [0.5, 0.5, 0.5], above: 0))
    }
}

extension ConfigurationFields {
    /// One number per colour channel.
    fileprivate func channels(
        _ name: String, default value: [Double], above bound: Double
    ) throws(ModelError) -> [Float] {
        let numbers = json[name] == nil ? value : try numbers(name, count: 3)
        guard numbers.allSatisfy({ $0 > bound }) else { throw .file(file, "\(path)\(name) is \(numbers)") }
        return numbers.map(Float.init)
    }
}
