import Imaging
import Synchronization
import SystemPackage
public import SystemSupport

/// Which files a walk over a folder passes on.
public struct WalkOptions: Sendable {
    /// Files and folders that match one of these are left out.
    public var excludes: [Glob] = []
    /// Whether names that begin with a dot, and the folders systems put their own things in, are walked too.
    public var includesHidden = false
    /// Whether symbolic links are looked through.
    public var followsLinks = false
    /// Whether every file is looked into, whatever its name says.
    public var takesEveryFile = false

    /// The defaults: everything that is called like a picture, no hidden or system folders, no links.
    public init() {}

    /// Folders that hold thumbnails, deleted files or other programs' parts, never a person's pictures.
    static let systemFolders: Set<String> = [
        "@eaDir", "#recycle", "#snapshot", "node_modules", "System Volume Information", "$RECYCLE.BIN",
        "__MACOSX",
        "lost+found",
    ]
}

/// A file that a walk found.
struct FoundFile: Sendable {
    /// The path below the walked folder, byte for byte.
    let relativePath: [UInt8]
    let status: FileStatus
}

/// What a walk saw below a folder.
struct FolderWalk: Sendable {
    /// A folder that was visited.
    struct Visited: Sendable {
        let device: UInt64
        let isEmpty: Bool
    }

    /// Files that may be pictures, in the order of their paths.
    var files: [FoundFile] = []
    /// Visited folders by relative path.
    var folders: [[UInt8]: Visited] = [:]
    /// Folders that could not be listed, with the reason.
    var unlistable: [[UInt8]: SystemError] = [:]

    /// A walk of nothing; its files are filled in by hand.
    init() {}

    /// Walks everything below `top`, level by level, listing the folders of a level on several threads.
    ///
    /// A folder that cannot be listed is remembered and skipped. Nothing is opened but folders. Each folder is
    /// visited once, also when links lead to it again.
    init(top: FilePath, options: WalkOptions, threads: Int) {
        var level: [[UInt8]] = [[]]
        var visited: Set<FileIdentity> = []
        while !level.isEmpty, !Interruption.isRequested {
            let listings = Mutex([Listing?](repeating: nil, count: level.count))
            let folders = level
            WorkerThreads.forEach(folders.count, threads: threads) { index in
                let listing = Listing(top: top, folder: folders[index], options: options)
                listings.withLock { $0[index] = listing }
            }
            var next: [[UInt8]] = []
            for (folder, listing) in zip(folders, listings.withLock({ $0 })) {
                guard let listing else { continue }
                if let error = listing.error {
                    unlistable[folder] = error
                    continue
                }
                guard let status = listing.status, visited.insert(FileIdentity(status)).inserted else {
                    continue
                }
                self.folders[folder] = Visited(device: status.device, isEmpty: listing.isEmpty)
                files += listing.files
                next += listing.subfolders
            }
            level = next
        }
        files.sort { $0.relativePath.lexicographicallyPrecedes($1.relativePath) }
    }

    /// The files of one folder.
    private struct Listing: Sendable {
        var files: [FoundFile] = []
        var subfolders: [[UInt8]] = []
        var status: FileStatus?
        var isEmpty = true
        var error: SystemError?

        init(top: FilePath, folder: [UInt8], options: WalkOptions) {
            let path = FilePath(bytes: folder).map { top.pushing($0) } ?? top
            do throws(SystemError) {
                status = try FileStatus.of(path)
                let entries = try Folders.list(path)
                isEmpty = entries.isEmpty
                for entry in entries { visit(entry, in: path, folder: folder, options: options) }
            } catch {
                self.error = error
            }
        }

        private mutating func visit(
            _ entry: Folders.Entry, in path: FilePath, folder: [UInt8], options: WalkOptions
        ) {
            let name = entry.name.bytes
            if !options.includesHidden,
                name.first == UInt8(ascii: ".") || WalkOptions.systemFolders.contains(entry.name.string)
            {
                return
            }
            let relative = folder.isEmpty ? name : folder + [UInt8(ascii: "/")] + name
            if options.excludes.contains(where: { $0.matches(relativePath: relative) }) { return }
            if entry.kind == .regular, !options.takesEveryFile, !Self.mayBePicture(name) { return }
            // A file that vanishes between listing and asking is simply not there.
            guard
                let status = try? FileStatus.of(
                    path.appending(entry.name), followingLinks: options.followsLinks)
            else { return }
            switch status.kind {
            case .directory: subfolders.append(relative)
            case .regular:
                if options.takesEveryFile || Self.mayBePicture(name) {
                    files.append(FoundFile(relativePath: relative, status: status))
                }
            case .symbolicLink, .other: break
            }
        }

        /// Names with a picture's extension, and names with no extension at all: those are looked into.
        private static func mayBePicture(_ name: [UInt8]) -> Bool {
            guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return true }
            return ImageFormat.isLikelyPictureName(extension: name[(dot + 1)...])
        }
    }
}

/// What makes two names the same file: the device and the number on it.
struct FileIdentity: Hashable, Sendable {
    let device: UInt64, inode: UInt64

    init(_ status: FileStatus) {
        device = status.device
        inode = status.inode
    }

    init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}
