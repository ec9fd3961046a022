import Foundation
package import GRDB
import Imaging
package import SystemPackage
package import SystemSupport

extension Catalog {
    /// The files of a root whose path is `prefix` or lies below it; an empty prefix means all of them.
    package func files(root: Int64, below prefix: [UInt8], in database: Database) throws -> [FileRecord] {
        if prefix.isEmpty {
            return try fetchFiles("root_id = ?", [root], database)
        }
        // Everything from "prefix/" up to, not including, "prefix0" ("0" is the byte after "/").
        return try fetchFiles(
            "root_id = ? AND (path = ? OR (path >= ? AND path < ?))",
            [root, Data(prefix), Data(prefix + [UInt8(ascii: "/")]), Data(prefix + [UInt8(ascii: "0")])],
            database)
    }

    /// Every file that is in one of the given states.
    package func files(states: [FileState], in database: Database) throws -> [FileRecord] {
        try fetchFiles(
            "state IN (\(states.map { String($0.rawValue) }.joined(separator: ",")))", [], database)
    }

    /// The files with a number on a device, whatever their state.
    package func files(device: UInt64, inode: UInt64, in database: Database) throws -> [FileRecord] {
        try fetchFiles(
            "inode = ? AND device = ?", [Int64(bitPattern: inode), Int64(bitPattern: device)], database)
    }

    /// How many files are in a state.
    package func count(of state: FileState, in database: Database) throws -> Int {
        try Int.fetchOne(
            database, sql: "SELECT count(*) FROM file WHERE state = ?", arguments: [state.rawValue]) ?? 0
    }

    /// The present files that hold a content, in the order of their paths.
    package func files(content: UInt64, in database: Database) throws -> [FileRecord] {
        try fetchFiles(
            "content_id = ? AND state = \(FileState.indexed.rawValue) ORDER BY root_id, path",
            [Int64(bitPattern: content)], database)
    }

    /// The file at a path below a root.
    package func file(root: Int64, path: [UInt8], in database: Database) throws -> FileRecord? {
        try fetchFiles("root_id = ? AND path = ?", [root, Data(path)], database).first
    }

    private func fetchFiles(_ condition: String, _ arguments: StatementArguments, _ database: Database) throws
        -> [FileRecord]
    {
        let statement = try database.cachedStatement(sql: "SELECT * FROM file WHERE \(condition)")
        var files: [FileRecord] = []
        let rows = try Row.fetchCursor(statement, arguments: arguments)
        while let row = try rows.next() { files.append(FileRecord(row: row)) }
        return files
    }

    /// Writes down what has become of a file, replacing what was known of that path.
    package func set(
        root: Int64, path: [UInt8], status: FileStatus, state: FileState, content: UInt64?, reason: String?,
        in database: Database
    ) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO file (root_id, path, size, modified, device, inode, state, content_id, reason)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (root_id, path) DO UPDATE SET size = excluded.size, modified = excluded.modified,
                    device = excluded.device, inode = excluded.inode, state = excluded.state,
                    content_id = excluded.content_id, reason = excluded.reason
                """)
        try statement.execute(arguments: [
            root, Data(path), status.size, status.modifiedNanoseconds, Int64(bitPattern: status.device),
            Int64(bitPattern: status.inode), state.rawValue, content.map(Int64.init(bitPattern:)), reason,
        ])
    }

    /// Gives a file a new place, keeping everything known of it.
    package func move(file: Int64, root: Int64, path: [UInt8], status: FileStatus, in database: Database)
        throws
    {
        // A stale row may stand at the new place (a file that is gone); the moved one replaces it.
        try database.cachedStatement(sql: "DELETE FROM file WHERE root_id = ? AND path = ? AND id <> ?")
            .execute(arguments: [root, Data(path), file])
        try database.cachedStatement(
            sql: "UPDATE file SET root_id = ?, path = ?, device = ?, inode = ? WHERE id = ?"
        ).execute(arguments: [
            root, Data(path), Int64(bitPattern: status.device), Int64(bitPattern: status.inode), file,
        ])
    }

    /// Marks files as gone or as back again.
    package func set(state: FileState, files: [Int64], in database: Database) throws {
        let statement = try database.cachedStatement(sql: "UPDATE file SET state = ? WHERE id = ?")
        for file in files { try statement.execute(arguments: [state.rawValue, file]) }
    }

    /// Forgets files altogether.
    package func delete(files: [Int64], in database: Database) throws {
        let statement = try database.cachedStatement(sql: "DELETE FROM file WHERE id = ?")
        for file in files { try statement.execute(arguments: [file]) }
    }
}

extension RootRecord {
    /// The absolute path of a file below this root.
    package func absolute(_ relative: [UInt8]) -> FilePath {
        guard let tail = FilePath(bytes: relative), !tail.isEmpty else { return path }
        return path.pushing(tail)
    }

    /// A path relative to this root, nil when it lies elsewhere.
    package func relative(_ absolute: FilePath) -> [UInt8]? {
        var tail = absolute
        guard tail.removePrefix(path) else { return nil }
        return tail.bytes
    }
}
