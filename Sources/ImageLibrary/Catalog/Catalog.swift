import Foundation
package import GRDB
import SystemPackage
import SystemSupport

/// The SQLite database that is the one authority on what an index holds.
///
/// One process writes (it holds the library's lock), any number read; write-ahead logging keeps readers on the
/// last committed state.
package final class Catalog: Sendable {
    /// How a catalog is opened.
    package enum Mode: Sendable { case read, write }

    package let paths: LibraryPaths
    private let database: any DatabaseWriter

    /// Opens a catalog; in write mode a missing one is created and an older one migrated.
    package init(_ paths: LibraryPaths, mode: Mode) throws {
        self.paths = paths
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        configuration.label = "catalog"
        if mode == .read {
            guard paths.exists else { throw LibraryError.noIndex(paths.folder) }
            configuration.readonly = true
        }
        configuration.prepareDatabase { database in
            if mode == .write { try database.execute(sql: "PRAGMA journal_mode = WAL") }
            // FULL: a committed transaction survives a power cut, as the vectors it speaks of do.
            try database.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -16000")
        }
        let path = paths.catalog
        // SQLite takes its file name as UTF-8 only; the pictures' names are not concerned.
        guard String(validating: path) != nil else { throw LibraryError.nameNotUTF8(path) }
        do {
            let database = try DatabaseQueue(path: path.string, configuration: configuration)
            let state = try database.read { database in
                (
                    try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0,
                    try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0,
                    try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
                )
            }
            if state == (0, 0, 0) {
                guard mode == .write else { throw LibraryError.noIndex(paths.folder) }
                try database.write { try Schema.create(in: $0) }
            } else {
                guard state.1 == Schema.applicationID else {
                    throw LibraryError.damagedCatalog(path, "it is another program's database")
                }
                guard state.0 <= Schema.version else {
                    throw LibraryError.newerCatalog(path, version: state.0, supported: Schema.version)
                }
                if mode == .write, state.0 < Schema.version {
                    try database.write { try Schema.migrate(from: state.0, in: $0) }
                }
            }
            self.database = database
        } catch let error as DatabaseError {
            throw Self.translated(error, path)
        }
    }

    /// Runs reads that see one state of the catalog.
    package func read<T>(_ body: (Database) throws -> T) throws -> T {
        do { return try database.read(body) } catch let error as DatabaseError {
            throw Self.translated(error, paths.catalog)
        }
    }

    /// Runs changes that are committed together, durably, or not at all.
    package func write<T>(_ body: (Database) throws -> T) throws -> T {
        do { return try database.write(body) } catch let error as DatabaseError {
            throw Self.translated(error, paths.catalog)
        }
    }

    /// Ends the writer's use of the catalog and leaves one plain file behind, which can be read from a read-only
    /// disk too: a log would need files of its own beside it. While somebody reads, the log stays.
    package func close() throws {
        // Refused while somebody reads, which is no failure.
        database.writeWithoutTransaction { database in
            _ = try? database.execute(sql: "PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE")
        }
        do { try database.close() } catch let error as DatabaseError {
            throw Self.translated(error, paths.catalog)
        }
    }

    /// Gives unused pages back to the file system.
    package func vacuum() throws {
        do { try database.vacuum() } catch let error as DatabaseError {
            throw Self.translated(error, paths.catalog)
        }
    }

    /// What SQLite itself finds wrong with the file; empty when nothing is.
    package func integrityProblems() throws -> [String] {
        try read { database in
            try String.fetchAll(database, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
        }
    }

    private static func translated(_ error: DatabaseError, _ path: FilePath) -> any Error {
        switch error.resultCode {
        case .SQLITE_FULL: SystemError("write", path: path, errno: .noSpace)
        case .SQLITE_READONLY: SystemError("write", path: path, errno: .permissionDenied)
        case .SQLITE_CANTOPEN: SystemError("open", path: path, errno: .permissionDenied)
        case .SQLITE_IOERR: SystemError("read or write", path: path, errno: .ioError)
        case .SQLITE_BUSY, .SQLITE_LOCKED: SystemError("use (it is busy)", path: path, errno: .resourceBusy)
        default:
            LibraryError.damagedCatalog(path, error.message ?? "SQLite error \(error.resultCode.rawValue)")
        }
    }
}
