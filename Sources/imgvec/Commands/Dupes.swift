import Acting
import ArgumentParser
import Encoders
import Foundation
import ImageLibrary
import SystemPackage
import SystemSupport

struct Dupes: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dupes",
        abstract: "Groups of copies, with the kind of each match. No picture is changed.",
        discussion: """
            Levels: bytes (same content), pixels (only metadata or container differ), copies (re-encoded, resized, \
            lightly cropped or edited), edits (cropped far, turned, mirrored, framed), similar (the same scene). The \
            first file of a group is the one to keep: by --keep, and where that does not decide whole before cut \
            off, coloured before grey, bare before framed, then most pixels, bare before marked, most bytes, oldest. Every \
            other member matches that file itself.

            --plan FILE writes the choice as a text to read and edit; imgvec apply FILE carries it out. --html FILE \
            writes a page that shows the groups side by side, to choose with mouse or keys and save such a plan; it \
            needs no network and no server, and takes the place of the list unless --format or -0 asks for it.

            tsv and paths write blocks of paths with an empty line between groups, as fdupes does; json and jsonl \
            write {"keep", "members": [{"path", "level", "score", "size", "width", "height", "evidence", "format", \
            "modified", "captured", "reason"}]}. Hard links of one file are not copies. Ends with 1 when there are no copies.
            """,
        subcommands: [DupesIgnore.self])

    enum Level: String, ExpressibleByArgument, CaseIterable {
        case bytes, pixels, copies, edits, similar

        var copyLevel: CopyLevel {
            switch self {
            case .bytes: .bytes
            case .pixels: .pixels
            case .copies: .copies
            case .edits: .edits
            case .similar: .similar
            }
        }
    }

    @Option(
        help: ArgumentHelp(
            "bytes, pixels, copies, edits or similar: the loosest match that counts.", valueName: "level"))
    var level: Level = .copies

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Only pictures at or below this path; repeatable.", valueName: "path"))
    var folders: [PathArgument] = []

    @OptionGroup var choosing: ChoosingOptions
    @OptionGroup var planning: PlanOptions
    @Option(
        help: ArgumentHelp(
            "Write a page that shows the groups side by side, to choose and save a plan.", valueName: "file"))
    var html: PathArgument?

    @OptionGroup var location: IndexLocation
    @OptionGroup var choice: ModelChoice
    @OptionGroup var output: OutputOptions
    @OptionGroup var decoding: DecodingOptions
    @OptionGroup var verbosity: Verbosity

    func validate() throws {
        if planning.action != nil, planning.plan == nil, html == nil {
            throw ValidationError("--action needs --plan FILE or --html FILE")
        }
    }

    func run() throws {
        Interruption.catchSignals()
        let library = try location.library()
        let reader = try library.reader()
        let asker = try Asker(reader: reader, choice: choice)
        var options = DuplicateOptions()
        options.level = level.copyLevel
        options.folders = folders.map(\.path)
        options.limits = decoding.limits
        try choosing.apply(to: &options)
        let line = ProgressLine(isQuiet: verbosity.quiet)
        let groups = try DuplicateFinder(reader, options: options)
            .groups(snapshot: reader.vectors(of: asker.record)) {
                line.show(done: $0, total: $1, unit: "pairs")
            }
        line.clear()
        if Interruption.isRequested { throw ExitStatus.interrupted }
        if !groups.isEmpty { try writePlan(groups, index: library.paths.folder, line: line) }
        if html == nil || output.isAsked { try GroupWriter(output: output).write(groups) }
        if !verbosity.quiet, !groups.isEmpty { StandardError.write(summary(groups)) }
        if groups.isEmpty { throw ExitStatus.nothingFound }
    }

    private func writePlan(_ groups: [DuplicateGroup], index: FilePath, line: ProgressLine) throws {
        guard planning.plan != nil || html != nil else { return }
        let plan = try Plan(groups, intention: planning.intention)
        let head = PlanHead.forThisCall(index: index)
        if let path = planning.plan?.path { try plan.write(to: path, head: head) }
        guard let html else { return }
        defer { line.clear() }
        let thumbnails = ReportThumbnails(limits: decoding.limits, threads: Platform.coreCount)
        try ReportPage(plan: plan, head: head, thumbnails: thumbnails).write(to: html.path, facts: groups) {
            line.show(done: $0, total: $1, unit: "thumbnails")
        }
    }

    private func summary(_ groups: [DuplicateGroup]) -> String {
        let copies = groups.reduce(0) { $0 + $1.members.count - 1 }
        let bytes = groups.reduce(Int64(0)) { $0 + $1.members.dropFirst().reduce(0) { $0 + $1.size } }
        let plan = planning.plan.map { "; imgvec apply --dry-run \(PathText.forTerminal($0.path))" } ?? ""
        return NumberText.counted(groups.count, "group", "groups") + ", "
            + NumberText.counted(copies, "copy", "copies") + ", \(NumberText.bytes(bytes)) in copies\(plan)"
    }
}

/// What a plan's head tells of the call that made it.
enum PlanHead {
    static func forThisCall(index: FilePath) -> Plan.Head {
        Plan.Head(
            program: "imgvec \(Imgvec.version)", time: Date.now.formatted(.iso8601),
            command: (["imgvec"]
                + Arguments.fromProcess().map { word in
                    String(decoding: Arguments.bytes(word), as: UTF8.self)
                }).joined(separator: " "), index: index)
    }
}
