import SystemPackage
import SystemSupport

/// A file that has to be read.
struct PendingFile: Sendable {
    let root: RootRecord
    let relativePath: [UInt8]
    let status: FileStatus

    var path: FilePath { root.absolute(relativePath) }
}

/// What a walk means for the catalog: which files are as they were, moved, gone or to be read.
struct Reconciliation {
    /// A known file at a new place.
    struct Move {
        let file: FileRecord
        let root: RootRecord
        let relativePath: [UInt8]
        let status: FileStatus
    }

    /// Files to read, in the order of the walk.
    var pending: [PendingFile] = []
    /// Renamed files: same device, number, size and time as a file that is gone.
    var moved: [Move] = []
    /// Files that are gone.
    var missing: [FileRecord] = []
    /// Files marked as gone that are back as they were.
    var returned: [FileRecord] = []
    /// Files not seen because the disk they stand on is not mounted or their folder cannot be listed.
    var absentCount = 0
    /// Files that are as they were.
    var unchangedCount = 0
    /// Unchanged files that could not be read last time and are not tried again.
    var stillUnreadable: [FileRecord] = []
    /// Further names of files that are in the index under another name.
    var hardLinkCount = 0

    private var seen: Set<FileIdentity> = []
    private var unseen: [FileIdentity: FileRecord] = [:]
    private var newcomers: [PendingFile] = []

    /// Holds what a walk found below `prefix` of a root against what the catalog knows there.
    ///
    /// `isDone` says whether a known, unchanged file needs nothing more (its content has a vector of the
    /// model). `retries` asks for unreadable files to be tried again although they have not changed.
    mutating func add(
        root: RootRecord, prefix: [UInt8], walk: FolderWalk, known: [FileRecord], retries: Bool,
        isDone: (FileRecord) -> Bool
    ) {
        var byPath = Dictionary(known.map { ($0.relativePath, $0) }, uniquingKeysWith: { first, _ in first })
        for found in walk.files {
            let path = prefix.isEmpty ? found.relativePath : prefix + [UInt8(ascii: "/")] + found.relativePath
            let file = PendingFile(root: root, relativePath: path, status: found.status)
            guard let record = byPath.removeValue(forKey: path) else {
                newcomers.append(file)
                continue
            }
            let isFirstName = seen.insert(FileIdentity(found.status)).inserted
            if !isFirstName, record.state == .missing {
                hardLinkCount += 1
            } else {
                compare(file, with: record, retries: retries, isDone: isDone)
            }
        }
        for record in byPath.values.sorted(by: { $0.id < $1.id }) where record.state != .missing {
            if isAbsent(record, prefix: prefix, walk: walk) {
                absentCount += 1
            } else {
                missing.append(record)
            }
        }
        for record in byPath.values {
            unseen[FileIdentity(device: record.device, inode: record.inode)] = record
        }
    }

    /// Decides about files at unknown paths once every folder has been seen: hard links, renamed files, new ones.
    ///
    /// `formerName` looks for a file outside the walked folders with the same device and number whose path is gone:
    /// a folder that was renamed as a whole, or moved out of a root.
    mutating func finish(
        isDone: (FileRecord) -> Bool, formerName: (FileStatus) throws -> FileRecord?
    ) rethrows {
        var movedAway: Set<Int64> = []
        for file in newcomers {
            let identity = FileIdentity(file.status)
            guard seen.insert(identity).inserted else {
                hardLinkCount += 1
                continue
            }
            if let old = try unseen[identity] ?? formerName(file.status), old.isUnchanged(file.status),
                old.contentID != nil, movedAway.insert(old.id).inserted
            {
                moved.append(
                    Move(file: old, root: file.root, relativePath: file.relativePath, status: file.status))
                if !isDone(old) { pending.append(file) }
            } else {
                pending.append(file)
            }
        }
        missing.removeAll { movedAway.contains($0.id) }
        newcomers = []
        unseen = [:]
    }

    private mutating func compare(
        _ file: PendingFile, with record: FileRecord, retries: Bool, isDone: (FileRecord) -> Bool
    ) {
        guard record.isUnchanged(file.status) else {
            pending.append(file)
            return
        }
        switch record.state {
        case .unreadable where !retries:
            stillUnreadable.append(record)
        case .unreadable:
            pending.append(file)
        case .indexed, .missing:
            if record.contentID == nil || !isDone(record) {
                pending.append(file)
            } else if record.state == .missing {
                returned.append(record)
            } else {
                unchangedCount += 1
            }
        }
    }

    /// Whether a file was not seen because its disk is away: its folder could not be listed, or the folder
    /// nearest to it is empty and stands on another device than the file did (a mount point with nothing on it).
    private func isAbsent(_ record: FileRecord, prefix: [UInt8], walk: FolderWalk) -> Bool {
        var folder = record.relativePath[...]
        if !prefix.isEmpty { folder = folder.dropFirst(prefix.count + 1) }
        while !folder.isEmpty {
            folder =
                folder.lastIndex(of: UInt8(ascii: "/")).map { folder[..<$0] } ?? folder[..<folder.startIndex]
            let name = Array(folder)
            if walk.unlistable[name] != nil { return true }
            if let visited = walk.folders[name] { return visited.isEmpty && visited.device != record.device }
        }
        return walk.unlistable[[]] != nil
    }
}
