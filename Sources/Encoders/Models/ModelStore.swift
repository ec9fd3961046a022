public import SystemPackage
import SystemSupport

/// The models a user has installed: one folder each, with a manifest of what was installed.
///
/// They stand under `$IMGVEC_MODEL_DIR`, else `$XDG_DATA_HOME/imgvec/models`, else
/// `~/.local/share/imgvec/models`. A folder appears under its name whole or not at all; what is on its way stands
/// in `.staging`.
public struct ModelStore: Sendable {
    /// The name by which the model within the program is asked for.
    public static let embeddedName: String = "imgvec-mini"
    static let embeddedNames: Set<String> = [embeddedName, "embedded"]

    /// The folder that holds one folder per model; it need not exist.
    public let folder: FilePath

    /// The store in a folder.
    public init(_ folder: FilePath) { self.folder = folder }

    /// The user's store; throws when neither the environment nor a home folder says where it is.
    public static func standard() throws -> ModelStore {
        if let folder = Platform.environment("IMGVEC_MODEL_DIR") { return ModelStore(FilePath(folder)) }
        if let data = Platform.environment("XDG_DATA_HOME") {
            return ModelStore(FilePath(data).appending("imgvec").appending("models"))
        }
        guard let home = Platform.environment("HOME") else {
            throw ModelError.file("the model store", "has no place: set IMGVEC_MODEL_DIR or HOME")
        }
        return ModelStore(FilePath(home).pushing(".local/share/imgvec/models"))
    }

    /// Where models are put together.
    var staging: FilePath { folder.appending(".staging") }

    /// The folder where a model of a name is put together; it need not exist.
    public func stagingFolder(of name: String) -> FilePath {
        ModelName.folder(name).map { staging.appending($0) } ?? staging
    }

    /// Whether a model can have a name.
    public static func isUsable(_ name: String) -> Bool {
        ModelName.folder(name) != nil && !embeddedNames.contains(name)
    }

    /// What is known of an installed model without opening it.
    public struct Installed: Sendable, Equatable {
        /// The name it is asked for by: `name`, or `owner/name`.
        public let name: String
        /// Its folder.
        public let path: FilePath
        /// Its files with sizes and SHA-256, as they were installed, and where they came from.
        public let manifest: ModelManifest
    }

    /// Everything in the store.
    public struct Contents: Sendable {
        /// The installed models by name.
        public var installed: [Installed] = []
        /// Entries whose manifest cannot be read, with the reason.
        public var damaged: [(name: String, reason: String)] = []
        /// Names with a pull that was begun and not finished, with the bytes that are there.
        public var unfinished: [(name: String, size: Int64)] = []
    }

    /// Lists the store. Folders without a manifest are no models; damaged entries do not hide the others.
    public func contents() throws -> Contents {
        var contents = Contents()
        for (component, name) in try names(in: folder) {
            do {
                if let manifest = try ModelManifest.read(folder.appending(component)) {
                    contents.installed.append(
                        Installed(name: name, path: folder.appending(component), manifest: manifest))
                }
            } catch {
                contents.damaged.append((name, "\(error)"))
            }
        }
        for (component, name) in try names(in: staging) {
            let size = Self.size(of: staging.appending(component))
            if let size { contents.unfinished.append((name, size)) }
        }
        return contents
    }

    /// The installed models by name; folders without a readable manifest are left out.
    public func list() throws -> [Installed] { try contents().installed }

    /// One installed model by its full name, nil when there is none.
    public func installed(_ name: String) throws -> Installed? {
        guard let component = ModelName.folder(name) else { return nil }
        let path = folder.appending(component)
        guard let manifest = try ModelManifest.read(path) else { return nil }
        return Installed(name: name, path: path, manifest: manifest)
    }

    /// One installed model by its full name or, when only one is called so, by the part after `owner/`.
    public func find(_ name: String) throws -> Installed? {
        if let installed = try installed(name) { return installed }
        guard let full = try fullName(name) else { return nil }
        return try installed(full)
    }

