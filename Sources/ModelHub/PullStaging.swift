import Encoders
import SystemPackage
import SystemSupport

/// The files of an unfinished pull: `model/` with checked files, `parts/<hash>` with what is on its way.
final class PullStaging {
    private let staging: ModelStaging
    private let plan: PullPlan
    private var checked: Set<String> = []
    /// SHA-256 of the files that were checked in this run, by name, as far as it is the hub's own hash.
    private(set) var digests: [String: String] = [:]

    init(_ staging: ModelStaging, _ plan: PullPlan) {
        self.staging = staging
        self.plan = plan
    }

    var trial: FilePath { staging.folder.appending("trial") }
    private var parts: FilePath { staging.folder.appending("parts") }

    func part(of file: HubFile) -> FilePath { parts.appending(file.digest.digits) }

    /// Where a model's part is going to stand, whether or not a pull has begun.
    static func part(of file: HubFile, model name: String, in store: ModelStore) -> FilePath {
        store.stagingFolder(of: name).appending("parts").appending(file.digest.digits)
    }

    func finished(_ file: HubFile) -> FilePath { staging.model.pushing(FilePath(file.name)) }

    /// Makes the folders, and removes the parts of files that are no longer wanted.
    func prepare() throws {
        try Folders.create(staging.model)
        try Folders.create(parts)
        let wanted = Set(plan.files.map(\.file.digest.digits))
        for entry in try Folders.list(parts) where !wanted.contains(entry.name.string) {
            try Folders.removeTree(parts.appending(entry.name))
        }
    }

    func partSize(_ file: HubFile) -> Int64 {
        min(file.size, max(0, (try? FileStatus.of(part(of: file)).size) ?? 0))
    }

    /// Whether a file of the right size stands in the model's folder.
    func isFinished(_ file: HubFile) -> Bool {
        guard let status = try? FileStatus.of(finished(file), followingLinks: false) else { return false }
        return status.kind == .regular && status.size == file.size
    }

    /// Whether the file stands in the model's folder with the right content; one that is not right is removed.
    func hasFinished(_ file: HubFile) throws -> Bool {
        if checked.contains(file.name) { return true }
        guard (try? FileStatus.of(finished(file), followingLinks: false)) != nil else { return false }
        if isFinished(file), try file.digest.ofFile(finished(file)) == file.digest {
            remember(file)
            return true
        }
        try Folders.removeTree(finished(file))
        return false
    }

    /// Moves a part whose content was checked and is on the disk to its place in the model's folder.
    func finish(_ file: HubFile) throws {
        try Folders.create(finished(file).removingLastComponent())
        try AtomicFile.rename(part(of: file), to: finished(file))
        remember(file)
    }

    private func remember(_ file: HubFile) {
        checked.insert(file.name)
        if case .sha256(let digits) = file.digest { digests[file.name] = digits }
    }

    /// Removes what an earlier attempt, at another revision, left in the model's folder.
    func removeStrangers() throws {
        let wanted = Set(plan.files.map(\.file.name))
        for entry in try Folders.list(staging.model) {
            let path = staging.model.appending(entry.name), name = entry.name.string
            if wanted.contains(name) { continue }
            guard wanted.contains(where: { $0.hasPrefix(name + "/") }) else {
                try Folders.removeTree(path)
                continue
            }
            for inner in try Folders.list(path) where !wanted.contains("\(name)/\(inner.name.string)") {
                try Folders.removeTree(path.appending(inner.name))
            }
        }
    }

    static func firstBytes(of path: FilePath, count: Int64) throws -> [UInt8] {
        let file = try naming("open", path) {
            try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: Int(clamping: count))
        var there = 0
        while there < bytes.count {
            let read = try naming("read", path) {
                try bytes.withUnsafeMutableBytes {
                    try file.read(
                        fromAbsoluteOffset: Int64(there),
                        into: UnsafeMutableRawBufferPointer(rebasing: $0[there...]))
                }
            }
            if read == 0 { break }
            there += read
        }
        bytes.removeLast(bytes.count - there)
        return bytes
    }
}
