import Inference
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// Inputs and expected outputs that the reference wrote for one model (Fixtures/generate_models.py).
struct Golden {
    private let file: SafeTensors

    init(_ name: String) throws {
        file = try SafeTensors(Fixtures.path("golden/models/\(name).safetensors"))
    }

    func tensor(_ name: String) throws -> Tensor { try file.weights(name).tensor() }

    func has(_ name: String) -> Bool { file.entries[name] != nil }

    /// A tensor of whole numbers, which are stored as floats.
    func tokens(_ name: String) throws -> [Int32] { try tensor(name).values.map { Int32($0) } }
}

extension Tensor {
    /// The first rows of a matrix, or where only one row of each of `count` sequences was computed (as last layers do), those
    /// at `place` in them.
    func rows(like told: Tensor, of count: Int = 1, at place: Int = 0) -> Tensor {
        let length = shape[0] / count
        guard told.shape[0] == count, length > 1 else { return rows(Array(0..<min(told.shape[0], shape[0]))) }
        return rows((0..<count).map { $0 * length + place })
    }
}

/// Expects two tensors to agree to 1e-4 in every element and to a cosine of 0.99999 in every row.
func expectClose(
    _ actual: Tensor, _ expected: Tensor, _ what: String, tolerance: Float = 1e-4,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let (a, b) = (actual.values, expected.values)
    guard a.count == b.count, let width = expected.shape.last, width > 0 else {
        Issue.record("\(what): \(a.count) values, expected \(b.count)", sourceLocation: sourceLocation)
        return
    }
    // A comparison that is false for NaN.
    let largest = zip(a, b).reduce(Float(0)) { $0 >= abs($1.0 - $1.1) ? $0 : abs($1.0 - $1.1) }
    #expect(largest <= tolerance, "\(what): largest difference \(largest)", sourceLocation: sourceLocation)
    for row in stride(from: 0, to: a.count, by: width) {
        var dot = 0.0, first = 0.0, second = 0.0
        for i in row..<row + width {
            dot += Double(a[i]) * Double(b[i])
            first += Double(a[i]) * Double(a[i])
            second += Double(b[i]) * Double(b[i])
        }
        let cosine = dot / (first * second).squareRoot()
        if !(cosine >= 0.99999 || (first == 0 && second == 0)) {
            Issue.record("\(what): cosine \(cosine) in row \(row / width)", sourceLocation: sourceLocation)
            return
        }
    }
}

/// What went wrong on several threads.
final class Failures: Sendable {
    private let messages = Mutex<[String]>([])
    var all: [String] { messages.withLock { $0 } }
    func add(_ message: String) { messages.withLock { $0.append(message) } }
}
