import Encoders
import SystemPackage

extension Model {
    /// Where the model was loaded from, absolute; nil for the embedded one.
    var location: FilePath? {
        switch source {
        case .embedded: nil
        case .folder(let path), .file(let path): (try? LibraryPaths.absolute(path)) ?? path
        }
    }
}
