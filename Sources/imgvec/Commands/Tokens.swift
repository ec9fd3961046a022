import ArgumentParser
import Encoders
import ImageLibrary
import SystemSupport

struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what the model's tokenizer makes of a text, and turn token numbers back.",
        discussion: """
            Prints a line per token: its number, a tab, its piece. --format json writes {"pieces", "ids"}. \
            --decode takes numbers instead of words.
            """)

    @Argument(help: ArgumentHelp("The text; with --decode, token numbers.", valueName: "words"))
    var words: [String]

    @Flag(help: "Turn token numbers into text.")
    var decode = false

    @Option(help: ArgumentHelp("table, tsv or json.", valueName: "format"))
    var format: OutputFormat?

    @OptionGroup var choice: ModelChoice

    func validate() throws {
        if let format, ![.table, .tsv, .json].contains(format) {
            throw ValidationError("tokens cannot be written as \(format.rawValue)")
        }
        if decode, words.contains(where: { Int32($0) == nil }) {
            throw ValidationError("--decode takes token numbers")
        }
    }

    func run() throws {
        let model = try choice.load()
        guard let tokenizer = try model.textEncoder?.tokenizer else {
            throw LibraryError.missingTower(model: model.name, tower: "text")
        }
        if decode {
            StandardOutput.shared.write(tokenizer.decode(words.compactMap { Int32($0) }) + "\n")
            return
        }
        let text = words.joined(separator: " ")
        let ids = try tokenizer.encode(text)
        let pieces = ids.map { tokenizer.piece($0) ?? "" }
        switch format ?? (Platform.isTerminal(1) ? .table : .tsv) {
        case .json: try JSONText.writeLine(Result(pieces: pieces, ids: ids))
        case .table: Table.write(header: ["id", "piece"], rows: zip(ids, pieces).map { ["\($0)", $1] })
        default: for (id, piece) in zip(ids, pieces) { StandardOutput.shared.write("\(id)\t\(piece)\n") }
        }
    }

    private struct Result: Encodable {
        let pieces: [String]
        let ids: [Int32]
    }
}
