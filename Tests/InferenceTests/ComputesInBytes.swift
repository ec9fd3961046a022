import Inference
import TestSupport

/// A suite that makes layers which compute with bytes.
protocol ComputesInBytes {}

extension ComputesInBytes {
    func random(_ shape: [Int], _ random: inout SeededRandom) -> Tensor {
        Tensor(shape, (0..<shape.reduce(1, *)).map { _ in random.normal() })
    }

    func inBytes<T>(_ backend: MathBackend = .oneDNN, _ make: () throws -> T) rethrows -> T {
        try MathLibrary.$override.withValue(backend) {
            try MathLibrary.$weightForm.withValue(.bytes) { try make() }
        }
    }
}
