public import Encoders
public import Imaging
public import SystemPackage
import SystemSupport

/// Makes vectors of single pictures and texts, without an index.
public struct VectorMaker: Sendable {
    private let model: Model
    private let limits: DecodeLimits

    /// Uses a model's towers, each of which is loaded when first needed.
    public init(model: Model, limits: DecodeLimits = DecodeLimits()) {
        self.model = model
        self.limits = limits
    }

    /// The unit vector of a text.
    public func text(_ words: String) throws -> [Float] {
        guard let encoder = try model.textEncoder else {
            throw LibraryError.missingTower(model: model.name, tower: "text")
        }
        return try encoder.encode([words])[0].values
    }

    /// The unit vector of a picture file.
    public func picture(_ path: FilePath) throws -> [Float] {
        try picture(FileContents.read(path, limit: PictureReader.largestFile).bytes, name: path)
    }

    /// The unit vector of a picture's bytes; `name` is what an error calls it.
    public func picture(_ bytes: [UInt8], name: FilePath) throws -> [Float] {
        guard let encoder = try model.imageEncoder else {
            throw LibraryError.missingTower(model: model.name, tower: "image")
        }
        do {
            let (pixels, _) = try PictureReader(preprocessing: encoder.preprocessing, limits: limits).picture(
                in: bytes)
            return try encoder.encode([pixels])[0].values
        } catch let error as ImagingError {
            throw LibraryError.unreadablePicture(name, error.description)
        }
    }
}
