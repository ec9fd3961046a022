import Foundation
import SystemPackage
import SystemSupport

/// Writes a journal; every line is on the disk before the call returns.
final class JournalWriter {
    static let version = 1

    let path: FilePath
    private let place: Place
    private let file: FileDescriptor
    private let disk: any Disk
    private var length: Int64

    /// Starts the journal of a run; the file must not exist.
    init(new path: FilePath, head: JournalRecord.Head, disk: any Disk) throws {
        self.path = path
        self.disk = disk
        try disk.createFolder(path.removingLastComponent(), permissions: 0o755)
        place = try Place(path)
        file = try disk.create(place, permissions: 0o644)
        length = 0
        try write(JournalRecord(journal: head))
        try disk.flush(place.folder)
    }

    /// Goes on with the journal of an earlier run, after its last whole line.
    init(existing path: FilePath, length: Int, disk: any Disk) throws {
        self.path = path
        self.disk = disk
        place = try Place(path)
        self.length = Int64(length)
        do {
            file = try FileDescriptor.open(path, .readWrite, options: [.closeOnExec, .noFollow])
        } catch let error as Errno { throw SystemError("open", path: path, errno: error) }
        try disk.truncate(file, to: Int64(length), path: path)
    }

    /// Appends a line.
    func write(_ record: JournalRecord) throws {
        let line = try Plan.encoder.encode(record) + [UInt8(ascii: "\n")]
        do {
            try line.withUnsafeBytes { try disk.write($0, to: file, path: path) }
            try disk.flush(file, path: path)
        } catch {
            // Half a line (a full disk) must not stand before the next one.
            try? disk.truncate(file, to: length, path: path)
            throw error
        }
        length += Int64(line.count)
    }

    deinit { try? file.close() }
}
