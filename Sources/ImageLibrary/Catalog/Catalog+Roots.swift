import Foundation
package import GRDB
package import SystemPackage
import SystemSupport

extension Catalog {
    /// All roots, with the paths they have now.
    package func roots(_ database: Database) throws -> [RootRecord] {
        try Row.fetchAll(database, sql: "SELECT * FROM root ORDER BY id").compactMap { row in
            guard let stored = FilePath(bytes: row["path"] as Data? ?? Data()) else { return nil }
            return RootRecord(
                id: row["id"], path: resolved(stored, isRelative: row["is_relative"]),
                isWalked: row["is_walked"])
        }
    }

    /// The root that a folder or file belongs to, made when there is none.
    ///
    /// A path below an existing root belongs to that root. A folder above existing roots takes them in: their
    /// files keep their rows and are renamed to be relative to the new root.
    package func root(
        for path: FilePath, isWalked: Bool, in database: Database
    ) throws -> RootRecord {
        let known = try roots(database)
        if let root = known.filter({ $0.isWalked == isWalked && path.starts(with: $0.path) })
            .max(by: { $0.path.length < $1.path.length })
        {
            return root
        }
        let (stored, isRelative) = storedForm(of: path)
        try database.execute(
            sql: "INSERT INTO root (path, is_relative, is_walked) VALUES (?, ?, ?)",
            arguments: [Data(stored.bytes), isRelative, isWalked])
        let root = RootRecord(id: database.lastInsertedRowID, path: path, isWalked: isWalked)
        guard isWalked else { return root }
        for old in known where old.isWalked && old.path.starts(with: path) {
            var prefix = old.path
            guard prefix.removePrefix(path) else { continue }
            try database.execute(
                sql: "UPDATE file SET root_id = ?, path = CAST(? || path AS BLOB) WHERE root_id = ?",
                arguments: [root.id, Data(prefix.bytes + [UInt8(ascii: "/")]), old.id])
            try database.execute(sql: "DELETE FROM root WHERE id = ?", arguments: [old.id])
        }
        return root
    }

    /// Drops a root that no file belongs to.
    package func deleteRootIfEmpty(_ root: Int64, in database: Database) throws {
        try database.execute(
            sql: "DELETE FROM root WHERE id = ? AND NOT EXISTS (SELECT 1 FROM file WHERE root_id = root.id)",
            arguments: [root])
    }

    private func storedForm(of path: FilePath) -> (FilePath, isRelative: Bool) {
        guard let home = paths.home, path.starts(with: home) else { return (path, false) }
        var relative = path
        guard relative.removePrefix(home) else { return (path, false) }
        return (relative.isEmpty ? "." : relative, true)
    }

    private func resolved(_ stored: FilePath, isRelative: Bool) -> FilePath {
        guard isRelative, let home = paths.home else { return stored }
        return home.pushing(stored).lexicallyNormalized()
    }
}
