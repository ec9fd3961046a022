public import Encoders
import GRDB
public import SystemPackage
import SystemSupport
public import VectorIndex

/// One index on disk: the catalog of pictures and, per model, their vectors.
///
/// The type itself only knows where the index stands; each operation opens what it needs. Reading needs no
/// lock and sees the last commit; writing operations hold the index's lock while they run.
public struct ImageLibrary: Sendable {
    /// Where the index stands.
    public let paths: LibraryPaths

    /// Names an index; nothing is opened or made.
    public init(_ paths: LibraryPaths) { self.paths = paths }

    /// Makes an empty index; throws when one stands there already.
    public func create() throws {
        guard !paths.exists else { throw LibraryError.alreadyExists(paths.folder) }
        try Folders.create(paths.folder)
        try Catalog(paths, mode: .write).close()
    }

    /// Opens the index for asking.
    public func reader() throws -> LibraryReader { try LibraryReader(paths) }
}

/// An index opened for asking: the catalog as last committed, and vectors of one model at a time.
public final class LibraryReader: Sendable {
    /// Where the index stands.
    public let paths: LibraryPaths
    let catalog: Catalog
    let roots: [Int64: RootRecord]

    init(_ paths: LibraryPaths) throws {
        self.paths = paths
        let catalog = try Catalog(paths, mode: .read)
        self.catalog = catalog
        let roots = try catalog.read { try catalog.roots($0) }
        self.roots = Dictionary(uniqueKeysWithValues: roots.map { ($0.id, $0) })
    }

    /// The models whose vectors the index holds, oldest first.
    public func models() throws -> [ModelRecord] {
        let catalog = catalog
        return try catalog.read { try catalog.models($0) }
    }

    /// The model to ask with when none is named: the only one, else the one inside this program, else the newest
    /// that was inside an earlier one.
    public func defaultModel() throws -> ModelRecord {
        let models = try models()
        if models.count == 1 { return models[0] }
        if models.isEmpty { throw LibraryError.noVectors(model: "any model", available: []) }
        let embedded = try Model.embedded().fingerprint
        if let current = models.first(where: { $0.fingerprint == embedded }) { return current }
        if let former = models.last(where: { $0.source == nil }) { return former }
        throw LibraryError.severalModels(models.map(\.name))
    }

    /// The row of a loaded model; throws when the index has no vectors of it.
    public func record(of model: Model) throws -> ModelRecord {
        let models = try models()
        if let record = models.first(where: { $0.fingerprint == model.fingerprint }) { return record }
        if let namesake = models.first(where: { $0.name == model.name }) {
            throw LibraryError.modelChanged(
                name: model.name, expected: namesake.fingerprint, found: model.fingerprint)
        }
        throw LibraryError.noVectors(model: model.name, available: models.map(\.name))
    }

    /// The vectors of a model, as last committed.
    public func vectors(of model: ModelRecord) throws -> VectorSnapshot {
        try VectorSnapshot.open(
            folder: paths.vectors(model: model.folderName),
            space: VectorSpace(dimension: model.dimension, fingerprint: model.fingerprint))
    }

    /// The absolute path of a file.
    public func path(of file: FileRecord) -> FilePath {
        roots[file.rootID]?.absolute(file.relativePath) ?? FilePath("/")
    }

    /// Present files below a folder (or the file itself), as the numbers of their contents.
    func contents(below folder: FilePath) throws -> Set<UInt64> {
        let resolved = try LibraryPaths.absolute(folder)
        let catalog = catalog
        return try catalog.read { database in
            var ids: Set<UInt64> = []
            for root in roots.values {
                let files: [FileRecord]
                if let prefix = root.relative(resolved) {
                    files = try catalog.files(root: root.id, below: prefix, in: database)
                } else if root.path.starts(with: resolved) {
                    files = try catalog.files(root: root.id, below: [], in: database)
                } else {
                    continue
                }
                for file in files where file.state == .indexed {
                    if let content = file.contentID { ids.insert(content) }
                }
            }
            return ids
        }
    }

    /// A folder or file as the index has it; throws when no present picture stands there.
    func indexedFolder(_ path: FilePath) throws -> FilePath {
        guard try !contents(below: path).isEmpty else { throw LibraryError.notIndexed(path) }
        return try LibraryPaths.absolute(path)
    }

    /// The record of the present file at a path, whatever it holds now; nil when the index does not have it.
    func file(at path: FilePath) throws -> FileRecord? {
        guard let resolved = try? LibraryPaths.absolute(path) else { return nil }
        let catalog = catalog
        return try catalog.read { database in
            for root in roots.values {
                guard let relative = root.relative(resolved) else { continue }
                if let file = try catalog.file(root: root.id, path: relative, in: database),
                    file.state == .indexed
                {
                    return file
                }
            }
            return nil
        }
    }
}
