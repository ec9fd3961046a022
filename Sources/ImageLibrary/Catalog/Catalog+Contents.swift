import Foundation
package import GRDB
import Imaging
package import SystemPackage
import SystemSupport

extension Catalog {
    /// Sets `count` content numbers aside, in a transaction of their own, and gives the first.
    ///
    /// A number is used up even when what it was for is never committed: the vector segments are written before
    /// the catalog, and a number found there without a catalog row must never come to mean another picture.
    package func reserveContentNumbers(_ count: Int) throws -> UInt64 {
        try write { database in
            let first =
                try Int64.fetchOne(database, sql: "SELECT value FROM counter WHERE name = 'next content id'")
                ?? 1
            try database.execute(
                sql: "UPDATE counter SET value = ? WHERE name = 'next content id'",
                arguments: [first + Int64(count)])
            return UInt64(bitPattern: first)
        }
    }

    /// The content with a hash, if the catalog has it.
    package func content(hash: [UInt8], in database: Database) throws -> ContentRecord? {
        let statement = try database.cachedStatement(sql: "SELECT * FROM content WHERE hash = ?")
        return try Row.fetchOne(statement, arguments: [Data(hash)]).flatMap(ContentRecord.init(row:))
    }

    /// The content with a number.
    package func content(_ id: UInt64, in database: Database) throws -> ContentRecord? {
        let statement = try database.cachedStatement(sql: "SELECT * FROM content WHERE id = ?")
        return try Row.fetchOne(statement, arguments: [Int64(bitPattern: id)]).flatMap(
            ContentRecord.init(row:))
    }

    /// Every content that at least one present file holds.
    package func presentContents(_ database: Database) throws -> [ContentRecord] {
        var contents: [ContentRecord] = []
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT * FROM content WHERE id IN
                    (SELECT content_id FROM file WHERE state = \(FileState.indexed.rawValue)) ORDER BY id
                """)
        while let row = try rows.next() {
            if let content = ContentRecord(row: row) { contents.append(content) }
        }
        return contents
    }

    /// Adds a content; its number must come from `reserveContentNumbers`.
    package func insert(_ content: ContentRecord, in database: Database) throws {
        try database.cachedStatement(
            sql: "INSERT INTO content VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            Int64(bitPattern: content.id), Data(content.hash), content.size, content.format.rawValue,
            content.width,
            content.height, content.orientation, content.captured, content.isTruncated,
            Data(content.pdq.bytes),
            content.pdqQuality, content.quality.sharpness, content.quality.brightness,
            content.quality.contrast,
            content.quality.entropy, content.quality.colorfulness,
        ])
    }

    /// Numbers of the contents that some present file holds.
    package func presentContentIDs(_ database: Database) throws -> Set<UInt64> {
        Set(
            try Int64.fetchAll(
                database,
                sql: "SELECT DISTINCT content_id FROM file WHERE state = \(FileState.indexed.rawValue)"
            ).map(UInt64.init(bitPattern:)))
    }

    /// Removes contents that no file row holds any more, with their marks of being embedded; gives how many.
    package func deleteUnusedContents(_ database: Database) throws -> Int {
        let unused =
            "SELECT id FROM content WHERE id NOT IN (SELECT content_id FROM file WHERE content_id NOT NULL)"
        try database.execute(sql: "DELETE FROM embedded WHERE content_id IN (\(unused))")
        try database.execute(sql: "DELETE FROM content WHERE id IN (\(unused))")
        return database.changesCount
    }
}

extension Catalog {
    /// The models whose vectors the index holds, oldest first.
    package func models(_ database: Database) throws -> [ModelRecord] {
        try Row.fetchAll(database, sql: "SELECT * FROM model ORDER BY id").map(ModelRecord.init(row:))
    }

    /// The row of a model, made when there is none.
    package func model(
        fingerprint: String, name: String, source: FilePath?, dimension: Int, in database: Database
    ) throws -> ModelRecord {
        try database.execute(
            sql: """
                INSERT INTO model (fingerprint, name, source, dimension) VALUES (?, ?, ?, ?)
                ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name, source = excluded.source
                """, arguments: [fingerprint, name, source.map { Data($0.bytes) }, dimension])
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT * FROM model WHERE fingerprint = ?", arguments: [fingerprint])
        else { throw LibraryError.damagedCatalog(paths.catalog, "a model row just written is gone") }
        return ModelRecord(row: row)
    }

    /// Marks a content as having a vector of a model.
    package func markEmbedded(_ content: UInt64, model: Int64, in database: Database) throws {
        try database.cachedStatement(sql: "INSERT OR IGNORE INTO embedded VALUES (?, ?)")
            .execute(arguments: [model, Int64(bitPattern: content)])
    }

    /// Whether a content has a vector of a model.
    package func isEmbedded(_ content: UInt64, model: Int64, in database: Database) throws -> Bool {
        let statement = try database.cachedStatement(
            sql: "SELECT 1 FROM embedded WHERE model_id = ? AND content_id = ?")
        return try Int.fetchOne(statement, arguments: [model, Int64(bitPattern: content)]) != nil
    }

    /// Numbers of the contents that have a vector of a model.
    package func embeddedContents(model: Int64, in database: Database) throws -> Set<UInt64> {
        let rows = try Int64.fetchCursor(
            database, sql: "SELECT content_id FROM embedded WHERE model_id = ?", arguments: [model])
        var ids: Set<UInt64> = []
        while let id = try rows.next() { ids.insert(UInt64(bitPattern: id)) }
        return ids
    }

    /// Takes back the mark of contents whose vector turned out to be lost, so that they are embedded again.
    package func unmarkEmbedded(_ contents: [UInt64], model: Int64, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: "DELETE FROM embedded WHERE model_id = ? AND content_id = ?")
        for content in contents { try statement.execute(arguments: [model, Int64(bitPattern: content)]) }
    }
}
