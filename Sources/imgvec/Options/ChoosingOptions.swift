import Acting
import ArgumentParser
import ImageLibrary
import SystemPackage

/// Which copy of a group is kept, and which files are never touched.
struct ChoosingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What makes a copy the one to keep, most important first, with commas between: "
                + "resolution, format, size, metadata, oldest, newest, shortest-path, path:GLOB, whole, color, unframed, unmarked.",
            valueName: "rule"))
    var keep: [String] = []

    @Option(
        help: ArgumentHelp(
            "An indexed folder whose files are always kept and never touched; repeatable.", valueName: "dir"))
    var reference: [PathArgument] = []

    @Flag(
        help: "Only matches between different folders: those of --in and --reference, or the index's roots.")
    var isolate = false

    func validate() throws {
        do { _ = try KeepRule(parsing: keep) } catch { throw ValidationError("--keep: \(error)") }
    }

    func apply(to options: inout DuplicateOptions) throws {
        options.rule = try KeepRule(parsing: keep)
        options.references = reference.map(\.path)
        options.isIsolated = isolate
    }
}

/// The plan that is written beside the result.
struct PlanOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Write what to do with the copies to a file, for reading, editing and `imgvec apply`.",
            valueName: "file"))
    var plan: PathArgument?

    @Option(
        help: ArgumentHelp(
            "What the plan does with copies: trash (the default), move:DIR, hardlink, symlink, reflink or delete.",
            valueName: "action"))
    var action: String?

    func validate() throws {
        _ = try intention
    }

    /// The action asked for.
    var intention: PlanIntention {
        get throws {
            guard let action else { return PlanIntention(.trash) }
            if action.hasPrefix("move:"),
                let folder = PathArgument(argument: String(action.dropFirst("move:".count)))
            {
                return PlanIntention(.move, destination: try LibraryPaths.absolute(folder.path))
            }
            guard let word = PlanAction(rawValue: action), !word.leavesAlone, word != .move else {
                throw ValidationError(
                    "--action is trash, move:DIR, hardlink, symlink, reflink or delete, not \"\(action)\"")
            }
            return PlanIntention(word)
        }
    }
}
