import Encoders
import SystemPackage
import SystemSupport

/// A model with its real configuration and its weights' real tables of tensors, but nothing but zeros for weights:
/// enough for the loader to say whether it can read it, before the weights are downloaded.
///
/// The weights' files are sparse; they take no room on most file systems.
struct TrialModel {
    let folder: FilePath

    /// Largest table of tensors that is taken for one, as the safetensors library has it.
    static let largestHeader: Int64 = 100_000_000

    /// Where a safetensors file's table ends, by the length in its first 8 bytes; nil when that cannot be.
    static func headerEnd(_ firstBytes: [UInt8], fileSize: Int64) -> Int64? {
        guard firstBytes.count >= 8 else { return nil }
        let length = firstBytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length >= 2, length <= UInt64(largestHeader), Int64(length) <= fileSize - 8 else { return nil }
        return 8 + Int64(length)
    }

    /// Starts with an empty folder, which replaces what is there.
    init(_ folder: FilePath) throws {
        self.folder = folder
        try remove()
        try Folders.create(folder)
    }

    /// Adds a file as it is.
    func add(_ source: FilePath, as name: String) throws {
        try FileCopy.copy(source, to: try path(name)) { Interruption.isRequested }
    }

    /// Adds the first bytes of a file of a size, and zeros for the rest.
    func add(firstBytes: [UInt8], of file: HubFile) throws {
        let path = try path(file.name)
        let target = try naming("create", path) {
            try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: .ownerReadWrite)
        }
        defer { try? target.close() }
        do {
            try target.writeAll(firstBytes)
            try target.resize(to: file.size)
        } catch let error as Errno {
            throw SystemError("write", path: path, errno: error)
        }
    }

    /// Opens the model; with `towers`, builds them too. The reason why not has the folder's name taken out.
    func open(towers: Bool, of repository: RepositoryName) throws {
        do {
            let model = try Model.load(folder)
            if towers { _ = try (model.imageEncoder, model.textEncoder) }
        } catch let error as SystemError where error.errno == .noSpace || error.errno == .noMemory {
            throw error
        } catch {
            let text = "\(error)".replacing(folder.string + "/", with: "").replacing(
                folder.string, with: "the model")
            throw HubError.unreadable(repository, PlainText.of(text, most: 1000))
        }
    }

    func remove() throws {
        if (try? FileStatus.of(folder, followingLinks: false)) != nil { try Folders.removeTree(folder) }
    }

    private func path(_ name: String) throws -> FilePath {
        let path = folder.pushing(FilePath(name))
        try Folders.create(path.removingLastComponent())
        return path
    }
}
