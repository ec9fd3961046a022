public import SystemPackage
import SystemSupport

/// Why an index could not be opened, changed or asked; each case carries what a message needs.
public enum LibraryError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The index folder's own name is not UTF-8.
    case nameNotUTF8(FilePath)
    /// There is no index in the folder.
    case noIndex(FilePath)
    /// An index stands there already.
    case alreadyExists(FilePath)
    /// Another process is writing.
    case locked(FilePath, owner: Int?)
    /// The catalog was written by a newer imgvec.
    case newerCatalog(FilePath, version: Int, supported: Int)
    /// The catalog is not one of ours or is damaged.
    case damagedCatalog(FilePath, String)
    /// The index holds no vectors of the model.
    case noVectors(model: String, available: [String])
    /// The index holds several models' vectors and none was asked for.
    case severalModels([String])
    /// The model that the vectors were made with cannot be loaded any more, or is another one now.
    case modelChanged(name: String, expected: String, found: String)
    /// The model has no tower for what was asked.
    case missingTower(model: String, tower: String)
    /// A query could not be made from a picture.
    case unreadablePicture(FilePath, String)
    /// A query's parts cancel out or there are none.
    case emptyQuery
    /// Nothing is indexed under a path.
    case notIndexed(FilePath)
    /// Two files that are to be told apart have the same bytes.
    case sameBytes(FilePath, FilePath)
    /// A root named by the user cannot be read.
    case unreadableRoot(FilePath, String)

    /// The error as one line that names the thing and the remedy.
    public var description: String {
        switch self {
        case .nameNotUTF8(let path):
            "the path of an index must be UTF-8, \(path) is not; choose another with --index"
        case .noIndex(let path):
            "no index at \(path); make one with: imgvec index FOLDER"
        case .alreadyExists(let path):
            "an index already stands at \(path)"
        case .locked(let path, let owner):
            "the index at \(path) is being written by another imgvec\(owner.map { " (process \($0))" } ?? ""); "
                + "wait for it or stop it"
        case .newerCatalog(let path, let version, let supported):
            "\(path) has format \(version), this imgvec reads up to \(supported); use a newer imgvec"
        case .damagedCatalog(let path, let detail):
            "\(path) cannot be read as an imgvec catalog (\(detail)); restore it from a backup or index again elsewhere"
        case .noVectors(let model, let available):
            available.isEmpty
                ? "the index holds no pictures yet; run: imgvec index FOLDER"
                : "the index holds no vectors of \(model) (it has \(available.joined(separator: ", "))); "
                    + "run imgvec index with --model, or search with a model it has"
        case .severalModels(let names):
            "the index holds vectors of several models (\(names.joined(separator: ", "))); choose one with --model"
        case .modelChanged(let name, let expected, let found):
            "the model \(name) is not the one this index was made with "
                + "(fingerprint \(found.prefix(12)), index \(expected.prefix(12))); index again with it or restore the old one"
        case .missingTower(let model, let tower):
            "the model \(model) has no \(tower) tower; choose another with --model"
        case .unreadablePicture(let path, let reason):
            "\(path): \(reason)"
        case .emptyQuery:
            "the query is empty: its parts cancel out or there are none"
        case .notIndexed(let path):
            "nothing is indexed under \(path)"
        case .sameBytes(let first, let second):
            "\(first) and \(second) have the same bytes; nothing tells them apart"
        case .unreadableRoot(let path, let reason):
            "cannot index \(path): \(reason)"
        }
    }
}
