import Analysis
import ArgumentParser
import ImageLibrary
import Synchronization
import SystemPackage
import SystemSupport
import VectorIndex

struct Anomalies: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anomalies",
        abstract: "Outlier score of every picture, most unusual first.",
        discussion: """
            knn is the mean distance to the nearest neighbours, lof the local outlier factor (how much thinner the \
            surroundings are than those of the neighbours), both is their mean. Scores are robust standard \
            deviations above the collection's median; from 3.5 on a picture is usually called an outlier.

            --quality looks at the pictures themselves instead: dark, light, blurry, odd-aspect, low-information, \
            odd-size, and grey when asked for with --check. Its score goes from 0 (at the limit of a check) to 1.

            JSON: {"path", "score", "reason", "neighbors": [{"path", "score"}]}; with --quality {"path", "score", \
            "reason", "checks": [{"check", "value", "limit"}]}.
            """)

    enum Method: String, ExpressibleByArgument, CaseIterable {
        case knn, lof, both

        var analysis: Analysis.Anomalies.Method {
            switch self {
            case .knn: .distance
            case .lof: .density
            case .both: .both
            }
        }
    }

    @Option(help: ArgumentHelp("knn, lof or both.", valueName: "method"))
    var method: Method = .both

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("How many results.", valueName: "n"))
    var top = 10

    @Option(name: .customLong("min"), help: ArgumentHelp("The lowest score to report.", valueName: "score"))
    var minimum: Float?

    @Option(help: ArgumentHelp("Nearest neighbours a picture is judged by.", valueName: "k"))
    var neighbors = Analysis.Anomalies.usualNeighborCount

    @Option(
        name: .customLong("in"),
        help: ArgumentHelp("Only pictures at or below this path; repeatable.", valueName: "path"))
    var folders: [PathArgument] = []

    @Flag(help: "Pictures of poor quality instead of unusual ones; needs no model.")
    var quality = false

    @Option(
        name: .customLong("check"),
        help: ArgumentHelp(
            "With --quality: dark, light, blurry, odd-aspect, low-information, odd-size or grey; repeatable.",
            valueName: "check"),
        transform: { word in
            guard let check = QualityCheck(rawValue: word) else {
                let known = QualityCheck.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("there is no check \"\(word)\"; there are \(known)")
            }
            return check
        })
    var checks: [QualityCheck] = []

    @OptionGroup var location: IndexLocation
    @OptionGroup var choice: ModelChoice
    @OptionGroup var output: OutputOptions
    @OptionGroup var verbosity: Verbosity

    func validate() throws {
        guard top >= 1 else { throw ValidationError("--top must be at least 1") }
        guard (1...1000).contains(neighbors) else {
            throw ValidationError("--neighbors must be between 1 and 1000")
        }
        guard quality || checks.isEmpty else { throw ValidationError("--check goes with --quality") }
    }

    func run() throws {
        Interruption.catchSignals()
        let reader = try location.library().reader()
        if quality { return try writeQuality(reader) }
        let asker = try Asker(reader: reader, choice: choice)
        let snapshot = try reader.vectors(of: asker.record)
        let line = Mutex(ProgressLine(isQuiet: verbosity.quiet))
        let total = snapshot.count
        let outliers = try reader.outliers(
            snapshot: snapshot, folders: folders.map(\.path), method: method.analysis,
            neighborCount: neighbors,
            threads: Platform.coreCount
        ) { done in line.withLock { $0.show(done: done, total: total, unit: "pictures") } }
        line.withLock { $0.clear() }
        let chosen = outliers.filter { $0.score >= minimum ?? -.infinity }.prefix(top)
        try ResultWriter(options: output).write(
            chosen.map { OutlierRow(outlier: $0) }, tableHeader: ["score", "why", "path"])
        if chosen.isEmpty { throw ExitStatus.nothingFound }
    }

    private func writeQuality(_ reader: LibraryReader) throws {
        let findings = try reader.qualityFindings(
            folders: folders.map(\.path), checks: checks.isEmpty ? QualityCheck.faults : Set(checks))
        let chosen = findings.filter { $0.score >= Double(minimum ?? 0) }.prefix(top)
        try ResultWriter(options: output).write(
            chosen.map { QualityRow(finding: $0) }, tableHeader: ["score", "why", "path"])
        if chosen.isEmpty { throw ExitStatus.nothingFound }
    }
}

/// An outlier as a row of output.
struct OutlierRow: ResultRow {
    let outlier: Outlier

    static var csvHeader: String { "path,score,reason" }
    var path: FilePath { outlier.path }
    var tableColumns: [String] { [NumberText.fixed(outlier.score, 2), reason] }
    var tsvColumns: [String] { [NumberText.fixed(outlier.score, 4)] }
    var csvColumns: [[UInt8]] {
        [path.bytes, Array(NumberText.fixed(outlier.score, 6).utf8), Array(reason.utf8)]
    }

    /// The reason in words.
    var reason: String {
        switch outlier.reason {
        case .ordinary: "ordinary"
        case .farFromEverything(let nearest): "far from everything, nearest \(NumberText.fixed(nearest, 2))"
        case .thinnerThanNeighbors(let factor):
            "stands apart from its neighbours, \(NumberText.fixed(factor, 1)) times their distances"
        case .smallGroup(let size): "one of \(size) alike, far from the rest"
        }
    }

    private enum Key: String, CodingKey { case score, reason, neighbors }

    private struct NeighborJSON: Encodable {
        let path: FilePath
        let similarity: Float
        private enum Key: String, CodingKey { case score }

        func encode(to encoder: any Encoder) throws {
            try JSONPath(path: path).encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(similarity, forKey: .score)
        }
    }

    func encode(to encoder: any Encoder) throws {
        try JSONPath(path: path).encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(outlier.score, forKey: .score)
        try container.encode(reason, forKey: .reason)
        try container.encode(
            outlier.neighbors.map { NeighborJSON(path: $0.path, similarity: $0.similarity) },
            forKey: .neighbors)
    }
}
