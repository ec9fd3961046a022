#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
public import SystemPackage
import SystemSupport

/// The folder that holds the journals of an index, one per run of `apply`, named by the time it began.
public struct JournalFolder: Sendable {
    /// The folder; it need not exist.
    public let path: FilePath

    /// Names a folder.
    public init(_ path: FilePath) { self.path = path }

    /// The journals, oldest first.
    public func journals() throws -> [FilePath] {
        guard try Standing.status(path) != nil else { return [] }
        return try Folders.list(path).filter { $0.name.bytes.suffix(6).elementsEqual(".jsonl".utf8) }
            .map { path.appending($0.name) }
    }

    /// Reads a journal.
    package static func read(_ journal: FilePath) throws -> JournalContents {
        try JournalContents(text: FileContents.read(journal, limit: 1 << 31).bytes, path: journal)
    }

    /// Holds off every other `apply` and `undo` on this index while the lock lives.
    func lock() throws -> FileLock {
        try Folders.create(path)
        let file = path.appending("lock")
        guard let lock = try FileLock(file) else { throw JournalError.busy(file) }
        return lock
    }

    /// A name for a run that no other has: its time and process number.
    static func newRun() -> (name: String, time: String) {
        var now = time(nil)
        var parts = tm()
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date = [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map(two)
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two)
        var nanoseconds = timespec()
        clock_gettime(CLOCK_REALTIME, &nanoseconds)
        let fraction = String(nanoseconds.tv_nsec / 1000)
        return (
            "\(date.joined())T\(clock.joined()).\(String(repeating: "0", count: 6 - fraction.count))\(fraction)Z-\(getpid())",
            "\(date.joined(separator: "-"))T\(clock.joined(separator: ":"))Z"
        )
    }
}

/// Brings what a crash has left half done to an end.
struct Recovery {
    let disk: any Disk

    /// What was done about a journal's half-done steps.
    struct Outcome {
        var takenBack: [FilePath] = []
        var problems: [String] = []
    }

    /// Looks after the steps of one journal that are neither done nor taken back: half-taken ones are taken back,
    /// half-undone ones are undone, and originals that waited for "done" are removed.
    func recover(_ journal: FilePath) throws -> Outcome {
        var outcome = Outcome()
        guard (try Standing.status(journal)?.size ?? 0) > 0 else { return outcome }
        let contents: JournalContents
        do { contents = try JournalFolder.read(journal) } catch JournalError.empty { return outcome }
        guard !contents.hasEnded else { return outcome }
        let writer = try JournalWriter(existing: journal, length: contents.length, disk: disk)
        let taker = StepReturn(disk: disk)
        for entry in contents.entries.reversed() {
            let step = entry.step
            do {
                switch entry.state {
                case .intended:
                    try taker.takeBack(step, isDone: false)
                    try writer.write(
                        JournalRecord(
                            failed: .init(step: step.number, reason: "stopped half way; taken back")))
                    outcome.takenBack.append(step.files[0].from.path)
                case .undoing:
                    try taker.takeBack(step, isDone: true)
                    try writer.write(JournalRecord(undone: step.number))
                case .done: try taker.removeOriginals(step)
                case .failed, .undone: break
                }
            } catch let problem as ReturnProblem {
                outcome.problems.append("\(problem)")
            } catch let problem as SystemError {
                outcome.problems.append("\(problem)")
            }
        }
        if outcome.problems.isEmpty { try writer.write(JournalRecord(end: .stopped)) }
        return outcome
    }

    /// Looks after all journals of a folder, newest first.
    func recoverAll(_ folder: JournalFolder) throws -> [(journal: FilePath, outcome: Outcome)] {
        try folder.journals().reversed().map { ($0, try recover($0)) }
    }
}
