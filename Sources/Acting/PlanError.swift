public import SystemPackage

/// What is wrong with a plan's text.
public enum PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The first line is not `# imgvec plan 1`.
    case notAPlan(FilePath)
    /// A newer imgvec wrote it.
    case newer(FilePath, version: String)
    /// A line cannot be read.
    case line(FilePath, Int, String)
    /// Something else stands where a plan was to be written.
    case notReplaced(FilePath)

    /// The error as one line that names the file, the line and the remedy.
    public var description: String {
        switch self {
        case .notAPlan(let path):
            "\(path) is no imgvec plan: its first line is not \"\(Plan.firstLine)\""
        case .newer(let path, let version):
            "\(path) is a plan of format \(version), this imgvec reads format \(Plan.version); use a newer imgvec"
        case .line(let path, let number, let reason): "\(path):\(number): \(reason)"
        case .notReplaced(let path):
            "\(path) is there and is no imgvec plan; choose another name"
        }
    }
}
