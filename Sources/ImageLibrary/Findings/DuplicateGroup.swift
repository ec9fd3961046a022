public import Imaging
public import SystemPackage
import SystemSupport

/// What kind of copy two pictures are of each other; each level includes the ones before.
public enum CopyLevel: Int, Sendable, Comparable, CaseIterable {
    /// The same bytes.
    case bytes
    /// The same pixels: only metadata or the container differ.
    case pixels
    /// The same photograph: re-encoded, resized, lightly cropped or edited.
    case copies
    /// The same photograph, edited more: cropped far, turned, mirrored, framed, captioned, a screenshot of it.
    case edits
    /// Another photograph of the same scene: bursts, the same place.
    case similar

    /// The word for it.
    public var name: String {
        switch self {
        case .bytes: "bytes"
        case .pixels: "pixels"
        case .copies: "copies"
        case .edits: "edits"
        case .similar: "similar"
        }
    }

    /// Orders by how much two pictures may differ.
    public static func < (a: CopyLevel, b: CopyLevel) -> Bool { a.rawValue < b.rawValue }
}

/// Pictures that are copies of one of them.
public struct DuplicateGroup: Sendable {
    /// A file of the group.
    public struct Member: Sendable {
        /// Where it stands.
        public let path: FilePath
        /// How it matches the file that is kept.
        public let level: CopyLevel
        /// Cosine similarity to the file that is kept.
        public let score: Float
        /// What was done to one to get the other, for people: "rotated 90°"; empty when nothing can be told.
        public let evidence: String
        /// Bytes, upright width and height.
        public let size: Int64, width: Int, height: Int
        /// The format its bytes are in.
        public let format: ImageFormat
        /// Modification time in nanoseconds since 1970.
        public let modified: Int64
        /// When the picture was taken, `YYYY-MM-DDThh:mm:ss` in the camera's time, if it says.
        public let captured: String?
        /// SHA-256 of its bytes.
        public let contentHash: [UInt8]
        /// Whether it lies in a folder that is never touched.
        public let isReference: Bool
        /// Why it is kept, or why the first member is kept rather than this one: "fewer pixels (8×6 < 16×12)".
        public let reason: String

        package init(
            path: FilePath, level: CopyLevel, score: Float, evidence: String, size: Int64, width: Int,
            height: Int, format: ImageFormat, modified: Int64, captured: String?, contentHash: [UInt8],
            isReference: Bool, reason: String
        ) {
            self.path = path
            self.level = level
            self.score = score
            self.evidence = evidence
            self.size = size
            self.width = width
            self.height = height
            self.format = format
            self.modified = modified
            self.captured = captured
            self.contentHash = contentHash
            self.isReference = isReference
            self.reason = reason
        }
    }

    /// The members; the first is the one that the rule keeps.
    public let members: [Member]

    package init(members: [Member]) { self.members = members }
}

/// What a search for copies looks at.
public struct DuplicateOptions: Sendable {
    /// The loosest match that counts.
    public var level = CopyLevel.copies
    /// Only files at or below these paths, when there are any.
    public var folders: [FilePath] = []
    /// Which copy is kept.
    public var rule = KeepRule.standard
    /// Folders whose files are never touched and always kept.
    public var references: [FilePath] = []
    /// Whether only matches count between files of different folders: of those asked for, else of the index's roots.
    public var isIsolated = false
    /// Threads to use.
    public var threads = Platform.coreCount
    /// What decoding may cost.
    public var limits = DecodeLimits()

    /// The defaults.
    public init() {}
}
