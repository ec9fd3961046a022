import Encoders
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

private let folder = Platform.environment("IMGVEC_FULL_SIZE").map { FilePath($0) }

/// Full-size random models against PyTorch, when Fixtures/full_size.py has made them: too big for every run.
@Suite(.enabled(if: folder != nil)) struct FullSizeParityTests {
    /// Prints the largest difference relative to the largest value, and expects it below 1e-4.
    private func compare(_ actual: Tensor, _ expected: Tensor, _ what: String) {
        let scale = max(1, expected.values.map { abs($0) }.max() ?? 1)
        let largest = zip(actual.values, expected.values).map { abs($0 - $1) }.max() ?? 0
        print("\(what): max |Δ| \(largest), largest value \(scale)")
        expectClose(actual, expected, what, tolerance: 1e-4 * scale)
    }

    static let models = [
        "clip-vit-b-32", "resnet-18.safetensors", "resnet-50.safetensors", "clip-rn50", "vit-b-16-siglip",
    ]

    @Test(arguments: models, TowerParityTests.backends)
    func agreesWithPyTorch(name: String, backend: MathBackend) throws {
        let folder = try #require(folder)
        try MathLibrary.$override.withValue(backend) {
            let stem = name.split(separator: ".")[0]
            let golden = try SafeTensors(folder.appending("\(stem).golden.safetensors"))
            let model = try Model.load(folder.appending(name))
            let tower = try #require(try model.imageTower)
            let vectors = try tower(golden.weights("pixels").tensor()) { _, _ in }
            compare(vectors, try golden.weights("image.vectors").tensor(), "\(stem) \(backend)")
            guard let text = try model.textTower else { return }
            for index in 0..<6 {
                let ids = try golden.weights("text.\(index).ids").tensor().values.map { Int32($0) }
                let vector = try text([ids])
                compare(
                    vector, try golden.weights("text.\(index).vector").tensor(), "text \(index) \(backend)")
            }
        }
    }
}
