public import SystemPackage
import SystemSupport

/// What happens while a run is undone.
public enum UndoEvent: Sendable {
    /// A file is back, with what belongs to it.
    case restored(FilePath, companions: [FilePath])
    /// A file could not be put back.
    case kept(FilePath, reason: String)
}

/// What undoing came to.
public struct UndoReport: Sendable {
    /// Actions taken back.
    public var restored = 0
    /// Actions that could not be.
    public var kept = 0
    /// Whether the user stopped it.
    public var wasInterrupted = false
    /// Files whose names or contents have changed.
    public var touched: [FilePath] = []
}

/// A run of `apply`, as `undo --list` shows it.
public struct RunSummary: Sendable {
    /// Its journal.
    public let journal: FilePath
    /// When it began, ISO 8601.
    public let time: String
    /// The plan it carried out.
    public let plan: FilePath
    /// Actions done and not undone, actions undone, and actions left half done by a crash.
    public let done: Int, undone: Int, halfDone: Int
    /// Whether somebody has undone it already, as far as that was possible.
    public let wasUndone: Bool
}

/// Takes a run of `apply` back, the last action first.
public struct PlanReversal {
    private let folder: JournalFolder
    private let disk: any Disk

    /// Works on the journals of a folder.
    public init(_ folder: JournalFolder) { self.init(folder, disk: SystemDisk()) }

    /// Works on another disk than the system's; for tests.
    package init(_ folder: JournalFolder, disk: any Disk) {
        self.folder = folder
        self.disk = disk
    }

    /// The runs whose journals are in the folder, oldest first; journals of runs that did nothing are left out.
    public func runs() throws -> [RunSummary] {
        try folder.journals().compactMap { journal in
            let contents: JournalContents
            do { contents = try JournalFolder.read(journal) } catch JournalError.empty { return nil }
            func count(_ states: [JournalContents.State]) -> Int {
                contents.entries.count { states.contains($0.state) }
            }
            return RunSummary(
                journal: journal, time: contents.time, plan: contents.plan, done: count([.done]),
                undone: count([.undone]), halfDone: count([.intended, .undoing]),
                wasUndone: contents.wasUndone)
        }
    }

    /// The latest run that has not been undone; nil when there is none.
    public func latest() throws -> FilePath? {
        try runs().last { !$0.wasUndone && $0.done + $0.halfDone > 0 }?.journal
    }

    /// Puts everything back that a run has moved, linked or trashed; an action that cannot be taken back is told
    /// and passed over. Can be called again, also after a crash in the middle.
    public func undo(_ journal: FilePath, onEvent: (UndoEvent) -> Void) throws -> UndoReport {
        let lock = try folder.lock()
        defer { withExtendedLifetime(lock) {} }
        let contents = try JournalFolder.read(journal)
        let writer = try JournalWriter(existing: journal, length: contents.length, disk: disk)
        let taker = StepReturn(disk: disk)
        var report = UndoReport()
        var isToBeTriedAgain = false
        for entry in contents.entries.reversed() where entry.state != .failed && entry.state != .undone {
            if Interruption.isRequested {
                report.wasInterrupted = true
                try writer.write(JournalRecord(end: .interrupted))
                return report
            }
            let step = entry.step
            let paths = step.files.map(\.from.path)
            if entry.state == .done { try writer.write(JournalRecord(undoing: step.number)) }
            do {
                try taker.takeBack(step, isDone: entry.state != .intended)
            } catch  where error is ReturnProblem || error is SystemError || error is SkipReason {
                // A full or failing disk is no reason to give the rest up, but the step may be half undone: it
                // keeps its state, and the next call goes on with it.
                if error is ReturnProblem, entry.state != .intended {
                    try writer.write(JournalRecord(kept: .init(step: step.number, reason: "\(error)")))
                } else {
                    isToBeTriedAgain = true
                }
                report.kept += 1
                onEvent(.kept(paths[0], reason: "\(error)"))
                continue
            }
            if entry.state == .intended {
                try writer.write(
                    JournalRecord(failed: .init(step: step.number, reason: "stopped half way; taken back")))
            } else {
                try writer.write(JournalRecord(undone: step.number))
            }
            report.restored += 1
            report.touched += paths
            onEvent(.restored(paths[0], companions: Array(paths.dropFirst())))
        }
        if !isToBeTriedAgain { try writer.write(JournalRecord(end: .undone)) }
        return report
    }
}
