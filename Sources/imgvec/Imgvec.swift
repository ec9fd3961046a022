import ArgumentParser
import SystemSupport

/// The command line as a whole; each command stands in its own file under Commands/.
struct Imgvec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "imgvec",
        abstract: "Turns folders of pictures into a searchable vector space: search, duplicates, outliers.",
        discussion: """
            Start with:  imgvec index ~/Pictures
            then ask:    imgvec find --text "sunset at the beach"
                         imgvec find --image photo.jpg
                         imgvec dupes
                         imgvec anomalies

            Which index: --index DIR, else $IMGVEC_INDEX, else the nearest .imgvec folder here or above, else the \
            user's own under $XDG_DATA_HOME/imgvec.

            Exit status: 0 found or done, 1 nothing found, 2 failed, 3 finished but some files were unreadable or left alone, \
            130 interrupted.
            """,
        version: "imgvec \(version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Index",
                subcommands: [Init.self, Index.self, Status.self, Verify.self, Compact.self, Forget.self]),
            CommandGroup(name: "Ask", subcommands: [Find.self, Dupes.self, Anomalies.self]),
            CommandGroup(name: "Act", subcommands: [Apply.self, Undo.self]),
            CommandGroup(
                name: "Without an index", subcommands: [Compare.self, Embed.self, Tokens.self, Models.self]),
        ])

    static let version = "0.1.0"
}

@main
struct Main {
    static func main() {
        StandardOutput.ignoreClosedPipes()
        TruncationGuard.install()
        do {
            var command = try Imgvec.parseAsRoot(Arguments.fromProcess())
            try command.run()
            try TruncationGuard.check()
            try StandardOutput.shared.flush()
        } catch let status as ExitStatus {
            try? StandardOutput.shared.flush()
            status.exit()
        } catch {
            try? StandardOutput.shared.flush()
            // A pass that stops in the middle throws; the user knows why.
            if Interruption.isRequested { ExitStatus.interrupted.exit() }
            // What was wrong with a file's contents is no news when its end was missing.
            do { try TruncationGuard.check() } catch { Failure.report(error) }
            Failure.report(error)
        }
    }
}
