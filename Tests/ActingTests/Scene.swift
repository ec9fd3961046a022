import Acting
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport
import TestSupport

/// What stands at one path.
struct Standing: Equatable, CustomStringConvertible {
    let kind: FileStatus.Kind
    let sha256: [UInt8]
    let modified: Int64

    var description: String { "\(kind) \(ContentDigest.hexadecimal(sha256).prefix(8)) \(modified)" }
}

/// A folder with pictures, a plan about them, a trash and journals, all in a temporary place.
struct Scene {
    let temporary: TemporaryFolder
    var pictures: FilePath { temporary.path.appending("pictures") }
    var trash: FilePath { temporary.path.appending("Trash") }
    var moved: FilePath { temporary.path.appending("moved") }
    var planPath: FilePath { temporary.path.appending("plan.jsonl") }
    let journals: JournalFolder

    init() throws {
        temporary = try TemporaryFolder()
        journals = JournalFolder(temporary.path.appending("journals"))
        try Folders.create(temporary.path.appending("pictures"))
    }

    /// Writes a file with a time of its own; content is any bytes: acting never decodes.
    @discardableResult
    func write(_ name: String, _ content: String, modified: Int64 = 1_500_000_000_123_456_789) throws
        -> FilePath
    {
        let path = pictures.pushing(FilePath(name))
        try write(path, content, modified: modified)
        return path
    }

    func write(_ path: FilePath, _ content: String, modified: Int64 = 1_500_000_000_123_456_789) throws {
        try Folders.create(path.removingLastComponent())
        // Replaced, not rewritten: other names of what stood there keep their bytes. Nothing is flushed.
        AtomicFile.unlink(path)
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        defer { try? file.close() }
        try file.writeAll(content.utf8)
        var times = [timespec(), timespec()]
        for index in 0...1 {
            times[index].tv_sec = Int(modified / 1_000_000_000)
            times[index].tv_nsec = Int(modified % 1_000_000_000)
        }
        _ = path.withPlatformString { utimensat(AT_FDCWD, $0, times, 0) }
    }

    /// A plan's line about a file as it is now.
    static func line(
        _ action: PlanAction, _ group: Int, _ path: FilePath, keeper: FilePath? = nil, to: FilePath? = nil,
        with companions: [FilePath] = []
    ) throws -> PlanLine {
        let status = try FileStatus.of(path, followingLinks: false)
        return PlanLine(
            action: action, group: group, path: path, size: status.size,
            modified: status.modifiedNanoseconds, sha256: try digest(path), keeper: keeper, destination: to,
            companions: try companions.map { PlanLine.Companion(path: $0, sha256: try digest($0)) })
    }

    static func digest(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        defer { try? file.close() }
        return try ContentDigest.sha256(of: file, path: path)
    }

    /// Everything below a folder but folders; contents of links are those of their targets.
    static func tree(_ folder: FilePath) throws -> [FilePath: Standing] {
        var tree: [FilePath: Standing] = [:]
        guard (try? FileStatus.of(folder)) != nil else { return tree }
        for entry in try Folders.list(folder) {
            let path = folder.appending(entry.name)
            let status = try FileStatus.of(path, followingLinks: false)
            if status.kind == .directory {
                tree.merge(try self.tree(path)) { first, _ in first }
            } else {
                tree[path] = Standing(
                    kind: status.kind,
                    // Opening a pipe would wait for a writer.
                    sha256: status.kind == .other ? [] : (try? digest(path)) ?? [],
                    modified: status.modifiedNanoseconds)
            }
        }
        return tree
    }

    func tree() throws -> [FilePath: Standing] { try Self.tree(pictures) }

    /// The contents of everything in the scene, wherever it stands and whatever it is called.
    func contents() throws -> Set<[UInt8]> {
        Set(
            try [pictures, trash.appending("files"), moved].flatMap {
                try Self.tree($0).values.filter { $0.kind == .regular }.map(\.sha256)
            })
    }

    var options: ApplyOptions {
        var options = ApplyOptions()
        options.homeTrash = trash
        options.allowsDeletion = true
        return options
    }

    struct Ran {
        var acted: [FilePath] = []
        var groups: Set<Int> = []
        var skipped: [(path: FilePath, reason: SkipReason)] = []
        var takenBack: [FilePath] = []
        var unfinished: [String] = []
        var report = ApplyReport()
    }

    func apply(
        _ lines: [PlanLine], options changed: ApplyOptions? = nil, disk: any Disk = TestDisk()
    ) throws -> Ran {
        var ran = Ran()
        ran.report = try PlanApplication(
            Plan(lines), path: planPath, options: changed ?? options, journals: journals, disk: disk
        ).run { event in
            switch event {
            case .acted(let line, _):
                ran.acted.append(line.path)
                ran.groups.insert(line.group)
            case .skipped(let line, _, let reason): ran.skipped.append((line.path, reason))
            case .takenBack(let path, _): ran.takenBack.append(path)
            case .unfinished(let problem, _): ran.unfinished.append(problem)
            }
        }
        return ran
    }

