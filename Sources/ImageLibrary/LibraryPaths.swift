public import SystemPackage
import SystemSupport

/// Where an index stands and what its files are called.
public struct LibraryPaths: Sendable, Equatable {
    /// The name of an index folder that belongs to the folder around it.
    public static let localName: FilePath.Component = ".imgvec"

    /// The index folder.
    public let folder: FilePath

    /// Names the files of the index in a folder.
    public init(folder: FilePath) { self.folder = folder }

    /// The SQLite catalog.
    public var catalog: FilePath { folder.appending("catalog.sqlite") }
    /// The cache of what a search for edited copies compares.
    public var sketches: FilePath { folder.appending("sketches.sqlite") }
    /// The file that the one writer locks.
    public var lock: FilePath { folder.appending("lock") }
    /// The folder that holds the journals of `apply`.
    public var journals: FilePath { folder.appending("journals") }
    /// The folder that holds one folder of segments per model.
    public var vectors: FilePath { folder.appending("vectors") }
    /// The folder of one model's segments.
    public func vectors(model id: String) -> FilePath { vectors.appending(id) }

    /// The folder that a local index (`.imgvec`) belongs to, nil for any other index.
    ///
    /// Roots inside that folder are stored relative to it, so that folder and index can move together.
    public var home: FilePath? {
        folder.lastComponent == Self.localName ? folder.removingLastComponent() : nil
    }

    /// Whether a catalog stands in the folder.
    public var exists: Bool { (try? FileStatus.of(catalog)) != nil }

    /// Chooses the index: the one asked for, else `$IMGVEC_INDEX`, else the nearest `.imgvec` in the current
    /// folder or above, else the user's own under `$XDG_DATA_HOME/imgvec/`.
    public static func locate(asked: FilePath?) throws -> LibraryPaths {
        if let asked { return LibraryPaths(folder: try absolute(asked)) }
        if let variable = Platform.environment("IMGVEC_INDEX") {
            return LibraryPaths(folder: try absolute(FilePath(variable)))
        }
        var folder = try Folders.current()
        while true {
            let candidate = LibraryPaths(folder: folder.appending(localName))
            if candidate.exists { return candidate }
            guard folder.removeLastComponent(), !folder.isEmpty else { break }
        }
        return LibraryPaths(folder: try UserFolders.data().appending("index"))
    }

    /// A path made absolute against the current folder, resolving links as far as the path exists.
    public static func absolute(_ path: FilePath) throws -> FilePath {
        let whole = path.isAbsolute ? path : try Folders.current().pushing(path)
        if let resolved = try? Folders.resolve(whole) { return resolved }
        // The last parts do not exist yet: resolve what does and add the rest.
        let normal = whole.lexicallyNormalized()
        guard let name = normal.lastComponent, name.kind == .regular else { return normal }
        return try absolute(normal.removingLastComponent()).appending(name)
    }
}
