/// Why a picture could not be read.
public enum ImagingError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There are no bytes.
    case empty
    /// The first bytes are those of no format that is read.
    case unknownFormat
    /// The data ends before the picture does, and too little came before that.
    case truncated(ImageFormat, detail: String)
    /// The data contradicts its format.
    case corrupt(ImageFormat, detail: String)
    /// The file is valid, but uses something that is not read.
    case unsupported(ImageFormat, detail: String)
    /// The picture (or a part of it that has to be decoded) has more pixels than the limit allows.
    case tooLarge(ImageFormat, width: Int, height: Int, maxMegapixels: Double)
    /// A decoder needs more working memory than it may or can have.
    case outOfMemory(ImageFormat, detail: String)
    /// The library that reads this format cannot be opened.
    case libraryMissing(ImageFormat, library: String, remedy: String)

    /// The error as one line, without the file's name.
    public var description: String {
        switch self {
        case .empty: "the file is empty"
        case .unknownFormat: "not a picture format that imgvec reads"
        case .truncated(let format, let detail): "truncated \(format.name): \(detail)"
        case .corrupt(let format, let detail): "damaged \(format.name): \(detail)"
        case .unsupported(let format, let detail): "unsupported \(format.name): \(detail)"
        case .tooLarge(let format, let width, let height, let limit):
            "\(format.name) of \(width) x \(height) pixels is larger than the limit of \(limit) megapixels"
        case .outOfMemory(let format, let detail): "\(format.name) needs too much memory: \(detail)"
        case .libraryMissing(let format, let library, let remedy):
            "\(format.name) needs \(library), which cannot be opened; \(remedy)"
        }
    }
}

extension ImageFormat {
    /// The format's name as people write it.
    public var name: String {
        switch self {
        case .webp: "WebP"
        case .jpeg, .png, .gif, .tiff, .bmp, .pnm, .heic, .avif: rawValue.uppercased()
        }
    }
}
