import Encoders
import GRDB
import Imaging
import SystemSupport
import VectorIndex

/// Collects finished files and commits them together: first the vectors, durably, then the catalog.
///
/// A crash between the two leaves vectors that no catalog row speaks of; they are never found and go with
/// `compact`. A crash at any other moment leaves the last commit.
struct ResultWriter {
    private let session: WritingSession
    private let interval: Double
    private var lastCommit = Platform.monotonicSeconds()

    private enum Entry {
        case indexed(PendingFile, FileStatus, content: UInt64)
        case unreadable(PendingFile, FileStatus, reason: String)
    }

    private var entries: [Entry] = []
    private var newContents: [ContentRecord] = []
    private var newlyEmbedded: [UInt64] = []
    private var uncommitted: [[UInt8]: UInt64] = [:]
    private var reserved: Range<UInt64> = 0..<0

    init(session: WritingSession, interval: Double) {
        self.session = session
        self.interval = interval
    }

    /// Files waiting for the next commit.
    var pendingCount: Int { entries.count }
    /// Whether it is time to commit.
    var isDue: Bool { !entries.isEmpty && Platform.monotonicSeconds() - lastCommit >= interval }

    /// Takes a decoded picture; false when the same content arrived with another file in the meantime.
    mutating func add(
        _ identity: FileContentIdentity, _ description: PictureDescription, _ embedding: Embedding,
        for file: PendingFile
    ) throws -> Bool {
        if let content = uncommitted[identity.hash] {
            entries.append(.indexed(file, identity.status, content: content))
            return false
        }
        let known = try session.catalog.read { try session.catalog.content(hash: identity.hash, in: $0) }
        let content: UInt64
        if let known {
            content = known.id
            // Another worker may have met the same bytes in an earlier, committed batch.
            if session.store.contains(id: content) {
                entries.append(.indexed(file, identity.status, content: content))
                return false
            }
        } else {
            content = try nextNumber()
            newContents.append(ContentRecord(id: content, identity: identity, description: description))
        }
        try session.store.append(id: content, vector: embedding.values)
        newlyEmbedded.append(content)
        uncommitted[identity.hash] = content
        entries.append(.indexed(file, identity.status, content: content))
        return true
    }

    /// Takes a file whose content is in the index already.
    mutating func add(_ identity: FileContentIdentity, content: UInt64, for file: PendingFile) {
        entries.append(.indexed(file, identity.status, content: content))
    }

    /// Takes a file that could not be read.
    mutating func addUnreadable(_ file: PendingFile, status: FileStatus, reason: String) {
        entries.append(.unreadable(file, status, reason: reason))
    }

    /// Makes everything taken so far durable.
    mutating func commit() throws {
        defer { lastCommit = Platform.monotonicSeconds() }
        guard !entries.isEmpty else { return }
        try session.store.commit()
        let catalog = session.catalog, model = session.model.id
        try catalog.write { database in
            for content in newContents { try catalog.insert(content, in: database) }
            for content in newlyEmbedded { try catalog.markEmbedded(content, model: model, in: database) }
            for entry in entries {
                switch entry {
                case .indexed(let file, let status, let content):
                    try catalog.set(
                        root: file.root.id, path: file.relativePath, status: status, state: .indexed,
                        content: content, reason: nil, in: database)
                case .unreadable(let file, let status, let reason):
                    try catalog.set(
                        root: file.root.id, path: file.relativePath, status: status, state: .unreadable,
                        content: nil, reason: reason, in: database)
                }
            }
        }
        entries = []
        newContents = []
        newlyEmbedded = []
        uncommitted = [:]
    }

    private mutating func nextNumber() throws -> UInt64 {
        if reserved.isEmpty {
            let count = 1024
            let first = try session.catalog.reserveContentNumbers(count)
            reserved = first..<first + UInt64(count)
        }
        defer { reserved = reserved.lowerBound + 1..<reserved.upperBound }
        return reserved.lowerBound
    }
}

extension ContentRecord {
    init(id: UInt64, identity: FileContentIdentity, description: PictureDescription) {
        self.init(
            id: id, hash: identity.hash, size: identity.status.size, format: description.info.format,
            width: description.info.width, height: description.info.height,
            orientation: Int(description.info.orientation.rawValue), captured: description.info.captureTime,
            isTruncated: description.info.isTruncated, pdq: description.pdq,
            pdqQuality: description.pdqQuality,
            quality: description.quality)
    }
}
