import ArgumentParser
import Encoders
import ImageLibrary
import SystemPackage
import SystemSupport

struct Index: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Add new and changed pictures, notice moved and removed ones.",
        discussion: """
            Without PATH every folder indexed before is brought up to date. Pictures are recognised by their \
            content, whatever their name says. Nothing outside the index folder is changed.

            Ends with 0, with 3 when it finished but some files were unreadable (each is named with its reason), \
            with 130 when interrupted; finished work is always kept.
            """)

    @Argument(help: ArgumentHelp("Folders or picture files.", valueName: "path"))
    var paths: [PathArgument] = []

    @OptionGroup var location: IndexLocation
    @OptionGroup var choice: ModelChoice
    @OptionGroup var decoding: DecodingOptions
    @OptionGroup var verbosity: Verbosity

    @Option(
        name: .customLong("exclude"),
        help: ArgumentHelp(
            "Leave out names (or, with a /, relative paths) that match; repeatable.", valueName: "glob"))
    var excludes: [String] = []

    @Option(
        name: .customLong("files-from"),
        help: ArgumentHelp("Read paths from a file, one a line; - is standard input.", valueName: "file"))
    var filesFrom: PathArgument?

    @Flag(
        name: [.customShort("0"), .customLong("null")], help: "With --files-from: paths end with a NUL byte.")
    var null = false

    @Flag(name: .customLong("hidden"), help: "Walk hidden and system folders too.")
    var includesHidden = false

    @Flag(name: .customLong("follow-links"), help: "Look through symbolic links.")
    var followsLinks = false

    @Flag(name: .customLong("all-files"), help: "Look into every file, whatever its name.")
    var takesEveryFile = false

    @Flag(name: .customLong("retry"), help: "Try unreadable files again although they have not changed.")
    var retries = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("Threads that decode and embed (default: all cores).", valueName: "n"))
    var jobs: Int?

    func validate() throws {
        if let jobs, !(1...1024).contains(jobs) { throw ValidationError("--jobs must be between 1 and 1024") }
        if null, filesFrom == nil { throw ValidationError("-0 goes with --files-from") }
    }

    func run() throws {
        Interruption.catchSignals()
        var options = IndexOptions()
        options.walk.excludes = excludes.map(Glob.init)
        options.walk.includesHidden = includesHidden
        options.walk.followsLinks = followsLinks
        options.walk.takesEveryFile = takesEveryFile
        options.retriesUnreadable = retries
        options.limits = decoding.limits
        options.jobs = jobs ?? Platform.coreCount
        if let filesFrom {
            options.files = try PathList.read(filesFrom.path, separator: null ? 0 : UInt8(ascii: "\n"))
            // An empty list names nothing; it does not mean "everything known".
            if options.files.isEmpty, paths.isEmpty { throw ExitStatus.nothingFound }
        }
        let library = try location.library()
        if paths.isEmpty, filesFrom == nil, !library.paths.exists {
            throw LibraryError.noIndex(library.paths.folder)
        }
        let line = ProgressLine(isQuiet: verbosity.quiet)
        let report = try library.index(folders: paths.map(\.path), model: try choice.load(), options: options)
        {
            event in tell(event, on: line)
        }
        line.clear()
        if !verbosity.quiet { StandardError.write(report.summary) }
        if report.wasInterrupted { throw ExitStatus.interrupted }
        if report.hasUnreadable { throw ExitStatus.someUnreadable }
    }

    private func tell(_ event: IndexEvent, on line: ProgressLine) {
        func say(_ text: String) {
            line.clear()
            StandardError.write(text)
        }
        switch event {
        case .scanning(let path): line.show("looking through \(PathText.forTerminal(path))")
        case .rootAbsent(let path):
            say(
                "imgvec: \(PathText.forTerminal(path)) is not there; what is indexed below it is kept "
                    + "(imgvec forget PATH drops it)")
        case .unlistable(let path, let reason):
            say("imgvec: \(PathText.forTerminal(path)): cannot list: \(reason)")
        case .unreadable(let path, let reason): say("imgvec: \(PathText.forTerminal(path)): \(reason)")
        case .truncated(let path):
            if !verbosity.quiet {
                say("imgvec: \(PathText.forTerminal(path)): file ends early; indexed what is there")
            }
        case .progress(let done, let total): line.show(done: done, total: total, unit: "pictures")
        }
    }
}

/// A list of paths, one a line or ended by NUL bytes.
enum PathList {
    private static let largest = 1 << 30

    static func read(_ path: FilePath, separator: UInt8) throws -> [FilePath] {
        let bytes =
            path == "-"
            ? try FileContents.readAll(.standardInput, limit: largest)
            : try FileContents.read(path, limit: largest).bytes
        return bytes.split(separator: separator).compactMap { FilePath(bytes: $0) }
    }
}

extension IndexReport {
    /// The run in one line.
    var summary: String {
        var parts: [String] = []
        func add(_ count: Int, _ text: String) { if count > 0 { parts.append("\(count) \(text)") } }
        add(embedded, "new")
        add(recognised, "recognised by content")
        add(moved, "moved")
        add(unchanged, "unchanged")
        add(missing, "gone")
        add(absent, "kept although not there now")
        add(hardLinks, "further hard links")
        add(unsettled, "changed while being read")
        add(truncated, "ending early")
        add(unreadable, "unreadable")
        add(stillUnreadable, "still unreadable")
        add(unlistableFolders, "folders not listed")
        let time = seconds < 60 ? "\(NumberText.fixed(seconds, 1)) s" : ProgressLine.duration(seconds)
        return "\(wasInterrupted ? "interrupted: " : "")"
            + (parts.isEmpty ? "no pictures" : parts.joined(separator: ", "))
            + "; \(NumberText.counted(total, "picture", "pictures")) in the index; \(time)"
    }
}
