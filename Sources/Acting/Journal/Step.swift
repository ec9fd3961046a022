import Foundation
package import SystemPackage
import SystemSupport

/// A path in a journal: text, or `{"bytes": base64}` when it is not UTF-8.
package struct JournalPath: Sendable, Equatable, Codable {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    private enum Key: String, CodingKey { case bytes }

    package init(from decoder: any Decoder) throws {
        let bytes: [UInt8]?
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            bytes = Array(text.utf8)
        } else {
            let fields = try decoder.container(keyedBy: Key.self)
            bytes = Data(base64Encoded: try fields.decode(String.self, forKey: .bytes)).map { Array($0) }
        }
        guard let bytes, let path = FilePath(bytes: bytes), path.isAbsolute, path.lastComponent != nil else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "not an absolute path"))
        }
        self.path = path
    }

    package func encode(to encoder: any Encoder) throws {
        let bytes = path.bytes
        if let text = String(validating: bytes, as: UTF8.self) {
            var value = encoder.singleValueContainer()
            try value.encode(text)
        } else {
            var fields = encoder.container(keyedBy: Key.self)
            try fields.encode(Data(bytes).base64EncodedString(), forKey: .bytes)
        }
    }
}

/// A file's device and its number there: what all its names have in common.
struct FileNumber: Hashable, Sendable {
    let device: UInt64, inode: UInt64

    init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }
}

/// What a file was when it was acted on: enough to recognise it wherever it is afterwards.
package struct FileIdentity: Sendable, Equatable, Codable {
    let size: Int64
    let modified: Int64
    let device: UInt64
    let inode: UInt64
    let sha256: String

    private enum CodingKeys: String, CodingKey {
        case size, device, inode, sha256
        case modified = "mtime_ns"
    }

    /// Whether a regular file stands at a path that is this one: the very file, or one with the same content.
    func stands(at path: FilePath) throws(SystemError) -> Bool {
        guard let place = try Standing.place(path), let status = try place.status(),
            status.kind == .regular, status.size == size
        else { return false }
        if status.device == device, status.inode == inode, status.modifiedNanoseconds == modified {
            return true
        }
        let file = try place.open()
        defer { try? file.close() }
        return try ContentDigest.hexadecimal(ContentDigest.sha256(of: file, path: path)) == sha256
    }

    /// Whether a status is of the very file, whatever its bytes are now.
    func isOf(_ status: FileStatus) -> Bool {
        status.kind == .regular && status.device == device && status.inode == inode
    }

    init(_ status: FileStatus, sha256: [UInt8]) {
        size = status.size
        modified = status.modifiedNanoseconds
        device = status.device
        inode = status.inode
        self.sha256 = ContentDigest.hexadecimal(sha256)
    }
}

/// One file of a step: where it was and where it goes.
package struct FileMove: Sendable, Equatable, Codable {
    /// Where the file stands before the step.
    package let from: JournalPath
    /// Its name after it. For a step that does away with the file, a name beside it that only lasts until the
    /// journal says that the step is done.
    package let to: JournalPath
    /// What it was.
    package let identity: FileIdentity
    /// The trash's note about it, and the note's text.
    package var note: JournalPath?
    package var noteText: String?
    /// Where it was copied to, when its new place is on another file system.
    package var copy: JournalPath?
}

/// What stands in a file's place when it was replaced by a link.
package struct LinkMade: Sendable, Equatable, Codable {
    /// The file linked to.
    let target: JournalPath
    /// The name the link is made under, before it takes the file's.
    let temporary: JournalPath
    /// The name that `undo` puts the whole file together under.
    let restored: JournalPath
    /// The name that `undo` puts the link under until the file is back.
    let aside: JournalPath
    /// Permission bits of the replaced file.
    let permissions: UInt32
}

/// One action of a run: everything that is needed to finish it, to take it back, or to tell from the disk how far
/// it has come.
package struct Step: Sendable, Equatable, Codable {
    /// Its number in the run, from 1.
    package let number: Int
    /// What is done.
    package let action: PlanAction
    /// The plan's group.
    package let group: Int
    /// The file that is kept, and its content then.
    package let keeper: JournalPath
    /// SHA-256 of the kept file.
    package let keeperHash: String
    /// The file, first, and what belongs to it.
    package let files: [FileMove]
    /// The link that takes the file's place.
    package let link: LinkMade?

    /// Whether the moved-aside originals are removed at the end.
    var removesOriginals: Bool { action == .delete || action.isLink || files.contains { $0.copy != nil } }
}

/// Questions about what stands at a path, where a missing folder means that nothing does.
enum Standing {
    /// The place of a path; nil when its folder is not there.
    static func place(_ path: FilePath) throws(SystemError) -> Place? {
        do { return try Place(path) } catch {
            if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
            throw error
        }
    }

    /// The status of what stands at a path, links not followed; nil when nothing does.
    static func status(_ path: FilePath) throws(SystemError) -> FileStatus? { try place(path)?.status() }
}
