import Acting
import ArgumentParser
import ImageLibrary
import SystemPackage
import SystemSupport

struct Undo: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Take back what apply has done, the last action first.",
        discussion: """
            Without a journal, the latest run that has not been undone. Nothing that has appeared meanwhile is \
            overwritten; what cannot be put back is told and stays where it is. A run that was stopped in the \
            middle, by a crash too, is undone as far as it came. Deleted files cannot be brought back.

            Writes the paths that are back. Ends with 1 when there is nothing to undo, 3 when something could not \
            be put back.
            """)

    @Argument(help: ArgumentHelp("The journal of the run to undo.", valueName: "journal"))
    var journal: PathArgument?

    @Flag(help: "List the runs with their journals, oldest first.")
    var list = false

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func validate() throws {
        if list, journal != nil { throw ValidationError("--list takes no journal") }
    }

    func run() throws {
        Interruption.catchSignals()
        let library = try location.library()
        let reversal = PlanReversal(JournalFolder(library.paths.journals))
        if list { return try writeList(reversal.runs()) }
        guard let path = try journal.map({ try LibraryPaths.absolute($0.path) }) ?? reversal.latest() else {
            if !verbosity.quiet { StandardError.write("nothing to undo") }
            throw ExitStatus.nothingFound
        }
        let report = try reversal.undo(path) { event in
            switch event {
            case .restored(let path, let companions):
                for path in [path] + companions { ActionLine.write("restored", path, place: nil) }
                try? StandardOutput.shared.flush()
            case .kept(let path, let reason):
                StandardError.write("imgvec: \(PathText.forTerminal(path)) not restored: \(reason)")
            }
        }
        if try !library.noteChanges(report.touched) {
            StandardError.write(
                "imgvec: the index is being written; it learns of this with the next imgvec index")
        }
        if !verbosity.quiet {
            let kept = report.kept > 0 ? ", \(report.kept) could not be" : ""
            StandardError.write(
                (report.wasInterrupted ? "interrupted: " : "")
                    + "\(report.restored) \(report.restored == 1 ? "action" : "actions") undone\(kept)")
        }
        if report.wasInterrupted { throw ExitStatus.interrupted }
        if report.kept > 0 { throw ExitStatus.someUnreadable }
        if report.restored == 0 { throw ExitStatus.nothingFound }
    }

    private func writeList(_ runs: [RunSummary]) throws {
        for run in runs {
            let half = run.halfDone > 0 ? ", \(run.halfDone) half done" : ""
            let undone = run.undone > 0 ? ", \(run.undone) undone" : ""
            StandardOutput.shared.write("\(run.time)\t\(run.done) done\(undone)\(half)\t")
            ActionLine.write(run.journal)
            StandardOutput.shared.write("\n")
        }
        if runs.isEmpty { throw ExitStatus.nothingFound }
    }
}
