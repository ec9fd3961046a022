import Encoders
import GRDB
public import SystemPackage
import SystemSupport
import VectorIndex

/// What an index holds, in numbers.
public struct LibraryStatus: Sendable {
    /// A root and whether it is there now.
    public struct Root: Sendable {
        /// Where it stands.
        public let path: FilePath
        /// Whether the folder exists at this moment.
        public let isPresent: Bool
        /// Pictures indexed below it.
        public let pictures: Int
    }

    /// A model and how many vectors of it are stored.
    public struct ModelVectors: Sendable {
        /// The model.
        public let model: ModelRecord
        /// Stored vectors.
        public let vectors: Int
        /// Their size on disk in bytes.
        public let byteCount: Int64
    }

    /// Roots, in the order they were added.
    public let roots: [Root]
    /// Files indexed, unreadable and missing.
    public let indexed: Int, unreadable: Int, missing: Int
    /// Distinct pictures among the indexed files.
    public let distinct: Int
    /// Models with vectors.
    public let models: [ModelVectors]
    /// The unreadable files with their reasons.
    public let unreadableFiles: [(path: FilePath, reason: String)]
    /// Size of the catalog in bytes.
    public let catalogByteCount: Int64
}

extension LibraryReader {
    /// Counts what the index holds. Costs a pass over the catalog's file table.
    public func status() throws -> LibraryStatus {
        let catalog = catalog
        let counts = try catalog.read { database in
            try Row.fetchAll(
                database, sql: "SELECT root_id, state, count(*) AS n FROM file GROUP BY root_id, state"
            )
            .map { (root: $0["root_id"] as Int64, state: $0["state"] as Int, count: $0["n"] as Int) }
        }
        func total(_ state: FileState) -> Int {
            counts.filter { $0.state == state.rawValue }.reduce(0) { $0 + $1.count }
        }
        let unreadable = try catalog.read { try catalog.files(states: [.unreadable], in: $0) }
        return LibraryStatus(
            roots: roots.values.sorted { $0.id < $1.id }.map { root in
                LibraryStatus.Root(
                    path: root.path, isPresent: (try? FileStatus.of(root.path)) != nil,
                    pictures: counts.first { $0.root == root.id && $0.state == FileState.indexed.rawValue }?
                        .count ?? 0)
            },
            indexed: total(.indexed), unreadable: total(.unreadable), missing: total(.missing),
            distinct: try catalog.read { try catalog.presentContentIDs($0).count },
            models: try models().map { model in
                LibraryStatus.ModelVectors(
                    model: model, vectors: try vectors(of: model).count,
                    byteCount: folderSize(paths.vectors(model: model.folderName)))
            },
            unreadableFiles: unreadable.map { (path(of: $0), $0.reason ?? "unknown reason") },
            catalogByteCount: (try? FileStatus.of(paths.catalog).size) ?? 0)
    }

    private func folderSize(_ folder: FilePath) -> Int64 {
        let entries = (try? Folders.list(folder)) ?? []
        return entries.reduce(0) { $0 + ((try? FileStatus.of(folder.appending($1.name)).size) ?? 0) }
    }

    /// Everything that is wrong with the index, one line each; empty when nothing is.
    ///
    /// Checks SQLite's own structure, every checksum of every segment, and that catalog and vectors agree.
    /// Reads the whole index.
    public func verify() throws -> [String] {
        let catalog = catalog
        var problems = try catalog.integrityProblems().map { "\(paths.catalog): \($0)" }
        problems += try catalog.read { database in
            try String.fetchAll(
                database,
                sql: """
                    SELECT 'file row ' || file.id || ' speaks of content ' || content_id || ', which is not there'
                    FROM file LEFT JOIN content ON content.id = content_id
                    WHERE state = \(FileState.indexed.rawValue) AND content.id IS NULL
                    """)
        }.map { "\(paths.catalog): \($0)" }
        for model in try models() {
            let found = VectorStore.verify(
                folder: paths.vectors(model: model.folderName),
                space: VectorSpace(dimension: model.dimension, fingerprint: model.fingerprint))
            problems += found.map(\.description)
            // Damage that keeps the vectors from being opened has been named already.
            guard found.isEmpty else { continue }
            let snapshot = try vectors(of: model)
            let marked = try catalog.read { try catalog.embeddedContents(model: model.id, in: $0) }
            let lost = marked.count { snapshot.row(ofID: $0) == nil }
            if lost > 0 {
                problems.append(
                    "\(model.name): \(lost) pictures have no vector; run imgvec index to make them again")
            }
        }
        return problems
    }
}

