/// What a plan says is to be done with a file.
public enum PlanAction: String, Sendable, CaseIterable, Codable {
    /// The file is the one of its group that stays.
    case keep
    /// The file stays, too, although it is a copy.
    case skip
    /// It goes to the trash of the file system it stands on.
    case trash
    /// It goes to another folder.
    case move
    /// Its name becomes a further name of the kept file.
    case hardlink
    /// Its name becomes a symbolic link to the kept file.
    case symlink
    /// It becomes a file of its own that shares the kept file's blocks (copy on write).
    case reflink
    /// It is removed for good.
    case delete

    /// Whether the file is left as it is.
    public var leavesAlone: Bool { self == .keep || self == .skip }
    /// Whether the file's name goes on to lead to the same bytes; only for files that are equal byte for byte.
    public var isLink: Bool { self == .hardlink || self == .symlink || self == .reflink }
}
