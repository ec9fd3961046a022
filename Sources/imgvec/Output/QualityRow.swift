import ImageLibrary
import SystemPackage
import SystemSupport

/// A picture of poor quality as a row of output.
struct QualityRow: ResultRow {
    let finding: QualityFinding

    static var csvHeader: String { "path,score,reason" }
    var path: FilePath { finding.path }
    var tableColumns: [String] { [NumberText.fixed(finding.score, 2), reason] }
    var tsvColumns: [String] { [NumberText.fixed(finding.score, 4)] }
    var csvColumns: [[UInt8]] {
        [path.bytes, Array(NumberText.fixed(finding.score, 6).utf8), Array(reason.utf8)]
    }

    /// The failed checks with value and limit: "blurry 12.3 < 30, dark 0.18 < 0.32".
    private var reason: String {
        finding.failures.map { failure in
            let decimals = failure.limit >= 10 ? 0 : 2
            return "\(failure.check.rawValue) \(NumberText.fixed(failure.value, decimals)) "
                + (failure.value < failure.limit ? "< " : "> ")
                + NumberText.fixed(failure.limit, decimals)
        }.joined(separator: ", ")
    }

    private enum Key: String, CodingKey { case score, reason, checks }

    private struct CheckJSON: Encodable {
        let check: String
        let value: Double, limit: Double
    }

    func encode(to encoder: any Encoder) throws {
        try JSONPath(path: path).encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(finding.score, forKey: .score)
        try container.encode(reason, forKey: .reason)
        try container.encode(
            finding.failures.map {
                CheckJSON(check: $0.check.rawValue, value: $0.value, limit: $0.limit)
            }, forKey: .checks)
    }
}
