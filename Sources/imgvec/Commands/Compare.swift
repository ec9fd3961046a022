import ArgumentParser
import Encoders
import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Similarity matrix of pictures and texts, without an index.",
        discussion: """
            Prints the cosine similarity of every pair; pictures come first, then texts. A model of texts alone \
            (BERT, DistilBERT) compares sentences: compare --model DIR --text "a top" --text "a shirt"
            """)

    @Argument(help: ArgumentHelp("Picture files.", valueName: "picture"))
    var pictures: [PathArgument] = []

    @Option(name: .shortAndLong, help: ArgumentHelp("A text; repeatable.", valueName: "words"))
    var text: [String] = []

    @Option(help: ArgumentHelp("table (on a terminal), tsv (elsewhere), csv or json.", valueName: "format"))
    var format: OutputFormat?

    @OptionGroup var choice: ModelChoice
    @OptionGroup var decoding: DecodingOptions

    func validate() throws {
        guard pictures.count + text.count >= 1 else {
            throw ValidationError("name pictures or --text to compare")
        }
        if let format, [.jsonl, .paths].contains(format) {
            throw ValidationError("a matrix cannot be written as \(format.rawValue)")
        }
    }

    func run() throws {
        let model = try choice.load()
        let vectors = VectorMaker(
            model: model, limits: decoding.limits, onEarlyEnd: StandardError.tellEarlyEnd)
        let items = pictures.map { Item.picture($0.path) } + text.map { Item.text($0) }
        let embeddings = try items.map { item in
            switch item {
            case .picture(let path): try vectors.picture(path)
            case .text(let words): try vectors.text(words)
            }
        }
        let cosine = embeddings.map { a in embeddings.map { b in max(-1, min(1, dot(a, b))) } }
        switch format ?? (Platform.isTerminal(1) ? .table : .tsv) {
        case .json: try JSONText.writeLine(Matrix(items: items, cosine: cosine))
        case .csv, .tsv: write(items, cosine, separator: format == .csv ? "," : "\t")
        default:
            Table.write(
                header: [""] + items.indices.map { "\($0 + 1)" },
                rows: zip(items.indices, items).map { index, item in
                    ["\(index + 1) \(item.label)"] + cosine[index].map { NumberText.fixed($0, 3) }
                })
        }
    }

    private func write(_ items: [Item], _ cosine: [[Float]], separator: String) {
        for (item, row) in zip(items, cosine) {
            let name = separator == "," ? PathText.forCSV(item.bytes) : item.lineBytes
            StandardOutput.shared.write(name)
            StandardOutput.shared.write(
                row.map { separator + NumberText.fixed($0, 6) }.joined() + "\n")
        }
    }

    private func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(Float(0)) { $0 + $1.0 * $1.1 } }

    private enum Item: Encodable {
        case picture(FilePath), text(String)

        private enum Key: String, CodingKey { case text }

        var label: String {
            switch self {
            case .picture(let path): PathText.forTerminal(path)
            case .text: "\"\(String(decoding: lineBytes, as: UTF8.self))\""
            }
        }

        /// As `bytes`, but a text's tabs, line ends and other control characters are blanks.
        var lineBytes: [UInt8] {
            switch self {
            case .picture(let path): path.bytes
            case .text(let words): words.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
            }
        }

        var bytes: [UInt8] {
            switch self {
            case .picture(let path): path.bytes
            case .text(let words): Array(words.utf8)
            }
        }

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .picture(let path): try JSONPath(path: path).encode(to: encoder)
            case .text(let words):
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(words, forKey: .text)
            }
        }
    }

    private struct Matrix: Encodable {
        let items: [Item]
        let cosine: [[Float]]
    }
}
