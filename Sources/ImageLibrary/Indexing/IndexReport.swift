public import SystemPackage

/// What an indexing run did.
public struct IndexReport: Sendable, Equatable {
    /// Pictures decoded and embedded.
    public var embedded = 0
    /// Files whose content was in the index already (copies, files that came back): no decoding.
    public var recognised = 0
    /// Renamed or moved files: neither read nor decoded.
    public var moved = 0
    /// Files that are as they were.
    public var unchanged = 0
    /// Files found gone in this run.
    public var missing = 0
    /// Files not seen because their disk or folder is away; they are kept.
    public var absent = 0
    /// Further names of files that are in the index already.
    public var hardLinks = 0
    /// Files that changed or vanished while being read; the next run looks at them again.
    public var unsettled = 0
    /// Unreadable files: newly found, and known from before and unchanged since.
    public var unreadable = 0, stillUnreadable = 0
    /// Folders that could not be listed.
    public var unlistableFolders = 0
    /// Pictures whose file ended early; they are in the index as far as they could be read.
    public var truncated = 0
    /// Whether the run was stopped before it was done.
    public var wasInterrupted = false
    /// Pictures in the index after the run.
    public var total = 0
    /// Seconds the run took.
    public var seconds = 0.0

    /// Whether something could not be read, now or earlier.
    public var hasUnreadable: Bool { unreadable + stillUnreadable + unlistableFolders > 0 }
}

/// What an indexing run tells while it goes on; delivered on the thread that called `run`, in the order of work.
public enum IndexEvent: Sendable {
    /// Folders are being listed.
    case scanning(FilePath)
    /// A root is not there (its disk is not mounted?); what is indexed below it is kept.
    case rootAbsent(FilePath)
    /// A folder could not be listed.
    case unlistable(FilePath, String)
    /// A file could not be read or decoded.
    case unreadable(FilePath, String)
    /// A file ended early; what was there has been indexed.
    case truncated(FilePath)
    /// So many of the files to be read are done.
    case progress(done: Int, total: Int)
}
