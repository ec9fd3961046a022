import ArgumentParser
import Encoders
import ImageLibrary
import SystemPackage
import SystemSupport

struct Find: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find",
        abstract: "Find pictures by words, by example, or both.",
        discussion: """
            --text and --image may be repeated and mixed; "2:cat" makes a part count twice, --not-text and \
            --not-image push away. A picture that is indexed needs no decoding. --image - reads standard input.

            Each result has its cosine similarity and, where the model gives a scale, the share of random pairs \
            that score lower, which means the same in every collection. Ends with 1 when nothing is found.
            """)

    @Option(
        name: .shortAndLong, help: ArgumentHelp("Words to look for; N:WORDS weighs them.", valueName: "words")
    )
    var text: [String] = []

    @Option(
        name: .shortAndLong, help: ArgumentHelp("A picture to look for; N:FILE weighs it.", valueName: "file")
    )
    var image: [String] = []

    @Option(name: .customLong("not-text"), help: ArgumentHelp("Words to keep away from.", valueName: "words"))
    var notText: [String] = []

    @Option(
        name: .customLong("not-image"), help: ArgumentHelp("A picture to keep away from.", valueName: "file"))
    var notImage: [String] = []

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("How many results.", valueName: "n"))
    var top = 10

    @Option(
        name: .customLong("min"),
        help: ArgumentHelp("The lowest cosine similarity to report.", valueName: "score"))
    var minimum: Float?

    @Flag(help: "Compare with every vector instead of only the likely ones.")
    var exact = false

    @OptionGroup var chosen: FilterOptions
    @OptionGroup var location: IndexLocation
    @OptionGroup var choice: ModelChoice
    @OptionGroup var output: OutputOptions
    @OptionGroup var decoding: DecodingOptions

    func validate() throws {
        guard !(text + image + notText + notImage).isEmpty else {
            throw ValidationError("say what to find: --text WORDS or --image FILE")
        }
        guard !(text + image + notText + notImage).contains("") else {
            throw ValidationError("a part of the query is empty")
        }
        guard (1...1_000_000).contains(top) else {
            throw ValidationError("--top must be between 1 and 1000000")
        }
        if let minimum, !(-1...1).contains(minimum) {
            throw ValidationError("--min must be between -1 and 1")
        }
    }

    func run() throws {
        let query = try Query(
            parts(), top: top, minimum: minimum, filter: chosen.filter, isExact: exact,
            limits: decoding.limits)
        let reader = try location.library().reader()
        let asker = try Asker(reader: reader, choice: choice)
        let snapshot = try reader.vectors(of: asker.record)
        let vector = try reader.vector(
            of: query, record: asker.record, snapshot: snapshot, model: asker.model,
            onEarlyEnd: StandardError.tellEarlyEnd)
        let hits = try reader.find(
            query, vector: vector, snapshot: snapshot, calibration: try? asker.model().calibration)
        let hasScale = hits.contains { $0.calibrated != nil }
        try ResultWriter(options: output).write(
            hits.map { HitRow(hit: $0) },
            tableHeader: hasScale ? ["score", "above", "path"] : ["score", "path"])
        if hits.isEmpty { throw ExitStatus.nothingFound }
    }

    private func parts() throws -> [Query.Part] {
        func weighed(_ argument: String, sign: Float) -> (Float, String) {
            guard let colon = argument.firstIndex(of: ":"), let weight = Float(argument[..<colon]),
                weight.isFinite,
                weight > 0, argument.index(after: colon) < argument.endIndex
            else { return (sign, argument) }
            return (sign * weight, String(argument[argument.index(after: colon)...]))
        }
        func words(_ argument: String, _ sign: Float) -> Query.Part {
            let (weight, text) = weighed(argument, sign: sign)
            return Query.Part(.text(text), weight: weight)
        }
        func picture(_ argument: String, _ sign: Float) throws -> Query.Part {
            let (weight, name) = weighed(argument, sign: sign)
            if name == "-" {
                let bytes = try FileContents.readAll(.standardInput, limit: 1 << 30)
                return Query.Part(.bytes(bytes, name: "standard input"), weight: weight)
            }
            guard let path = FilePath(bytes: Arguments.bytes(name)) else {
                throw ValidationError("\(name) is not a file name")
            }
            return Query.Part(.picture(path), weight: weight)
        }
        return text.map { words($0, 1) } + notText.map { words($0, -1) }
            + (try image.map { try picture($0, 1) }) + (try notImage.map { try picture($0, -1) })
    }
}

/// The model a question is asked with, loaded only when a tower is needed.
final class Asker {
    let record: ModelRecord
    private let choice: ModelChoice
    private var loaded: Model?

    /// Takes the model asked for, else the one the index was made with.
    init(reader: LibraryReader, choice: ModelChoice) throws {
        self.choice = choice
        if choice.isGiven {
            let model = try choice.load()
            loaded = model
            record = try reader.record(of: model)
        } else {
            record = try reader.defaultModel()
        }
    }

    func model() throws -> Model {
        if let loaded { return loaded }
        let found = try record.source.map { try Model.load($0) } ?? Model.embedded()
        // The index's vectors may be of any of the model's layers, in any numbers.
        for model in try found.variants where model.fingerprint == record.fingerprint {
            loaded = model
            return model
        }
        throw LibraryError.modelChanged(
            name: record.name, expected: record.fingerprint, found: found.fingerprint)
    }
}

/// A hit as a row of output.
struct HitRow: ResultRow {
    let hit: Hit

    static var csvHeader: String { "path,score,calibrated,id" }
    var path: FilePath { hit.path }
    var tableColumns: [String] {
        [NumberText.fixed(hit.score, 3)]
            + (hit.calibrated.map { [NumberText.fixed($0 * 100, 1) + " %"] } ?? [])
    }
    var tsvColumns: [String] { [NumberText.fixed(hit.score, 4)] }
    var csvColumns: [[UInt8]] {
        [
            path.bytes, Array(NumberText.fixed(hit.score, 6).utf8),
            Array((hit.calibrated.map { NumberText.fixed($0, 6) } ?? "").utf8), Array("\(hit.id)".utf8),
        ]
    }

    private enum Key: String, CodingKey { case score, calibrated, id }

    func encode(to encoder: any Encoder) throws {
        try JSONPath(path: path).encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(hit.score, forKey: .score)
        try container.encode(hit.calibrated, forKey: .calibrated)
        try container.encode(hit.id, forKey: .id)
    }
}
