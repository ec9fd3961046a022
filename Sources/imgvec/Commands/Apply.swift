import Acting
import ArgumentParser
import ImageLibrary
import SystemPackage
import SystemSupport

struct Apply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Carry out a plan that dupes --plan has written.",
        discussion: """
            Each file and the one that is kept instead of it are read again: what is not as the plan says is left \
            alone, and so is a file whose group would be left with no copy. What is done is written to a journal \
            first; imgvec undo takes it back. trash uses the trash of the file's own file system, move never \
            overwrites, hardlink, symlink and reflink are for files of equal bytes, delete needs --allow-delete.

            Writes action, path and new place of each file, with tabs between. Ends with 1 when there was nothing \
            to do, 3 when some actions were skipped (each with its reason on standard error), 130 when stopped \
            between two actions.
            """)

    @Argument(help: ArgumentHelp("The plan.", valueName: "plan"))
    var plan: PathArgument

    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false

    @Flag(help: "Carry out lines that say delete: these files cannot be brought back.")
    var allowDelete = false

    @Option(
        help: ArgumentHelp("Where move lines go that name no folder of their own.", valueName: "dir"))
    var moveTo: PathArgument?

    @Option(
        help: ArgumentHelp(
            "Write the journal to this new file instead of the index folder.", valueName: "file"))
    var journal: PathArgument?

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func run() throws {
        Interruption.catchSignals()
        let library = try location.library()
        let path = try LibraryPaths.absolute(plan.path)
        var options = ApplyOptions()
        options.isDryRun = dryRun
        options.allowsDeletion = allowDelete
        options.destination = try moveTo.map { try LibraryPaths.absolute($0.path) }
        options.journal = try journal.map { try LibraryPaths.absolute($0.path) }
        options.program = "imgvec \(Imgvec.version)"
        let application = PlanApplication(
            try Plan(contentsOf: path), path: path, options: options,
            journals: JournalFolder(library.paths.journals))
        let report = try application.run(onEvent: show)
        // Results before the summary, whatever the streams are.
        try StandardOutput.shared.flush()
        if !dryRun, try !library.noteChanges(report.touched) {
            StandardError.write(
                "imgvec: the index is being written; it learns of this with the next imgvec index")
        }
        if !verbosity.quiet { StandardError.write(summary(report)) }
        if report.wasInterrupted { throw ExitStatus.interrupted }
        if report.skipped > 0 { throw ExitStatus.someUnreadable }
        if report.acted == 0 { throw ExitStatus.nothingFound }
    }

    private func show(_ event: ApplyEvent) {
        switch event {
        case .acted(let line, let places):
            let paths = [line.path] + line.companions.map(\.path)
            for (path, place) in zip(paths, places) {
                ActionLine.write(line.action.rawValue, path, place: place)
            }
            if !dryRun { try? StandardOutput.shared.flush() }
        case .skipped(let line, let number, let reason):
            StandardError.write(
                "imgvec: \(PathText.forTerminal(plan.path)):\(number): "
                    + "\(PathText.forTerminal(line.path)) left alone: \(reason)")
        case .takenBack(let path, let journal):
            StandardError.write(
                "imgvec: an earlier run was stopped half way through \(PathText.forTerminal(path)); "
                    + "it was put back (\(PathText.forTerminal(journal)))")
        case .unfinished(let problem, let journal):
            StandardError.write(
                "imgvec: an earlier run was stopped half way: \(problem) (\(PathText.forTerminal(journal)))")
        }
    }

    private func summary(_ report: ApplyReport) -> String {
        let files = report.acted == 1 ? "file" : "files"
        let skipped = report.skipped > 0 ? ", \(report.skipped) left alone" : ""
        let done = "\(report.acted) \(files) \(dryRun ? "to act on" : "acted on")"
        let journal = report.acted > 0 ? report.journal : nil
        let undo = journal.map { "; undo: imgvec undo \(PathText.forTerminal($0))" } ?? ""
        return (report.wasInterrupted ? "interrupted: " : "")
            + "\(done), \(NumberText.bytes(report.bytes))\(skipped)\(undo)"
    }
}
