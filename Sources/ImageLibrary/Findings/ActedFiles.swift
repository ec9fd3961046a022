import Encoders
import GRDB
public import SystemPackage
import SystemSupport

extension ImageLibrary {
    /// Writes down what has become of files that `apply` or `undo` has touched, so that the next question does not
    /// speak of pictures that are gone; files that are new somewhere are the next `index` run's.
    ///
    /// Paths the index does not know are passed over, and so is everything while another imgvec writes the index:
    /// false then.
    public func noteChanges(_ changed: [FilePath]) throws -> Bool {
        guard paths.exists, !changed.isEmpty else { return true }
        do {
            try writing { catalog in
                try catalog.write { database in
                    let roots = try catalog.roots(database)
                    for path in Set(changed) {
                        for root in roots {
                            guard let relative = root.relative(path),
                                let file = try catalog.file(root: root.id, path: relative, in: database)
                            else { continue }
                            try note(file, at: path, in: catalog, database)
                        }
                    }
                }
            }
            return true
        } catch LibraryError.locked { return false }
    }

    private func note(_ file: FileRecord, at path: FilePath, in catalog: Catalog, _ database: Database) throws
    {
        let status = try? FileStatus.of(path, followingLinks: false)
        guard let status, status.kind == .regular else {
            // A folder that cannot be looked into says nothing about the files in it.
            if status != nil || (try? FileStatus.of(path.removingLastComponent())) != nil {
                try catalog.set(state: .missing, files: [file.id], in: database)
            }
            return
        }
        guard file.state != .unreadable, let id = file.contentID,
            let content = try catalog.content(id, in: database), content.size == status.size,
            try FileDigest.sha256(of: path) == content.hash
        else { return }
        try catalog.set(
            root: file.rootID, path: file.relativePath, status: status, state: .indexed, content: id,
            reason: nil, in: database)
    }
}
