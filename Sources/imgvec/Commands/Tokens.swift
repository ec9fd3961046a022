import ArgumentParser
import Encoders
import ImageLibrary
import SystemSupport

struct Tokens: ParsableCommand {
    static let configuration = CommandConfiguration(
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
        if let tokenizer {
            let tokenizer = try Tokenizer.open(tokenizer.path)
            if decode { return write(text: try tokenizer.decode(ids)) }
            let tokens = try tokenizer.encode(Arguments.bytes(words.joined(separator: " ")))
            return try write(tokens) { tokenizer.piece($0) }
        }
        let model = try choice.load()
        guard let tokenizer = try model.textEncoder?.tokenizer else {
            throw LibraryError.missingTower(model: model.name, tower: "text")
        }
        if decode { return write(text: try tokenizer.decode(ids)) }
        try write(try tokenizer.encode(words.joined(separator: " "))) { tokenizer.piece($0) }
    }

    private var ids: [Int32] { words.compactMap { Int32($0) } }

    private func write(text: String) { StandardOutput.shared.write(text + "\n") }

    private func write(_ ids: [Int32], piece: (Int32) -> String?) throws {
        let pieces = ids.map { piece($0) ?? "" }
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