    /// The model that a name or path means: the embedded one, an installed one, or a folder or file anywhere.
    ///
    /// A name goes before a path; `./name` is always a path.
    public func resolve(_ nameOrPath: String) throws -> Model {
        if let installed = try installed(nameOrPath) { return try Model.load(installed.path) }
        if Self.embeddedNames.contains(nameOrPath) { return try Model.embedded() }
        if let installed = try find(nameOrPath) { return try Model.load(installed.path) }
        let path = FilePath(nameOrPath)
        do throws(SystemError) {
            _ = try FileStatus.of(path)
        } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            throw ModelError.notFound(nameOrPath, installed: try list().map(\.name))
        }
        return try Model.load(path)
    }

    /// Installs a model from a folder or safetensors file under a name, its own when none is given.
    ///
    /// The model is opened and its towers are built first, so that only what can be used is installed. The
    /// files are copied; the model appears under its name all at once, or not at all.
    @discardableResult
    public func add(_ path: FilePath, name: String? = nil) throws -> Installed {
        let model = try Model.load(path)
        _ = try (model.imageEncoder, model.textEncoder)
        let staging = try ModelStaging(name ?? model.name, in: self)
        if staging.isTaken { throw ModelError.exists(staging.name) }
        try staging.discard()
        try Folders.create(staging.model)
        do {
            for (source, fileName) in try ModelFiles(path).installable() {
                let target = staging.model.pushing(fileName)
                try Folders.create(target.removingLastComponent())
                try FileCopy.copy(source, to: target) { Interruption.isRequested }
            }
            return try staging.install()
        } catch {
            try? staging.discard()
            throw error
        }
    }

    /// Reads every file of an installed model and compares size and SHA-256 with what was installed.
    ///
    /// Throws at the first that differs; costs about 1 s per GB.
    public func verify(_ name: String) throws {
        guard let installed = try find(name) else {
            throw ModelError.notFound(name, installed: try list().map(\.name))
        }
        for file in installed.manifest.files {
            guard let path = file.path.map({ installed.path.pushing($0) }),
                let status = try? FileStatus.of(path), status.size == file.size,
                FileDigest.hexadecimal(try FileDigest.sha256(of: path)) == file.sha256
            else { throw ModelError.changed(model: installed.name, file: file.name) }
        }
    }

    /// Compares the sizes of an installed model's files with what was installed; costs microseconds.
    public func checkSizes(_ installed: Installed) throws {
        for file in installed.manifest.files {
            guard let path = file.path.map({ installed.path.pushing($0) }),
                (try? FileStatus.of(path))?.size == file.size
            else { throw ModelError.changed(model: installed.name, file: file.name) }
        }
    }

    /// Removes an installed model with its files, damaged or not, or what an unfinished pull has left.
    public func remove(_ name: String) throws {
        let full = try fullName(name) ?? name
        guard let component = ModelName.folder(full) else {
            throw ModelError.notFound(name, installed: try list().map(\.name))
        }
        func isThere(_ path: FilePath) -> Bool { (try? FileStatus.of(path, followingLinks: false)) != nil }
        let isInstalled = isThere(folder.appending(component).appending(ModelManifest.fileName))
        guard isInstalled || isThere(staging.appending(component)) else {
            throw ModelError.notFound(name, installed: try list().map(\.name))
        }
        let place = try ModelStaging(full, in: self)
        if isInstalled { try place.removeInstalled() } else { try place.discard() }
    }

    /// The full name of what is called so, or `owner/` and so; nil when nothing is.
    private func fullName(_ name: String) throws -> String? {
        guard let component = ModelName.folder(name) else { return nil }
        let names = try names(in: folder).map(\.name) + names(in: staging).map(\.name)
        if names.contains(name) { return name }
        let owned = Set(names.filter { $0.hasSuffix("/\(component.string)") }).sorted()
        guard owned.count < 2 else { throw ModelError.ambiguous(name, owned) }
        return owned.first
    }

    /// The folders with a model's name in a folder; none when it does not exist.
    private func names(in folder: FilePath) throws -> [(component: FilePath.Component, name: String)] {
        let entries: [Folders.Entry]
        do throws(SystemError) {
            entries = try Folders.list(folder)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
        return entries.compactMap { entry in
            guard let name = ModelName.name(ofFolder: entry.name) else { return nil }
            let kind =
                entry.kind == .directory ? entry.kind : try? FileStatus.of(folder.appending(entry.name)).kind
            return kind == .directory ? (entry.name, name) : nil
        }
    }

    /// The bytes of all files below a folder, nil when there are none.
    private static func size(of path: FilePath) -> Int64? {
        guard let status = try? FileStatus.of(path, followingLinks: false) else { return nil }
        guard status.kind == .directory else { return status.size }
        let inner = ((try? Folders.list(path)) ?? []).compactMap { size(of: path.appending($0.name)) }
        return inner.isEmpty ? nil : inner.reduce(0, &+)
    }
}
