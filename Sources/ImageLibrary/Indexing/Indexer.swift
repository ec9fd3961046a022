public import Encoders
public import Imaging
public import SystemPackage
import SystemSupport
import VectorIndex

/// What an indexing run is asked to do.
public struct IndexOptions: Sendable {
    /// Which files of the folders are taken.
    public var walk = WalkOptions()
    /// Single files, beside the folders.
    public var files: [FilePath] = []
    /// How many threads read, decode and embed.
    public var jobs = Platform.coreCount
    /// What decoding may cost.
    public var limits = DecodeLimits()
    /// Whether unreadable files are tried again although they have not changed.
    public var retriesUnreadable = false
    /// Work is committed when this much time has passed.
    public var commitSeconds = 3.0

    /// The defaults.
    public init() {}
}

extension ImageLibrary {
    /// Brings the index up to date with the given folders (all known ones when none is given).
    ///
    /// New and changed pictures are decoded and embedded; renamed ones keep their vectors; files that are gone
    /// are marked as missing; unreadable ones are remembered until they change. Work is committed every few
    /// seconds: an interrupted run loses nothing that was committed, and the next one goes on from there.
    /// Throws when a named folder does not exist, the index is locked, or the disk is full.
    public func index(
        folders: [FilePath], model: Model, options: IndexOptions, onEvent: (IndexEvent) -> Void
    ) throws -> IndexReport {
        let start = Platform.monotonicSeconds()
        guard let encoder = try model.imageEncoder else {
            throw LibraryError.missingTower(model: model.name, tower: "image")
        }
        let session = try WritingSession(self, model: model)
        var report = IndexReport()
        let plan = try session.plan(folders: folders, options: options, report: &report, onEvent: onEvent)
        if Interruption.isRequested {
            report.wasInterrupted = true
        } else {
            try session.apply(plan, report: &report)
            let run = IndexingRun(
                session: session, encoder: encoder, files: plan.pending, options: options)
            try run.work(report: &report, onEvent: onEvent)
        }
        report.total = try session.catalog.read { try session.catalog.count(of: .indexed, in: $0) }
        try session.close()
        report.seconds = Platform.monotonicSeconds() - start
        return report
    }
}

/// An index opened for writing: lock, catalog and the segments of one model.
final class WritingSession {
    let paths: LibraryPaths
    let catalog: Catalog
    let model: ModelRecord
    let store: VectorStore
    private let lock: FileLock

    init(_ library: ImageLibrary, model: Model) throws {
        paths = library.paths
        try Folders.create(paths.folder)
        guard let lock = try FileLock(paths.lock) else {
            throw LibraryError.locked(paths.folder, owner: FileLock.owner(of: paths.lock))
        }
        self.lock = lock
        let catalog = try Catalog(paths, mode: .write)
        self.catalog = catalog
        let record = try catalog.write { database in
            try catalog.model(
                fingerprint: model.fingerprint, name: model.name, source: model.location,
                dimension: model.dimension, in: database)
        }
        self.model = record
        let folder = paths.vectors(model: record.folderName)
        try Folders.create(folder)
        store = try VectorStore(
            folder: folder, space: VectorSpace(dimension: record.dimension, fingerprint: record.fingerprint),
            precision: .float16)
        try reconcileVectors()
    }

    /// Makes catalog and segments agree, after a crash between their two commits or a restored backup.
    ///
    /// A vector that no mark speaks of is removed with the next commit; a mark without a vector is taken back, and
    /// the picture is embedded again.
    private func reconcileVectors() throws {
        let marked = try catalog.read { try catalog.embeddedContents(model: model.id, in: $0) }
        let stored = store.ids()
        guard marked.count != stored.count || !stored.allSatisfy(marked.contains) else { return }
        try store.remove(stored.filter { !marked.contains($0) })
        let lost = marked.subtracting(stored).sorted()
        try catalog.write { try catalog.unmarkEmbedded(lost, model: model.id, in: $0) }
    }

    func close() throws {
        try store.close()
        try catalog.close()
    }
}