    /// Undoes the latest run; gives the reasons for what could not be put back.
    func undo(disk: any Disk = TestDisk()) throws -> [String] {
        let reversal = PlanReversal(journals, disk: disk)
        guard let journal = try reversal.latest() else { return [] }
        var reasons: [String] = []
        _ = try reversal.undo(journal) { event in
            if case .kept(let path, let reason) = event { reasons.append("\(path): \(reason)") }
        }
        return reasons
    }
}

/// A disk that stops working for good at a chosen change, as at a power cut, or fails once, or on which somebody else
/// does something right before a change.
final class TestDisk: Disk {
    enum Fault: Sendable {
        /// This change and all after it fail: what a killed process leaves.
        case stop(at: Int)
        /// Only this change fails.
        case once(at: Int, Errno)
        /// Bytes arrive changed, but for those of journals.
        case spoil
        /// Somebody else is faster than this change.
        case meanwhile(at: Int, @Sendable () -> Void)
    }

    /// What was asked of it, for tests of the order.
    enum Change: Equatable {
        case rename(FilePath, FilePath), link(FilePath, FilePath), symlink(FilePath), create(FilePath)
        case write(FilePath), truncate(FilePath), set(FilePath), remove(FilePath), createFolder(FilePath)
        case flush(FilePath), flushFolder(FilePath)
    }

    private let real = SystemDisk()
    private let fault: Fault?
    // Used by one thread only.
    nonisolated(unsafe) private(set) var count = 0
    nonisolated(unsafe) private(set) var changes: [Change] = []

    init(_ fault: Fault? = nil) { self.fault = fault }

    private func change(_ change: Change, _ path: FilePath) throws(SystemError) {
        count += 1
        changes.append(change)
        switch fault {
        case .stop(let at) where count >= at: throw SystemError("go on", path: path, errno: .ioError)
        case .once(let at, let reason) where count == at:
            throw SystemError("change", path: path, errno: reason)
        case .meanwhile(let at, let act) where count == at: act()
        default: break
        }
    }

    func rename(_ from: Place, to: Place) throws(SystemError) {
        try change(.rename(from.path, to.path), from.path)
        try real.rename(from, to: to)
    }
    func link(_ from: Place, to: Place) throws(SystemError) {
        try change(.link(from.path, to.path), from.path)
        try real.link(from, to: to)
    }
    func symlink(to target: FilePath, at place: Place) throws(SystemError) {
        try change(.symlink(place.path), place.path)
        try real.symlink(to: target, at: place)
    }
    func clone(_ file: FileDescriptor, to place: Place, permissions: UInt32) throws(SystemError) {
        try change(.create(place.path), place.path)
        try real.clone(file, to: place, permissions: permissions)
    }
    func create(_ place: Place, permissions: UInt32) throws(SystemError) -> FileDescriptor {
        try change(.create(place.path), place.path)
        return try real.create(place, permissions: permissions)
    }
    func write(
        _ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, path: FilePath
    ) throws(SystemError) {
        do { try change(.write(path), path) } catch {
            // A write that is cut short leaves a part behind.
            let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(bytes.count / 2))
            try real.write(part, to: file, path: path)
            throw error
        }
        if case .spoil = fault, path.extension != "jsonl", !bytes.isEmpty {
            var spoilt = Array(bytes)
            spoilt[0] ^= 1
            do { try spoilt.withUnsafeBytes { try real.write($0, to: file, path: path) } } catch {
                throw SystemError("write", path: path, errno: .ioError)
            }
            return
        }
        try real.write(bytes, to: file, path: path)
    }
    func truncate(_ file: FileDescriptor, to length: Int64, path: FilePath) throws(SystemError) {
        try change(.truncate(path), path)
        try real.truncate(file, to: length, path: path)
    }
    func set(_ status: FileStatus, on file: FileDescriptor, path: FilePath) throws(SystemError) {
        try change(.set(path), path)
        try real.set(status, on: file, path: path)
    }
    func setAttributes(of source: FileDescriptor, on file: FileDescriptor, path: FilePath) throws(SystemError)
    {
        try change(.set(path), path)
        try real.setAttributes(of: source, on: file, path: path)
    }
    func flush(_ file: FileDescriptor, path: FilePath) throws(SystemError) {
        // A killed process loses nothing that was written; flushing for real would take minutes.
        try change(.flush(path), path)
    }
    func flush(_ folder: OpenFolder) throws(SystemError) {
        try change(.flushFolder(folder.path), folder.path)
    }
    func remove(_ place: Place) throws(SystemError) {
        try change(.remove(place.path), place.path)
        try real.remove(place)
    }
    func createFolder(_ path: FilePath, permissions: UInt32) throws(SystemError) {
        try change(.createFolder(path), path)
        try real.createFolder(path, permissions: permissions)
    }
}
