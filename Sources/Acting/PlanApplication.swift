public import SystemPackage
import SystemSupport

/// How a plan is carried out.
public struct ApplyOptions: Sendable {
    /// Whether lines that say `delete` may remove files for good.
    public var allowsDeletion = false
    /// Where `move` lines without a folder of their own go.
    public var destination: FilePath?
    /// Whether to tell only what would be done.
    public var isDryRun = false
    /// The journal to write; nil means a new one in the index's folder.
    public var journal: FilePath?
    /// The program's name and version, for the journal.
    public var program = "imgvec"
    /// The user's own trash folder.
    package var homeTrash = Trash.home

    /// The defaults.
    public init() {}
}

/// What happens while a plan is carried out.
public enum ApplyEvent: Sendable {
    /// A line was carried out, or would be; `places` are where the file and its companions are now.
    case acted(PlanLine, places: [FilePath?])
    /// A line was not carried out.
    case skipped(PlanLine, number: Int, SkipReason)
    /// A step that an earlier run had left half done was taken back.
    case takenBack(FilePath, journal: FilePath)
    /// One could not be.
    case unfinished(String, journal: FilePath)
}

/// What a run came to.
public struct ApplyReport: Sendable {
    /// Lines carried out.
    public var acted = 0
    /// Lines that were not.
    public var skipped = 0
    /// Bytes of the files acted on.
    public var bytes: Int64 = 0
    /// Whether the user stopped it.
    public var wasInterrupted = false
    /// The journal; nil when nothing was done.
    public var journal: FilePath?
    /// Files whose names or contents have changed.
    public var touched: [FilePath] = []

    /// Nothing yet.
    public init() {}
}

/// Carries out a plan: every file and the file kept instead of it are looked at again, and what is not as the plan
/// says is left alone.
public struct PlanApplication {
    let plan: Plan
    let path: FilePath
    let options: ApplyOptions
    let folder: JournalFolder
    let disk: any Disk

    /// Prepares a plan; `path` is the file it was read from.
    public init(_ plan: Plan, path: FilePath, options: ApplyOptions, journals: JournalFolder) {
        self.init(plan, path: path, options: options, journals: journals, disk: SystemDisk())
    }

    /// Prepares a plan for another disk than the system's; for tests.
    package init(
        _ plan: Plan, path: FilePath, options: ApplyOptions, journals: JournalFolder, disk: any Disk
    ) {
        self.plan = plan
        self.path = path
        self.options = options
        folder = journals
        self.disk = disk
    }

    /// Acts on line after line, each one journalled before and after.
    ///
    /// What an earlier run left half done is taken back first. Throws when the journal cannot be written: nothing is
    /// done without it. Costs reading each file and each kept file once, and a few flushes per line.
    public func run(onEvent: (ApplyEvent) -> Void) throws -> ApplyReport {
        let lock = options.isDryRun ? nil : try folder.lock()
        defer { withExtendedLifetime(lock) {} }
        if !options.isDryRun {
            for (journal, outcome) in try Recovery(disk: disk).recoverAll(folder) {
                for path in outcome.takenBack { onEvent(.takenBack(path, journal: journal)) }
                for problem in outcome.problems { onEvent(.unfinished(problem, journal: journal)) }
            }
        }
        var report = ApplyReport()
        let (run, time) = JournalFolder.newRun()
        var writer: JournalWriter?
        var preparation = StepPreparation(plan: plan, options: options, run: run, disk: disk)
        let decisions = PlanReview(plan).decisions
        for (entry, decision) in zip(plan.entries, decisions) {
            if Interruption.isRequested {
                report.wasInterrupted = true
                break
            }
            let prepared: StepPreparation.Prepared
            do {
                switch decision {
                case .leave: continue
                case .refuse(let reason): throw reason
                case .act(let survivors): prepared = try preparation.prepare(entry, survivors: survivors)
                }
            } catch let reason as SkipReason {
                report.skipped += 1
                onEvent(.skipped(entry.line, number: entry.number, reason))
                continue
            }
            if !options.isDryRun {
                let journal =
                    try writer
                    ?? JournalWriter(
                        new: options.journal ?? folder.path.appending("\(run).jsonl"),
                        head: .init(
                            version: JournalWriter.version, run: run, program: options.program, time: time,
                            plan: JournalPath(path)), disk: disk)
                writer = journal
                report.journal = journal.path
                if let reason = try act(prepared, journal: journal) {
                    report.skipped += 1
                    preparation.release(prepared)
                    onEvent(.skipped(entry.line, number: entry.number, reason))
                    continue
                }
            }
            report.acted += 1
            report.bytes += prepared.files.reduce(0) { $0 + $1.status.size }
            report.touched += prepared.step.files.map(\.from.path)
            onEvent(.acted(entry.line, places: prepared.step.files.map { place(of: $0, prepared.step) }))
        }
        try writer?.write(JournalRecord(end: report.wasInterrupted ? .interrupted : .finished))
        return report
    }

    private func place(of move: FileMove, _ step: Step) -> FilePath? {
        switch step.action {
        case .delete: nil
        case .hardlink, .symlink, .reflink: step.keeper.path
        default: move.copy?.path ?? move.to.path
        }
    }

    /// Takes one step between its two lines in the journal; gives the reason when it was taken back instead.
    private func act(_ prepared: StepPreparation.Prepared, journal: JournalWriter) throws -> SkipReason? {
        let step = prepared.step
        try journal.write(JournalRecord(intent: step))
        do {
            try StepTaking(disk: disk).take(step, files: prepared.files, keeper: prepared.keeper)
        } catch {
            do { try StepReturn(disk: disk).takeBack(step, isDone: false) } catch let problem {
                throw JournalError.unfinished(journal.path, "\(error); \(problem)")
            }
            let reason = (error as? SystemError).map(SkipReason.system) ?? (error as? SkipReason)
            try journal.write(
                JournalRecord(failed: .init(step: step.number, reason: reason?.description ?? "\(error)")))
            guard let reason else { throw error }
            return reason
        }
        try journal.write(JournalRecord(done: step.number))
        try StepTaking(disk: disk).removeOriginals(step, files: prepared.files, keeper: prepared.keeper)
        return nil
    }
}