/// What `compact` gave back.
public struct CompactReport: Sendable, Equatable {
    /// Files that were gone and are now forgotten.
    public let forgottenFiles: Int
    /// Distinct pictures dropped with them.
    public let droppedContents: Int
    /// Bytes of the index before and after.
    public let bytesBefore: Int64, bytesAfter: Int64
}

extension ImageLibrary {
    /// Forgets files that are gone, drops pictures that no file holds, and rewrites segments without them.
    ///
    /// The models' vectors are rewritten one model after the other; a crash in between leaves a sound index.
    public func compact() throws -> CompactReport {
        guard let lock = try FileLock(paths.lock) else {
            throw LibraryError.locked(paths.folder, owner: FileLock.owner(of: paths.lock))
        }
        defer { withExtendedLifetime(lock) {} }
        guard paths.exists else { throw LibraryError.noIndex(paths.folder) }
        let catalog = try Catalog(paths, mode: .write)
        let before = byteCount()
        let (files, contents) = try catalog.write { database in
            let missing = try catalog.files(states: [.missing], in: database)
            try catalog.delete(files: missing.map(\.id), in: database)
            return (missing.count, try catalog.deleteUnusedContents(database))
        }
        for model in try catalog.read({ try catalog.models($0) }) {
            let kept = try catalog.read { try catalog.embeddedContents(model: model.id, in: $0) }
            let store = try VectorStore(
                folder: paths.vectors(model: model.folderName),
                space: VectorSpace(dimension: model.dimension, fingerprint: model.fingerprint),
                precision: .float16)
            _ = try store.compact(keeping: kept.contains)
            try store.close()
        }
        if (try? FileStatus.of(paths.sketches)) != nil {
            let kept = try catalog.read { try catalog.presentContentIDs($0) }
            try SketchStore(paths).compact(keeping: kept)
        }
        try catalog.vacuum()
        try catalog.close()
        return CompactReport(
            forgottenFiles: files, droppedContents: contents, bytesBefore: before, bytesAfter: byteCount())
    }

    /// Forgets everything at or below a path; pictures that no other file holds leave the results at once, their
    /// vectors go with the next `compact`. Gives the number of files forgotten.
    public func forget(_ path: FilePath) throws -> Int {
        guard paths.exists else { throw LibraryError.noIndex(paths.folder) }
        guard let lock = try FileLock(paths.lock) else {
            throw LibraryError.locked(paths.folder, owner: FileLock.owner(of: paths.lock))
        }
        defer { withExtendedLifetime(lock) {} }
        let catalog = try Catalog(paths, mode: .write)
        let resolved = try LibraryPaths.absolute(path)
        let forgotten = try catalog.write { database in
            var count = 0
            for root in try catalog.roots(database) {
                let isWhole = root.path.starts(with: resolved)
                guard let prefix = isWhole ? [] : root.relative(resolved) else { continue }
                let files = try catalog.files(root: root.id, below: prefix, in: database)
                try catalog.delete(files: files.map(\.id), in: database)
                count += files.count
                if isWhole {
                    try database.execute(sql: "DELETE FROM root WHERE id = ?", arguments: [root.id])
                }
            }
            _ = try catalog.deleteUnusedContents(database)
            return count
        }
        try catalog.close()
        return forgotten
    }

    private func byteCount() -> Int64 {
        func size(_ folder: FilePath) -> Int64 {
            ((try? Folders.list(folder)) ?? []).reduce(0) { sum, entry in
                let path = folder.appending(entry.name)
                guard let status = try? FileStatus.of(path, followingLinks: false) else { return sum }
                return sum + (status.kind == .directory ? size(path) : status.size)
            }
        }
        return size(paths.folder)
    }
}
