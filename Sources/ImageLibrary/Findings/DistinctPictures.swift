import Encoders
import GRDB
public import SystemPackage
import SystemSupport

/// Two pictures that a person has told to be no copies of each other.
public struct DistinctPictures: Sendable {
    /// A picture: its content, and where it stands now.
    public struct Picture: Sendable {
        /// SHA-256 of its bytes, in hexadecimal.
        public let hash: String
        /// The present files that hold it, as far as the index knows.
        public let paths: [FilePath]
    }

    /// The two.
    public let first: Picture, second: Picture
}

extension ImageLibrary {
    /// Remembers that no two of some files are copies of each other, by their content: it holds wherever the files
    /// go, and a further picture that matches one of them is still found. Gives how many pairs are new.
    public func markDistinct(_ files: [FilePath]) throws -> Int {
        try changePairs(of: files) { catalog, pair, database in try catalog.insert(pair, in: database) }
    }

    /// Takes `markDistinct` back. Gives how many pairs were known.
    public func unmarkDistinct(_ files: [FilePath]) throws -> Int {
        try changePairs(of: files) { catalog, pair, database in try catalog.delete(pair, in: database) }
    }

    private func changePairs(
        of files: [FilePath], _ change: (Catalog, DistinctPair, Database) throws -> Bool
    ) throws -> Int {
        let hashes = try files.map { try FileDigest.sha256(of: $0) }
        for (index, hash) in hashes.enumerated() {
            if let other = hashes[..<index].firstIndex(of: hash) {
                throw LibraryError.sameBytes(files[other], files[index])
            }
        }
        return try writing { catalog in
            try catalog.write { database in
                var count = 0
                for second in hashes.indices {
                    for first in hashes[..<second] {
                        let pair = DistinctPair(first, hashes[second])
                        if try change(catalog, pair, database) { count += 1 }
                    }
                }
                return count
            }
        }
    }

    /// Opens the catalog for changes, alone.
    func writing<T>(_ body: (Catalog) throws -> T) throws -> T {
        guard paths.exists else { throw LibraryError.noIndex(paths.folder) }
        guard let lock = try FileLock(paths.lock) else {
            throw LibraryError.locked(paths.folder, owner: FileLock.owner(of: paths.lock))
        }
        defer { withExtendedLifetime(lock) {} }
        let catalog = try Catalog(paths, mode: .write)
        let result = try body(catalog)
        try catalog.close()
        return result
    }
}

extension LibraryReader {
    /// The pairs that were marked as no copies of each other, in the order of their first paths.
    public func distinctPictures() throws -> [DistinctPictures] {
        let catalog = catalog
        return try catalog.read { database in
            func picture(_ hash: [UInt8]) throws -> DistinctPictures.Picture {
                let content = try catalog.content(hash: hash, in: database)
                let files = try content.map { try catalog.files(content: $0.id, in: database) } ?? []
                return DistinctPictures.Picture(
                    hash: FileDigest.hexadecimal(hash), paths: files.map { path(of: $0) })
            }
            func key(_ pair: DistinctPictures) -> [UInt8] {
                (pair.first.paths.first?.bytes ?? []) + Array(pair.first.hash.utf8)
                    + Array(pair.second.hash.utf8)
            }
            return try catalog.distinctPairs(database).map {
                DistinctPictures(first: try picture($0.first), second: try picture($0.second))
            }.sorted { key($0).lexicographicallyPrecedes(key($1)) }
        }
    }
}
