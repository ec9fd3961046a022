#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage
import SystemSupport

/// The models a user has installed: one folder each, with a manifest of what was installed.
///
/// They stand under `$IMGVEC_MODEL_DIR`, else `$XDG_DATA_HOME/imgvec/models`, else
/// `~/.local/share/imgvec/models`.
public struct ModelStore: Sendable {
    /// The name by which the model within the program is asked for.
    public static let embeddedName: String = "imgvec-mini"

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

    /// What is known of an installed model without opening it.
    public struct Installed: Sendable, Equatable {
        /// The name it is asked for by.
        public let name: String
        /// Its folder.
        public let path: FilePath
        /// Its files with sizes and SHA-256, as they were installed.
        public let manifest: ModelManifest
    }

    /// The installed models by name; folders without a manifest are none.
    public func list() throws -> [Installed] {
        let entries: [Folders.Entry]
        do throws(SystemError) {
            entries = try Folders.list(folder)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return [] }
            throw error
        }
        return try entries.compactMap { entry in
            ModelStore.isUsable(entry.name.string) ? try installed(entry.name.string) : nil
        }
    }

    /// One installed model, nil when there is none of that name.
    public func installed(_ name: String) throws -> Installed? {
        guard ModelStore.isUsable(name), let component = FilePath.Component(name) else { return nil }
        let path = folder.appending(component)
        guard let manifest = try ModelManifest.read(path) else { return nil }
        return Installed(name: name, path: path, manifest: manifest)
    }

    /// The model that a name or path means: the embedded one, an installed one, or a folder or file anywhere.
    ///
    /// A name goes before a path; `./name` is always a path.
    public func resolve(_ nameOrPath: String) throws -> Model {
        if let installed = try installed(nameOrPath) { return try Model.load(installed.path) }
        if nameOrPath == ModelStore.embeddedName || nameOrPath == "embedded" { return try Model.embedded() }
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
        let name = name ?? model.name
        guard ModelStore.isUsable(name), let component = FilePath.Component(name) else {
            throw ModelError.unusableName(name)
        }
        guard name != ModelStore.embeddedName, name != "embedded" else { throw ModelError.exists(name) }
        let target = folder.appending(component)
        guard (try? FileStatus.of(target, followingLinks: false)) == nil else {
            throw ModelError.exists(name)
        }
        try Folders.create(folder)
        let temporary = folder.appending(".adding-\(name)-\(getpid())")
        if (try? FileStatus.of(temporary)) != nil { try Folders.removeTree(temporary) }
        try Folders.create(temporary)
        do {
            var files: [ModelManifest.File] = []
            for (source, fileName) in try ModelFiles(path).installable() {
                files.append(try ModelManifest.copy(source, to: temporary, as: fileName))
            }
            try ModelManifest(fingerprint: model.fingerprint, architecture: model.architecture, files: files)
                .write(temporary)
            try AtomicFile.flushFolder(temporary)
            try AtomicFile.rename(temporary, to: target)
            try AtomicFile.flushFolder(folder)
        } catch {
            try? Folders.removeTree(temporary)
            throw error
        }
        guard let installed = try installed(name) else { throw ModelError.notFound(name, installed: []) }
        return installed
    }

    /// Reads every file of an installed model and compares size and SHA-256 with what was installed.
    ///
    /// Throws at the first that differs; costs about 1 s per GB.
    public func verify(_ name: String) throws {
        guard let installed = try installed(name) else {
            throw ModelError.notFound(name, installed: try list().map(\.name))
        }
        for file in installed.manifest.files {
            let relative = FilePath(file.name)
            guard relative.root == nil, relative.components.allSatisfy({ $0.kind == .regular }) else {
                throw ModelError.changed(model: name, file: file.name)
            }
            let path = installed.path.pushing(relative)
            guard let status = try? FileStatus.of(path), status.size == file.size,
                FileDigest.hexadecimal(try FileDigest.sha256(of: path)) == file.sha256
            else { throw ModelError.changed(model: name, file: file.name) }
        }
    }

    /// Removes an installed model and its files.
    public func remove(_ name: String) throws {
        guard let installed = try installed(name) else {
            throw ModelError.notFound(name, installed: try list().map(\.name))
        }
        try Folders.removeTree(installed.path)
    }

    private static func isUsable(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 100 && name.utf8.first != UInt8(ascii: ".")
            && name.utf8.allSatisfy { byte in
                (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
    }
}
