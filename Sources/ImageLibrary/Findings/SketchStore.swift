import Foundation
import GRDB
import Imaging
import SystemPackage
import SystemSupport
import Synchronization

/// The sketches of pictures, kept beside the catalog so that a search for edits decodes each picture once.
///
/// A cache and nothing more: a database of its own (`sketches.sqlite`, see Docs/IndexFormat.md) that may be removed at
/// any time. A row counts only for the content hash it was made from and only while its checksum is right; anything
/// else is made anew. Where it cannot be written (a read-only disk) the new sketches of a run are in a temporary
/// database that goes with it.
final class SketchStore: Sendable {
    /// "imgs" in ASCII, kept in SQLite's `application_id`.
    private static let applicationID = 0x696D_6773
    /// Where sketches are written.
    private let database: any DatabaseWriter
    /// Where else they are read from, when that is only a temporary place.
    private let stored: (any DatabaseWriter)?

    private let path: FilePath

    /// Opens the store of an index, which is made when there is none.
    init(_ paths: LibraryPaths) throws {
        path = paths.sketches
        if let database = try? Self.open(paths.sketches.string, isReadOnly: false, of: paths) {
            (self.database, stored) = (database, nil)
        } else {
            // SQLite takes the empty name for a file of its own that is gone when it is closed.
            database = try Self.open("", isReadOnly: false, of: paths)
            stored = try? Self.open(paths.sketches.string, isReadOnly: true, of: paths)
        }
    }

    private static func open(
        _ name: String, isReadOnly: Bool, of paths: LibraryPaths
    ) throws -> any DatabaseWriter {
        guard String(validating: paths.sketches) != nil else {
            throw LibraryError.nameNotUTF8(paths.sketches)
        }
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.label = "sketches"
        configuration.readonly = isReadOnly
        // What is lost with the power can be made again; what is there has to be whole.
        configuration.prepareDatabase { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }
        func attempt() throws -> any DatabaseWriter {
            let database = try DatabaseQueue(path: name, configuration: configuration)
            if isReadOnly {
                try database.read { _ = try Row.fetchOne($0, sql: "SELECT * FROM sketch LIMIT 1") }
            } else {
                try database.write { database in
                    // Nothing is written to a store that is there.
                    guard try !database.tableExists("sketch") else { return }
                    try database.execute(
                        sql: """
                            PRAGMA application_id = \(applicationID);
                            CREATE TABLE sketch (
                                content_id INTEGER PRIMARY KEY, hash BLOB NOT NULL, data BLOB NOT NULL)
                            """)
                }
            }
            return database
        }
        do { return try attempt() } catch let error as DatabaseError
            where !isReadOnly && [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode)
        {
            for suffix in ["", "-journal"] { AtomicFile.unlink(FilePath(name + suffix)) }
            return try attempt()
        }
    }

    private var sources: [any DatabaseWriter] { [database] + (stored.map { [$0] } ?? []) }

    /// The sketch of a picture, if there is a sound one.
    func sketch(of content: ContentRecord) -> PictureSketch? {
        for source in sources {
            let row = try? source.read { database in
                let statement = try database.cachedStatement(
                    sql: "SELECT hash, data FROM sketch WHERE content_id = ?")
                return try Row.fetchOne(statement, arguments: [Int64(bitPattern: content.id)])
            }
            guard let row, (row["hash"] as Data?).map({ [UInt8]($0) }) == content.hash,
                let data = row["data"] as Data?,
                let sketch = data.withUnsafeBytes({ PictureSketch(bytes: $0) })
            else { continue }
            return sketch
        }
        return nil
    }

    /// The positions of those pictures whose sketches are missing, damaged or made from other bytes.
    func missing(among contents: [ContentRecord]) -> [Int] {
        var sound: [UInt64: [UInt8]] = [:]
        for source in sources {
            do {
                try source.read { database in
                    let rows = try Row.fetchCursor(database, sql: "SELECT content_id, hash, data FROM sketch")
                    while let row = try rows.next() {
                        guard let data = row["data"] as Data?,
                            data.withUnsafeBytes({ PictureSketch.isSound($0) })
                        else { continue }
                        sound[UInt64(bitPattern: row["content_id"])] = [UInt8](row["hash"] as Data? ?? Data())
                    }
                }
            } catch {
                // Damaged pages: this run makes what it needs, the next one starts a new file.
                if stored == nil, (error as? DatabaseError)?.resultCode == .SQLITE_CORRUPT {
                    AtomicFile.unlink(path)
                }
            }
        }
        return contents.indices.filter { sound[contents[$0].id] != contents[$0].hash }
    }

    /// Keeps sketches, all or none of them. What cannot be kept, because another run holds the file or the disk is
    /// full, is made again when it is asked for.
    func keep(_ sketches: [(content: ContentRecord, sketch: PictureSketch)]) {
        guard !sketches.isEmpty else { return }
        try? database.write { database in
            let statement = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO sketch VALUES (?, ?, ?)")
            for (content, sketch) in sketches {
                try statement.execute(arguments: [
                    Int64(bitPattern: content.id), Data(content.hash), Data(sketch.bytes),
                ])
            }
        }
    }

    /// Drops the sketches of all but some contents, and gives their pages back to the file system.
    func compact(keeping kept: Set<UInt64>) throws {
        try database.write { database in
            let stored = try Int64.fetchAll(database, sql: "SELECT content_id FROM sketch")
            let statement = try database.cachedStatement(sql: "DELETE FROM sketch WHERE content_id = ?")
            for id in stored where !kept.contains(UInt64(bitPattern: id)) {
                try statement.execute(arguments: [id])
            }
        }
        try database.vacuum()
    }
}
