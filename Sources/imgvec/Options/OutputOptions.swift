import ArgumentParser
import SystemSupport

/// The forms in which results are written.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
    case table, tsv, json, jsonl, csv, paths
}

/// How results are written to standard output.
struct OutputOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "table (on a terminal), tsv (elsewhere), json, jsonl, csv or paths.", valueName: "format"))
    var format: OutputFormat?

    @Flag(name: [.customShort("0"), .customLong("null")], help: "Only paths, each ended by a NUL byte.")
    var null = false

    func validate() throws {
        if null, let format, format != .paths {
            throw ValidationError("-0 writes paths; it cannot be combined with --format \(format.rawValue)")
        }
    }

    /// Whether a format was asked for.
    var isAsked: Bool { null || format != nil }

    /// The format to write: the one asked for, else by whether standard output is a terminal.
    var chosen: OutputFormat {
        if null { return .paths }
        return format ?? (Platform.isTerminal(1) ? .table : .tsv)
    }

    var pathEnd: UInt8 { null ? 0 : UInt8(ascii: "\n") }
}
