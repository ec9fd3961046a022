import SystemPackage
import SystemSupport

extension WritingSession {
    /// Walks the folders, looks at the single files, and compares all with the catalog. Changes nothing but the
    /// list of roots.
    func plan(
        folders: [FilePath], options: IndexOptions, report: inout IndexReport, onEvent: (IndexEvent) -> Void
    ) throws -> Reconciliation {
        var scopes: [Scope] = []
        var files = options.files
        for path in folders {
            let resolved = try resolve(path)
            if try statusOfNamed(resolved).kind == .directory {
                let root = try catalog.write { try catalog.root(for: resolved, isWalked: true, in: $0) }
                scopes.append(Scope(root: root, prefix: root.relative(resolved) ?? []))
            } else {
                files.append(resolved)
            }
        }
        if folders.isEmpty, files.isEmpty {
            for root in try catalog.read({ try catalog.roots($0) }) where root.isWalked {
                scopes.append(Scope(root: root, prefix: []))
            }
        }
        let embedded = try catalog.read { try catalog.embeddedContents(model: model.id, in: $0) }
        let isDone = { (file: FileRecord) in file.contentID.map(embedded.contains) ?? false }

        var plan = Reconciliation()
        for scope in Scope.withoutOverlaps(scopes) {
            let top = scope.root.absolute(scope.prefix)
            guard (try? FileStatus.of(top))?.kind == .directory else {
                onEvent(.rootAbsent(top))
                report.absent += try catalog.read {
                    try catalog.files(root: scope.root.id, below: scope.prefix, in: $0).count {
                        $0.state != .missing
                    }
                }
                continue
            }
            onEvent(.scanning(top))
            let walk = FolderWalk(top: top, options: options.walk, threads: options.jobs)
            if Interruption.isRequested { return Reconciliation() }
            for (folder, error) in walk.unlistable.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                onEvent(.unlistable(FilePath(bytes: folder).map { top.pushing($0) } ?? top, "\(error.errno)"))
                report.unlistableFolders += 1
            }
            let known = try catalog.read {
                try catalog.files(root: scope.root.id, below: scope.prefix, in: $0)
            }
            plan.add(
                root: scope.root, prefix: scope.prefix, walk: walk, known: known,
                retries: options.retriesUnreadable, isDone: isDone)
        }
        try add(files, to: &plan, options: options, isDone: isDone, onEvent: onEvent, report: &report)
        try plan.finish(isDone: isDone, formerName: formerName)
        report.unchanged = plan.unchangedCount
        report.hardLinks = plan.hardLinkCount
        report.absent += plan.absentCount
        report.stillUnreadable = plan.stillUnreadable.count
        return plan
    }

    /// The file that once had another, now vacant path, recognised by device and number.
    private func formerName(_ status: FileStatus) throws -> FileRecord? {
        try catalog.read { database in
            let candidates = try catalog.files(device: status.device, inode: status.inode, in: database)
            guard !candidates.isEmpty else { return nil }
            let roots = try catalog.roots(database)
            return candidates.first { file in
                guard let root = roots.first(where: { $0.id == file.rootID }) else { return false }
                return (try? FileStatus.of(root.absolute(file.relativePath), followingLinks: false)) == nil
            }
        }
    }

    /// Writes down what needs no reading: renamed, gone and returned files.
    func apply(_ plan: Reconciliation, report: inout IndexReport) throws {
        try catalog.write { database in
            for move in plan.moved {
                try catalog.move(
                    file: move.file.id, root: move.root.id, path: move.relativePath, status: move.status,
                    in: database)
            }
            try catalog.set(state: .indexed, files: plan.moved.map(\.file.id), in: database)
            try catalog.set(state: .missing, files: plan.missing.map(\.id), in: database)
            try catalog.set(state: .indexed, files: plan.returned.map(\.id), in: database)
            // A root whose files have all moved elsewhere, and that is no folder any more, has served.
            for root in try catalog.roots(database)
            where root.isWalked && (try? FileStatus.of(root.path)) == nil {
                try catalog.deleteRootIfEmpty(root.id, in: database)
            }
        }
        report.moved = plan.moved.count
        report.missing = plan.missing.count
        report.recognised = plan.returned.count
    }

    /// Adds single files: each belongs to the walked root it lies in, else to the collection of single files.
    private func add(
        _ paths: [FilePath], to plan: inout Reconciliation, options: IndexOptions,
        isDone: (FileRecord) -> Bool, onEvent: (IndexEvent) -> Void, report: inout IndexReport
    ) throws {
        guard !paths.isEmpty else { return }
        let roots = try catalog.read { try catalog.roots($0) }
        let walked = roots.filter(\.isWalked)
        var singles: RootRecord?
        var byRoot: [Int64: (root: RootRecord, files: [FoundFile])] = [:]
        for path in Set(paths).sorted(by: { $0.bytes.lexicographicallyPrecedes($1.bytes) }) {
            guard let resolved = try? resolve(path), let status = try? FileStatus.of(resolved) else {
                onEvent(.unreadable(path, "no such file"))
                report.unreadable += 1
                continue
            }
            var root = walked.first { resolved.starts(with: $0.path) }
            if root == nil, singles == nil {
                singles = try catalog.write { try catalog.root(for: FilePath("/"), isWalked: false, in: $0) }
            }
            root = root ?? singles
            guard let root, let relative = root.relative(resolved) else { continue }
            byRoot[root.id, default: (root, [])].files.append(
                FoundFile(relativePath: relative, status: status))
        }
        for (root, files) in byRoot.values.sorted(by: { $0.root.id < $1.root.id }) {
            var walk = FolderWalk()
            walk.files = files
            let known = try catalog.read { database in
                try files.compactMap { try catalog.file(root: root.id, path: $0.relativePath, in: database) }
            }
            plan.add(
                root: root, prefix: [], walk: walk, known: known, retries: options.retriesUnreadable,
                isDone: isDone)
        }
    }

    private func resolve(_ path: FilePath) throws -> FilePath {
        do { return try Folders.resolve(path) } catch {
            throw LibraryError.unreadableRoot(path, "\(error.errno)")
        }
    }

    private func statusOfNamed(_ path: FilePath) throws -> FileStatus {
        do { return try FileStatus.of(path) } catch {
            throw LibraryError.unreadableRoot(path, "\(error.errno)")
        }
    }
}

/// A root or a folder below one.
private struct Scope {
    let root: RootRecord
    let prefix: [UInt8]

    /// Leaves out the scopes that lie within others, so that no folder is walked twice. A root that took in
    /// others during this run replaces them.
    static func withoutOverlaps(_ scopes: [Scope]) -> [Scope] {
        var kept: [Scope] = []
        for scope in scopes.sorted(by: { $0.top.length < $1.top.length })
        where !kept.contains(where: { scope.top.starts(with: $0.top) }) {
            kept.append(scope)
        }
        return kept
    }

    private var top: FilePath { root.absolute(prefix) }
}
