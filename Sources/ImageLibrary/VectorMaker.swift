public import Encoders
public import Imaging
public import SystemPackage
import Synchronization
import SystemSupport

/// Makes vectors of pictures and texts, without an index.
public struct VectorMaker: Sendable {
    private let model: Model
    private let limits: DecodeLimits
    private let onEarlyEnd: @Sendable (FilePath) -> Void

    /// Uses a model's towers, each of which is loaded when first needed.
    ///
    /// `onEarlyEnd` is told of every picture whose file ends early, on the thread that has read it: its vector is that
    /// of what is there.
    public init(
        model: Model, limits: DecodeLimits = DecodeLimits(),
        onEarlyEnd: @escaping @Sendable (FilePath) -> Void = { _ in }
    ) {
        self.model = model
        self.limits = limits
        self.onEarlyEnd = onEarlyEnd
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
        let encoder = try imageEncoder
        return try encoder.encode(prepared: [prepared(bytes, name: name, for: encoder)])[0].values
    }

    /// Pictures that the tower sees together, at most.
    private static let batchSize = 8

    /// The unit vectors of picture files, in their order, made on several threads; a file that cannot be read has an
    /// error in its place.
    ///
    /// A vector may differ in its last bits with what it is computed beside (cosine above 0.999999).
    public func pictures(_ paths: [FilePath], threads: Int) throws -> [Result<[Float], any Error>] {
        let encoder = try imageEncoder
        let parts = WorkerThreads.parts(of: paths.count, threads: threads, most: Self.batchSize)
        let made = Mutex([[Result<[Float], any Error>]](repeating: [], count: parts.count))
        WorkerThreads.forEach(parts.count, threads: threads) { number in
            let results = vectors(of: paths[parts[number]], encoder)
            made.withLock { $0[number] = results }
        }
        return Array(made.withLock { $0 }.joined())
    }

    private func vectors(of paths: ArraySlice<FilePath>, _ encoder: any ImageEncoder) -> [Result<
        [Float], any Error
    >] {
        let pixels = paths.map { path in
            Result {
                try prepared(
                    FileContents.read(path, limit: PictureReader.largestFile).bytes, name: path, for: encoder)
            }
        }
        let readable = pixels.compactMap { try? $0.get() }
        let encoded = Result { readable.isEmpty ? [] : try encoder.encode(prepared: readable) }
        var next = 0
        return pixels.map { picture in
            picture.flatMap { _ in
                defer { next += 1 }
                return encoded.map { $0[next].values }
            }
        }
    }

    private var imageEncoder: any ImageEncoder {
        get throws {
            guard let encoder = try model.imageEncoder else {
                throw LibraryError.missingTower(model: model.name, tower: "image")
            }
            return encoder
        }
    }

    /// A picture as the tower wants it, decoded as it is for an index.
    private func prepared(
        _ bytes: [UInt8], name: FilePath, for encoder: any ImageEncoder
    ) throws -> PixelBuffer {
        do {
            let reader = PictureReader(preprocessing: encoder.preprocessing, limits: limits)
            let picture = try reader.decoded(bytes)
            if picture.info.isTruncated { onEarlyEnd(name) }
            return encoder.preprocessing.pixels(from: picture.pixels)
        } catch {
            throw LibraryError.unreadablePicture(name, error.description)
        }
    }
}
