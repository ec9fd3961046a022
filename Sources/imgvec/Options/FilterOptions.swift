import ArgumentParser
import ImageLibrary
import Imaging
import SystemPackage

/// Which pictures are looked at, by what is known of their files.
struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Only pictures at or below this path; repeatable.", valueName: "path"))
    var folders: [PathArgument] = []

    @Option(
        name: .customLong("type"),
        help: ArgumentHelp("Only pictures of this format; repeatable.", valueName: "format"))
    var formats: [FormatArgument] = []

    @Option(
        help: ArgumentHelp(
            "Only pictures taken on this date or later: 2024, 2024-06, 2024-06-30 or 2024-06-30T18:05. Pictures "
                + "that do not say when count by their file's modification time.", valueName: "date"))
    var since: DateArgument?

    @Option(
        help: ArgumentHelp(
            "Only pictures taken on this date or earlier; the whole of that year, month or day is in.",
            valueName: "date"))
    var until: DateArgument?

    @Option(
        name: .customLong("min-size"),
        help: ArgumentHelp(
            "Only files of at least so many bytes; k, M and G are thousands, Ki, Mi and Gi powers of 1024.",
            valueName: "size"))
    var minimumSize: SizeArgument?

    @Option(
        name: .customLong("max-size"),
        help: ArgumentHelp("Only files of at most so many bytes.", valueName: "size"))
    var maximumSize: SizeArgument?

    /// The filter that was asked for.
    var filter: PictureFilter {
        var filter = PictureFilter()
        filter.folders = folders.map(\.path)
        filter.formats = Set(formats.map(\.format))
        filter.since = since?.date
        filter.until = until?.date
        filter.minimumSize = minimumSize?.bytes
        filter.maximumSize = maximumSize?.bytes
        return filter
    }
}

/// A picture format by its name or usual extension.
struct FormatArgument: ExpressibleByArgument, Sendable {
    let format: ImageFormat

    init?(argument: String) {
        let name = argument.lowercased()
        let names: [String: ImageFormat] = ["jpg": .jpeg, "tif": .tiff, "heif": .heic]
        guard let format = ImageFormat(rawValue: name) ?? names[name] else { return nil }
        self.format = format
    }

    var defaultValueDescription: String { format.rawValue }
    static var allValueStrings: [String] { ImageFormat.allCases.map(\.rawValue) }
}

/// A date or a beginning of one.
struct DateArgument: ExpressibleByArgument, Sendable {
    let date: DatePrefix

    init?(argument: String) {
        guard let date = DatePrefix(argument) else { return nil }
        self.date = date
    }
}

/// A number of bytes such as 500, 500k, 1.5M or 2Gi; a B may follow.
struct SizeArgument: ExpressibleByArgument, Sendable {
    let bytes: Int64

    init?(argument: String) {
        var text = argument.lowercased()[...]
        if text.hasSuffix("b") { text = text.dropLast() }
        let base = text.hasSuffix("i") ? 1024.0 : 1000.0
        if text.hasSuffix("i") { text = text.dropLast() }
        let isBinary = base > 1000
        var scale = 1.0
        if let power = ["k", "m", "g", "t"].firstIndex(where: { text.hasSuffix($0) }) {
            for _ in 0...power { scale *= base }
            text = text.dropLast()
        } else if isBinary {
            return nil
        }
        guard let digit = text.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit),
            let value = Double(text), value.isFinite, let bytes = Int64(exactly: (value * scale).rounded())
        else { return nil }
        self.bytes = bytes
    }
}
