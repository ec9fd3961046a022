package import Imaging
package import Inference

extension Preprocessing {
    /// Reads OpenCLIP's `preprocess_cfg`: what its `image_transform` does outside training.
    ///
    /// The picture's size is the tower's; OpenCLIP overrules a `size` there too.
    package init(openCLIP json: JSON, side: Int, file: String) throws(ModelError) {
        let fields = ConfigurationFields(json, file: file, path: "preprocess_cfg.")
        let mode: Mode
        switch try fields.text("resize_mode", default: "shortest") {
        case "shortest": mode = .shortestEdgeCrop(resize: side)
        case "squash": mode = .squash
        case "longest": mode = .longestEdgePad
        case let other:
            throw .file(
                fields.file,
                "\(fields.path)resize_mode is '\(other)', expected shortest, longest or squash")
        }
        let filter: ResizeFilter
        switch try fields.text("interpolation", default: "bicubic") {
        // OpenCLIP takes "random", which is for training, as bicubic here.
        case "bicubic", "random": filter = .bicubic
        case "bilinear": filter = .bilinear
        case let other:
            throw .file(
                fields.file, "\(fields.path)interpolation is '\(other)', expected bicubic or bilinear")
        }
        let colors = try fields.text("mode", default: "RGB")
        guard colors == "RGB" else {
            throw .file(fields.file, "\(fields.path)mode is '\(colors)', expected RGB")
        }
        guard try fields.number("fill_color", default: 0, in: 0...255) == 0 else {
            throw .file(fields.file, "\(fields.path)fill_color is not 0, which is not supported")
        }
        let clip = ChannelStatistics.clip
        let std = try fields.channels("std") ?? clip.std.map(Double.init)
        guard std.allSatisfy({ $0 > 0 }) else {
            throw .file(fields.file, "\(fields.path)std is not above 0")
        }
        self.init(
            width: side, height: side, mode: mode, filter: filter,
            mean: (try fields.channels("mean") ?? clip.mean.map(Double.init)).map { Float($0) },
            std: std.map { Float($0) }, cropRounding: .halfToEven)
    }
}
