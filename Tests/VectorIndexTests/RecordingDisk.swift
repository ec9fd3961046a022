import Synchronization
import SystemPackage
import SystemSupport
import TestSupport
import VectorIndex

/// A disk that remembers every operation, and fails one when asked to; a crash can be played after any of them.
final class RecordingDisk: StoreDisk {
    /// An operation on a file of the store's folder.
    enum Operation: Sendable {
        case create(String)
        case write(String, offset: Int, [UInt8])
        case flush(String)
        case rename(String, to: String)
        case remove(String)
        case flushFolder
    }

    private struct State {
        var operations: [Operation] = []
        /// The number of the operation that is to fail.
        var failing: Int?
        /// Whether it did.
        var hasFailed = false
    }
    private let state = Mutex(State())
    private let disk = DirectDisk()

    var operations: [Operation] { state.withLock { $0.operations } }
    var count: Int { state.withLock { $0.operations.count } }

    /// Lets one of the next operations fail: 0 is the next.
    func fail(after count: Int) {
        state.withLock {
            $0.failing = $0.operations.count + count
            $0.hasFailed = false
        }
    }

    /// Takes the order to fail back; whether it was carried out.
    func stopFailing() -> Bool {
        state.withLock {
            $0.failing = nil
            return $0.hasFailed
        }
    }

    /// Remembers an operation; whether it is to fail.
    private func note(_ operation: Operation) -> Bool {
        state.withLock {
            $0.operations.append(operation)
            let fails = $0.failing == $0.operations.count - 1
            if fails { $0.hasFailed = true }
            return fails
        }
    }

    private func name(_ path: FilePath) -> String { path.lastComponent?.string ?? "" }

    func create(_ path: FilePath, replacing: Bool) throws -> FileDescriptor {
        if note(.create(name(path))) { throw Errno.permissionDenied }
        return try disk.create(path, replacing: replacing)
    }

    func write(
        _ bytes: UnsafeRawBufferPointer, to file: FileDescriptor, at offset: Int, path: FilePath
    ) throws {
        // A full disk takes a part.
        let fails = note(.write(name(path), offset: offset, Array(bytes)))
        let taken = fails ? UnsafeRawBufferPointer(rebasing: bytes.prefix(bytes.count / 2)) : bytes
        try disk.write(taken, to: file, at: offset, path: path)
        if fails { throw Errno.noSpace }
    }

    func flush(_ file: FileDescriptor, path: FilePath) throws {
        if note(.flush(name(path))) { throw SystemError("flush", path: path, errno: .ioError) }
    }

    func rename(_ from: FilePath, to: FilePath) throws {
        if note(.rename(name(from), to: name(to))) {
            throw SystemError("rename", path: from, errno: .ioError)
        }
        try disk.rename(from, to: to)
    }

    func remove(_ path: FilePath) {
        _ = note(.remove(name(path)))
        disk.remove(path)
    }

    func flushFolder(_ path: FilePath) throws {
        if note(.flushFolder) { throw SystemError("flush", path: path, errno: .ioError) }
    }
}

/// What a crash can leave of files: only what was flushed is sure.
struct CrashedFolder {
    /// What becomes of that which was not flushed.
    enum Fate: CaseIterable {
        /// All of it reached the disk, in order.
        case kept
        /// None of it did.
        case lost
        /// Any part of it did, in any order, some writes torn.
        case torn
    }

    private struct File {
        var durable: [UInt8] = []
        var pending: [(offset: Int, bytes: [UInt8])] = []
    }
    private enum Naming {
        case set(String, Int)
        case rename(String, to: String, Int)
        case remove(String)
    }

    private var files: [File] = []
    private var names: [String: Int] = [:]
    private var durableNames: [String: Int] = [:]
    private var pendingNames: [Naming] = []

    /// Follows one operation of a disk.
    mutating func follow(_ operation: RecordingDisk.Operation) {
        switch operation {
        case .create(let path):
            names[path] = files.count
            pendingNames.append(.set(path, files.count))
            files.append(File())
        case .write(let path, let offset, let bytes):
            if let file = names[path] { files[file].pending.append((offset, bytes)) }
        case .flush(let path):
            guard let file = names[path] else { return }
            for write in files[file].pending {
                Self.put(write.bytes, at: write.offset, &files[file].durable)
            }
            files[file].pending = []
        case .rename(let from, let to):
            guard let file = names.removeValue(forKey: from) else { return }
            names[to] = file
            pendingNames.append(.rename(from, to: to, file))
        case .remove(let path):
            if names.removeValue(forKey: path) != nil { pendingNames.append(.remove(path)) }
        case .flushFolder:
            durableNames = names
            pendingNames = []
        }
    }

    private static func put(_ bytes: some Collection<UInt8>, at offset: Int, _ content: inout [UInt8]) {
        if content.count < offset + bytes.count {
            content += [UInt8](repeating: 0, count: offset + bytes.count - content.count)
        }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// The files as they are found after the crash.
    func contents(_ fate: Fate, _ random: inout SeededRandom) -> [String: [UInt8]] {
        var found = durableNames
        for naming in pendingNames {
            guard fate == .kept || (fate == .torn && Bool.random(using: &random)) else { continue }
            switch naming {
            case .set(let path, let file): found[path] = file
            case .rename(let from, let to, let file):
                found[from] = nil
                found[to] = file
            case .remove(let path): found[path] = nil
            }
        }
        return found.mapValues { number in
            var content = files[number].durable
            for write in files[number].pending {
                switch fate {
                case .kept: Self.put(write.bytes, at: write.offset, &content)
                case .lost: break
                case .torn:
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: Self.put(write.bytes, at: write.offset, &content)
                    case 1:
                        let length = Int.random(in: 0...write.bytes.count, using: &random)
                        Self.put(write.bytes.prefix(length), at: write.offset, &content)
                    case 2:
                        // The file grew, its bytes did not arrive.
                        if content.count < write.offset + write.bytes.count {
                            Self.put(
                                [UInt8](repeating: 0, count: write.bytes.count), at: write.offset, &content)
                        }
                    default: break
                    }
                }
            }
            return content
        }
    }
}
