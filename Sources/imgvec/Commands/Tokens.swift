import ArgumentParser
import Encoders
import ImageLibrary
import SystemSupport

struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokens",
        abstract: "Show what a tokenizer makes of a text, and turn token numbers back.",
        discussion: """
            Prints a line per token: its number, a tab, its piece. --format json writes {"pieces", "ids"}. \
            --decode takes numbers instead of words. The tokenizer is the model's, or with --tokenizer that of \
            a file: tokenizer.json, vocab.json (with merges.txt beside it), vocab.txt, a .tiktoken file, or a \
            folder with one of them.
            """)

    @Argument(help: ArgumentHelp("The text; with --decode, token numbers.", valueName: "words"))
    var words: [String]

    @Flag(help: "Turn token numbers into text.")
    var decode = false

    @Option(help: ArgumentHelp("Read this tokenizer file or folder instead of a model.", valueName: "path"))
    var tokenizer: PathArgument?

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
        if tokenizer != nil, choice.model != nil {
            throw ValidationError("--tokenizer and --model exclude each other")
        }
    }

    func run() throws {
        let tokenizer = try chosenTokenizer()
        if decode {
            let text = try tokenizer.decode(words.compactMap { Int32($0) })
            StandardOutput.shared.write(text + "\n")
            return
        }
        let ids = try tokenizer.encode(Arguments.bytes(words.joined(separator: " ")))
        let pieces = ids.map { tokenizer.piece($0) ?? "" }
        switch format ?? (Platform.isTerminal(1) ? .table : .tsv) {
        case .json: try JSONText.writeLine(Result(pieces: pieces, ids: ids))
        case .table: Table.write(header: ["id", "piece"], rows: zip(ids, pieces).map { ["\($0)", $1] })
        default: for (id, piece) in zip(ids, pieces) { StandardOutput.shared.write("\(id)\t\(piece)\n") }
        }
    }

    private func chosenTokenizer() throws -> Tokenizer {
        if let tokenizer { return try Tokenizer.open(tokenizer.path) }
        let model = try choice.load()
        guard let tokenizer = try model.textEncoder?.tokenizer else {
            throw LibraryError.missingTower(model: model.name, tower: "text")
        }
        return tokenizer
    }

    private struct Result: Encodable {
        let pieces: [String]
        let ids: [Int32]
    }
}
