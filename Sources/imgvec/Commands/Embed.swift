import ArgumentParser
import Encoders
import ImageLibrary
import SystemPackage
import SystemSupport

struct Embed: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "Write the vectors of pictures and texts.",
        discussion: """
            JSON Lines: {"path": …, "vector": […]} or {"text": …, "vector": […]} a line. --npy FILE writes one \
            float32 matrix instead (a row an item, in the order given: pictures, then texts).

            A picture that cannot be read is named on standard error and left out (a row of NaN in an .npy, so \
            that rows keep their place); the exit status is then 3. One whose file ends early is named, too: its \
            vector is that of what is there.
            """)

    @Argument(help: ArgumentHelp("Picture files.", valueName: "picture"))
    var pictures: [PathArgument] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("A text; repeatable.", valueName: "words"))
    var text: [String] = []

    @Option(
        name: .customLong("files-from"),
        help: ArgumentHelp(
            "Read picture paths from a file, one a line; - is standard input.", valueName: "file"))
    var filesFrom: PathArgument?

    @Flag(
        name: [.customShort("0"), .customLong("null")], help: "With --files-from: paths end with a NUL byte.")
    var null = false

    @Option(help: ArgumentHelp("Write a NumPy file instead of JSON Lines.", valueName: "file"))
    var npy: PathArgument?

    @OptionGroup var choice: ModelChoice
    @OptionGroup var decoding: DecodingOptions

    func validate() throws {
        guard !pictures.isEmpty || !text.isEmpty || filesFrom != nil else {
            throw ValidationError("name pictures, --text or --files-from")
        }
        if null, filesFrom == nil { throw ValidationError("-0 goes with --files-from") }
    }

    func run() throws {
        Interruption.catchSignals()
        let model = try choice.load()
        let maker = VectorMaker(
            model: model, limits: decoding.limits, onEarlyEnd: StandardError.tellEarlyEnd)
        var paths = pictures.map(\.path)
        if let filesFrom {
            paths += try PathList.read(filesFrom.path, separator: null ? 0 : UInt8(ascii: "\n"))
        }
        var matrix = NumPyMatrix(columnCount: model.dimension)
        var hasUnreadable = false
        // Enough at a time that no thread waits for the others, and few enough to be written before long.
        let threads = Platform.coreCount, slice = 32 * threads
        for start in stride(from: 0, to: paths.count, by: slice) {
            if Interruption.isRequested { throw ExitStatus.interrupted }
            let names = Array(paths[start..<min(start + slice, paths.count)])
            for (path, made) in zip(names, try maker.pictures(names, threads: threads)) {
                do {
                    let vector = try made.get()
                    if npy == nil { try JSONText.writeLine(PictureLine(path: path, vector: vector)) }
                    matrix.append(vector)
                } catch let error where error is SystemError || error is LibraryError {
                    StandardError.write("imgvec: \(error)")
                    hasUnreadable = true
                    matrix.append([Float](repeating: .nan, count: model.dimension))
                }
            }
        }
        for words in text {
            let vector = try maker.text(words)
            if npy == nil { try JSONText.writeLine(TextLine(text: words, vector: vector)) }
            matrix.append(vector)
        }
        if let npy { try matrix.write(to: npy.path) }
        if hasUnreadable { throw ExitStatus.someUnreadable }
    }

    private struct PictureLine: Encodable {
        let path: FilePath
        let vector: [Float]
        private enum Key: String, CodingKey { case vector }

        func encode(to encoder: any Encoder) throws {
            try JSONPath(path: path).encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(vector, forKey: .vector)
        }
    }

    private struct TextLine: Encodable {
        let text: String
        let vector: [Float]
    }
}
