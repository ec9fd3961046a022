public import SystemPackage
public import SystemSupport

/// Which files of a folder belong to a picture and go where it goes.
///
/// Sidecars (`a.xmp`, `a.jpg.xmp`, `a.aae`, `a.thm`), the film of a Live Photo (`a.mov` beside `a.heic` or `a.jpg`)
/// and the raw file beside a camera's JPEG. Names are compared without regard to the case of their extensions.
public enum Companions {
    /// What a companion is to its picture.
    public enum Kind: Sendable, Equatable {
        /// Edits and descriptions; worth something only beside the picture.
        case sidecar
        /// A raw file or a film: a picture of its own, which has no copy just because the picture beside it has.
        case original
    }

    /// Extensions of raw files: those that dcraw and LibRaw list for cameras still met.
    static let rawExtensions: Set<String> = [
        "3fr", "ari", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dcs", "dng", "drf", "eip", "erf",
        "fff",
        "gpr", "iiq", "k25", "kdc", "mdc", "mef", "mos", "mrw", "nef", "nrw", "orf", "pef", "ptx", "pxn",
        "raf",
        "raw", "rw2", "rwl", "rwz", "sr2", "srf", "srw", "x3f",
    ]
    private static let sidecarExtensions: Set<String> = ["xmp", "aae", "thm"]
    private static let filmExtensions: Set<String> = ["mov"]
    private static let livePhotoExtensions: Set<String> = ["heic", "heif", "hif", "jpg", "jpeg"]

    /// Extensions of the pictures that companions stand beside.
    private static let pictureExtensions: Set<String> = [
        "avif", "bmp", "gif", "heic", "heif", "hif", "jpe", "jpeg", "jpg", "png", "tif", "tiff", "webp",
    ]

    /// Whether a name is one that pictures go by, raw files among them.
    static func isPicture(_ name: FilePath.Component) -> Bool {
        pictureExtensions.contains(fileExtension(of: name.bytes)) || isRaw(name)
    }

    /// Whether a name is one that raw files go by.
    public static func isRaw(_ name: FilePath.Component) -> Bool {
        rawExtensions.contains(fileExtension(of: name.bytes))
    }

    /// What a file is to a picture in the same folder; nil when it does not belong to it.
    public static func kind(of name: FilePath.Component, beside picture: FilePath.Component) -> Kind? {
        let (bytes, whole) = (name.bytes, picture.bytes)
        guard bytes != whole, let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        let stem = bytes[..<dot]
        let own = fileExtension(of: bytes), others = fileExtension(of: whole)
        let isSameStem = stem.elementsEqual(whole.prefix(picture.stemLength))
        if sidecarExtensions.contains(own), isSameStem || stem.elementsEqual(whole) { return .sidecar }
        guard isSameStem else { return nil }
        if rawExtensions.contains(own), !rawExtensions.contains(others) { return .original }
        if filmExtensions.contains(own), livePhotoExtensions.contains(others) { return .original }
        return nil
    }

    /// Whether two files of one folder are one picture in two forms: a raw file and what the camera made of it.
    public static func areOnePicture(_ a: FilePath, _ b: FilePath) -> Bool {
        guard let first = a.lastComponent, let second = b.lastComponent,
            a.removingLastComponent() == b.removingLastComponent()
        else { return false }
        return kind(of: first, beside: second) == .original || kind(of: second, beside: first) == .original
    }

    private static func fileExtension(of name: [UInt8]) -> String {
        guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return "" }
        return String(decoding: name[(dot + 1)...], as: UTF8.self).lowercased()
    }
}

/// Finds companions on the disk; remembers the folders it has listed.
public struct CompanionFinder {
    private var stems: [FilePath: [[UInt8]: [FilePath.Component]]] = [:]
    private var nameCount = 0
    /// So many names are remembered.
    private static let capacity = 1_000_000

    /// Has listed nothing yet.
    public init() {}

    /// The regular files that belong to a picture, by name.
    public mutating func companions(
        of picture: FilePath
    ) throws(SystemError) -> [(path: FilePath, kind: Companions.Kind)] {
        guard let name = picture.lastComponent else { return [] }
        let folder = picture.removingLastComponent()
        let known = try listing(of: folder)
        // A sidecar may be named after the stem or after the whole name of its picture.
        let candidates =
            (known[Array(name.bytes.prefix(name.stemLength))] ?? [])
            + (known[name.bytes] ?? [])
        var found: [(path: FilePath, kind: Companions.Kind)] = []
        for candidate in candidates {
            guard let kind = Companions.kind(of: candidate, beside: name) else { continue }
            let path = folder.appending(candidate)
            guard (try? FileStatus.of(path, followingLinks: false))?.kind == .regular,
                !found.contains(where: { $0.path == path })
            else { continue }
            found.append((path, kind))
        }
        return found.sorted { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
    }

    /// The pictures that a companion of one picture belongs to as much: `a.xmp` belongs to `a.jpg` and to `a.png`.
    /// What goes with the picture itself, as its raw file, is none of them.
    public mutating func otherPictures(
        of companion: FilePath, than picture: FilePath
    ) throws(SystemError) -> [FilePath] {
        guard let name = companion.lastComponent, let own = picture.lastComponent else { return [] }
        let folder = companion.removingLastComponent()
        let known = try listing(of: folder)
        let stem = Array(name.bytes.prefix(name.stemLength))
        var others: [FilePath] = []
        for other in known[stem] ?? []
        where other != name && other != own && Companions.isPicture(other)
            && Companions.kind(of: name, beside: other) != nil
            && Companions.kind(of: other, beside: own) == nil
        {
            let path = folder.appending(other)
            if (try? FileStatus.of(path, followingLinks: false))?.kind == .regular { others.append(path) }
        }
        return others
    }

    private mutating func listing(
        of folder: FilePath
    ) throws(SystemError) -> [[UInt8]: [FilePath.Component]] {
        if let known = stems[folder] { return known }
        var listing: [[UInt8]: [FilePath.Component]] = [:]
        for entry in try Folders.list(folder) {
            listing[Array(entry.name.bytes.prefix(entry.name.stemLength)), default: []].append(
                entry.name)
        }
        let count = listing.values.reduce(0) { $0 + $1.count }
        if nameCount + count > Self.capacity {
            stems.removeAll()
            nameCount = 0
        }
        nameCount += count
        stems[folder] = listing
        return listing
    }
}
