public import SystemPackage
public import SystemSupport

/// Why an action of a plan was not carried out; everything is as it was.
public enum SkipReason: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another line of the plan keeps the file.
    case kept(line: Int)
    /// It lies in a folder that is never touched.
    case reference
    /// An earlier line acts on it.
    case actedOn(line: Int)
    /// No other file of its group would stay.
    case noCopyLeft(group: Int)
    /// Files are removed for good only when the command line says so, too.
    case deletionNotAllowed
    /// A `move` without a folder.
    case noDestination
    /// Links are only made between files of equal bytes.
    case notByteEqual(to: FilePath)
    /// The file is not there any more.
    case gone(FilePath)
    /// A link, a folder or something else stands there now.
    case notAFile(FilePath)
    /// It is not the file that the plan speaks of.
    case changed(FilePath, what: String)
    /// Another program has locked it.
    case inUse(FilePath)
    /// Two names of one file.
    case sameFile(FilePath, as: FilePath)
    /// A file that belongs to the picture stands beside it, and the plan does not know of it.
    case newCompanion(FilePath)
    /// A file that belongs to the picture belongs to another one, too, that stays.
    case companionOfAnother(FilePath, FilePath)
    /// A file that belongs to the picture has no copy beside the kept one.
    case companionWithoutCopy(FilePath)
    /// It is in the folder already that it is to be moved to.
    case alreadyThere(FilePath)
    /// The system refused.
    case system(SystemError)

    /// The reason as the end of a line that begins with the file's name.
    public var description: String {
        switch self {
        case .kept(let line): "line \(line) keeps it"
        case .reference: "it lies below a --reference folder, whose files are never touched"
        case .actedOn(let line): "line \(line) acts on it already"
        case .noCopyLeft(let group): "group \(group) would be left with no copy that is as the plan says"
        case .deletionNotAllowed: "it would be removed for good; say --allow-delete if that is meant"
        case .noDestination: "it has no folder to move to; add \"to\" to the line or say --move-to DIR"
        case .notByteEqual(let path): "its bytes differ from those of \(path); links are for equal files only"
        case .gone(let path): "\(path) is not there any more"
        case .notAFile(let path): "\(path) is no regular file any more"
        case .changed(let path, let what): "\(path) has another \(what) than the plan says"
        case .inUse(let path): "\(path) is locked by another program"
        case .sameFile(_, let other): "it is the same file as \(other) under another name"
        case .newCompanion(let path): "\(path) belongs to it and is not in the plan; make a new plan"
        case .companionOfAnother(let path, let other):
            "\(path) belongs to \(other), too, which stays; make a new plan"
        case .companionWithoutCopy(let path):
            "\(path) belongs to it and has no copy beside the file that is kept"
        case .alreadyThere(let folder): "it is in \(folder) already"
        case .system(let error): "\(error)"
        }
    }
}
