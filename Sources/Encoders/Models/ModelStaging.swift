public import SystemPackage
import SystemSupport

/// The place where a model is put together before it is installed: `.staging/<name>` in the store, under a lock.
///
/// What is in it survives the process, so that an interrupted download can go on; `install` moves the finished
/// model to its name by one rename.
public final class ModelStaging {
    /// The name the model is going to have.
    public let name: String
    /// The staging folder, for what the maker of the model needs beside it.
    public let folder: FilePath
    /// The folder that becomes the model's.
    public var model: FilePath { folder.appending("model") }

    private let store: ModelStore
    private let component: FilePath.Component
    private let lock: FileLock

    /// Takes the place for a name; throws `ModelError.busy` while another process has it.
    public init(_ name: String, in store: ModelStore) throws {
        guard let component = ModelName.folder(name) else { throw ModelError.unusableName(name) }
        guard !ModelStore.embeddedNames.contains(name) else { throw ModelError.exists(name) }
        self.name = name
        self.store = store
        self.component = component
        folder = store.staging.appending(component)
        try Folders.create(store.staging)
        let lockPath = store.staging.appending("\(component.string).lock")
        guard let lock = try FileLock(lockPath) else {
            throw ModelError.busy(name, process: FileLock.owner(of: lockPath))
        }
        self.lock = lock
    }

    /// Whether something stands at the model's final place.
    var isTaken: Bool {
        (try? FileStatus.of(store.folder.appending(component), followingLinks: false)) != nil
    }

    /// Opens the model, builds its towers, writes its manifest and gives it its name.
    ///
    /// `digests` are SHA-256 of files, by their names, that are known already; the others are read. Everything is
    /// on the disk before the name appears. Throws `ModelError.exists` when the name is taken.
    public func install(
        origin: ModelManifest.Origin? = nil, digests: [String: String] = [:]
    ) throws -> ModelStore.Installed {
        if isTaken { throw ModelError.exists(name) }
        let model = try Model.load(self.model)
        _ = try (model.imageEncoder, model.textEncoder)
        let files = try names(below: self.model).map { name, path in
            let sha256 = try digests[name] ?? FileDigest.hexadecimal(FileDigest.sha256(of: path))
            return ModelManifest.File(name: name, size: try FileStatus.of(path).size, sha256: sha256)
        }
        let manifest = ModelManifest(
            fingerprint: model.fingerprint, architecture: model.architecture,
            license: ModelCard.license(in: self.model), origin: origin, files: files)
        try manifest.write(self.model)
        for entry in try Folders.list(self.model)
        where try FileStatus.of(self.model.appending(entry.name), followingLinks: false).kind == .directory {
            try AtomicFile.flushFolder(self.model.appending(entry.name))
        }
        try AtomicFile.flushFolder(self.model)
        let target = store.folder.appending(component)
        do throws(SystemError) {
            try AtomicFile.rename(self.model, to: target)
        } catch {
            // Somebody who does not know the lock put something there meanwhile.
            if isTaken { throw ModelError.exists(name) }
            throw error
        }
        try AtomicFile.flushFolder(store.folder)
        try? discard()
        return ModelStore.Installed(name: name, path: target, manifest: manifest)
    }

    /// Moves an installed model of this name out of sight, so that it goes all at once, and removes it.
    func removeInstalled() throws {
        try discard()
        try Folders.create(folder)
        try AtomicFile.rename(store.folder.appending(component), to: model)
        try AtomicFile.flushFolder(store.folder)
        try discard()
    }

    /// Removes everything that was staged.
    public func discard() throws {
        if (try? FileStatus.of(folder, followingLinks: false)) != nil { try Folders.removeTree(folder) }
    }

    /// The regular files of a model's folder and of the folders in it, but for the manifest.
    private func names(below folder: FilePath) throws -> [(name: String, path: FilePath)] {
        var names: [(name: String, path: FilePath)] = []
        for entry in try Folders.list(folder) where entry.name != ModelManifest.fileName {
            let path = folder.appending(entry.name)
            if try FileStatus.of(path, followingLinks: false).kind == .directory {
                for inner in try Folders.list(path) {
                    names.append(("\(entry.name.string)/\(inner.name.string)", path.appending(inner.name)))
                }
            } else {
                names.append((entry.name.string, path))
            }
        }
        return names
    }
}
