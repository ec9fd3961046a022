import Foundation
import GRDB
public import Imaging
public import SystemPackage
import SystemSupport

/// What has become of a file that the catalog knows.
public enum FileState: Int, Sendable {
    /// Decoded and described; it has a content.
    case indexed = 0
    /// Could not be read or decoded; the reason is kept until the file changes.
    case unreadable = 1
    /// Was there once and is gone; its content is kept until `compact`.
    case missing = 2
}

/// A folder that was handed to `index`; files are stored relative to it.
public struct RootRecord: Sendable, Equatable {
    /// The row's number.
    public let id: Int64
    /// The absolute path of the root as it stands now.
    public let path: FilePath
    /// False for the collection of single files, which is never walked.
    public let isWalked: Bool
}

/// A file as the catalog remembers it.
public struct FileRecord: Sendable, Equatable {
    /// The row's number.
    public let id: Int64
    /// The root the path is relative to.
    public let rootID: Int64
    /// The path below the root, byte for byte.
    public let relativePath: [UInt8]
    /// Size in bytes when last read.
    public let size: Int64
    /// Modification time in nanoseconds since 1970 when last read.
    public let modified: Int64
    /// The device and the number on it, which recognise a renamed file.
    public let device: UInt64, inode: UInt64
    /// What has become of it.
    public let state: FileState
    /// The picture in it, when it could be read.
    public let contentID: UInt64?
    /// Why it could not be read.
    public let reason: String?

    init(row: Row) {
        id = row["id"]
        rootID = row["root_id"]
        relativePath = [UInt8](row["path"] as Data? ?? Data())
        size = row["size"]
        modified = row["modified"]
        device = UInt64(bitPattern: row["device"])
        inode = UInt64(bitPattern: row["inode"])
        state = FileState(rawValue: row["state"]) ?? .missing
        contentID = (row["content_id"] as Int64?).map(UInt64.init(bitPattern:))
        reason = row["reason"]
    }

    /// Whether the file on the disk is still the one that was read.
    func isUnchanged(_ status: FileStatus) -> Bool {
        size == status.size && modified == status.modifiedNanoseconds && inode == status.inode
    }
}

/// A distinct picture: everything the catalog knows of it but its names.
public struct ContentRecord: Sendable, Equatable {
    /// The number that also identifies its rows in the vector segments; never used again.
    public let id: UInt64
    /// SHA-256 of the file's bytes.
    public let hash: [UInt8]
    /// Size of the file in bytes.
    public let size: Int64
    /// The format its bytes are in.
    public let format: ImageFormat
    /// Upright width and height in pixels.
    public let width: Int, height: Int
    /// The EXIF orientation that was applied.
    public let orientation: Int
    /// When it was taken, `YYYY-MM-DDThh:mm:ss` in the camera's time, if it says.
    public let captured: String?
    /// Whether the file ended early and part of the picture is made up.
    public let isTruncated: Bool
    /// The 256-bit PDQ hash and its quality, 0 to 100.
    public let pdq: PDQHash, pdqQuality: Int
    /// Sharpness, brightness, contrast, entropy and colourfulness.
    public let quality: QualityMeasures
}

extension ContentRecord {
    init?(row: Row) {
        guard let format = ImageFormat(rawValue: row["format"] as String? ?? ""),
            let pdq = PDQHash(bytes: [UInt8](row["pdq"] as Data? ?? Data()))
        else { return nil }
        self.init(
            id: UInt64(bitPattern: row["id"]), hash: [UInt8](row["hash"] as Data? ?? Data()),
            size: row["size"],
            format: format, width: row["width"], height: row["height"], orientation: row["orientation"],
            captured: row["captured"], isTruncated: row["is_truncated"], pdq: pdq,
            pdqQuality: row["pdq_quality"],
            quality: QualityMeasures(
                sharpness: row["sharpness"], brightness: row["brightness"], contrast: row["contrast"],
                entropy: row["entropy"], colorfulness: row["colorfulness"]))
    }
}

/// A model whose vectors the index holds.
public struct ModelRecord: Sendable, Equatable {
    /// The row's number.
    public let id: Int64
    /// The model's fingerprint, in hexadecimal.
    public let fingerprint: String
    /// The name people know it by.
    public let name: String
    /// Where it was loaded from, nil for the embedded one.
    public let source: FilePath?
    /// Length of its vectors.
    public let dimension: Int

    init(row: Row) {
        id = row["id"]
        fingerprint = row["fingerprint"]
        name = row["name"]
        source = (row["source"] as Data?).flatMap { FilePath(bytes: $0) }
        dimension = row["dimension"]
    }

    /// The folder name of its segments.
    public var folderName: String { String(fingerprint.prefix(16)) }
}
