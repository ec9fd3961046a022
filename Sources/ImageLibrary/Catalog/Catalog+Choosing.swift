import Foundation
import GRDB
import Imaging
import SystemPackage

/// A condition on present files and the pictures in them, in SQL.
struct FileCondition: Sendable {
    private(set) var sql = "file.state = \(FileState.indexed.rawValue)"
    private(set) var arguments = StatementArguments()

    /// When a picture was taken, else when its file was modified, in local time as cameras have it.
    private static let date = """
        coalesce(content.captured,
            strftime('%Y-%m-%dT%H:%M:%S', file.modified / 1000000000, 'unixepoch', 'localtime'))
        """

    /// The condition that a filter stands for; the folders must be absolute and resolved.
    init(_ filter: PictureFilter, folders: [FilePath], roots: some Sequence<RootRecord>) {
        if !folders.isEmpty {
            let places = roots.flatMap { root in folders.compactMap { Self.files(of: root, below: $0) } }
            and(
                places.isEmpty ? "0" : places.map(\.sql).joined(separator: " OR "),
                places.reduce(StatementArguments()) { $0 + $1.arguments })
        }
        if !filter.formats.isEmpty {
            let names = filter.formats.map(\.rawValue).sorted()
            and(
                "content.format IN (\(names.map { _ in "?" }.joined(separator: ",")))",
                StatementArguments(names))
        }
        if let since = filter.since?.text { and("\(Self.date) >= ?", [since]) }
        if let until = filter.until?.text {
            // A beginning of the same length, so that the whole of the last year, month or day is in.
            and("substr(\(Self.date), 1, \(until.utf8.count)) <= ?", [until])
        }
        if let size = filter.minimumSize { and("file.size >= ?", [size]) }
        if let size = filter.maximumSize { and("file.size <= ?", [size]) }
    }

    private mutating func and(_ condition: String, _ more: StatementArguments) {
        sql += " AND (\(condition))"
        arguments += more
    }

    /// The files of a root that are at or below a folder; nil when none can be.
    private static func files(
        of root: RootRecord, below folder: FilePath
    ) -> (sql: String, arguments: StatementArguments)? {
        if let prefix = root.relative(folder), !prefix.isEmpty {
            // Everything from "prefix/" up to, not including, "prefix0" ("0" is the byte after "/").
            return (
                "(file.root_id = ? AND (file.path = ? OR (file.path >= ? AND file.path < ?)))",
                [
                    root.id, Data(prefix), Data(prefix + [UInt8(ascii: "/")]),
                    Data(prefix + [UInt8(ascii: "0")]),
                ]
            )
        }
        return root.path.starts(with: folder) ? ("file.root_id = ?", [root.id]) : nil
    }
}

extension Catalog {
    /// Numbers of the contents of the files that satisfy a condition.
    func contents(where condition: FileCondition, in database: Database) throws -> Set<UInt64> {
        let rows = try Int64.fetchCursor(
            database,
            sql: """
                SELECT DISTINCT content.id FROM file JOIN content ON content.id = file.content_id
                WHERE \(condition.sql)
                """, arguments: condition.arguments)
        var ids: Set<UInt64> = []
        while let id = try rows.next() { ids.insert(UInt64(bitPattern: id)) }
        return ids
    }

    /// The files that hold a content and satisfy a condition, in the order of their paths.
    func files(
        content: UInt64, where condition: FileCondition, in database: Database
    ) throws -> [FileRecord] {
        let statement = try database.cachedStatement(
            sql: """
                SELECT file.* FROM file JOIN content ON content.id = file.content_id
                WHERE \(condition.sql) AND content.id = ? ORDER BY file.root_id, file.path
                """)
        let rows = try Row.fetchCursor(
            statement, arguments: condition.arguments + [Int64(bitPattern: content)])
        var files: [FileRecord] = []
        while let row = try rows.next() { files.append(FileRecord(row: row)) }
        return files
    }
}
