import Encoders
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// BERT-like towers against transformers and sentence-transformers (Fixtures/generate_text_models.py).
@Suite struct SentenceEncoderTests {
    static let names = ["bert-sentences", "bert-dense", "distilbert"]

    @Test(arguments: names, TowerParityTests.backends)
    func agreesWithTheReferenceAfterEachBlock(name: String, backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            let golden = try Golden(name)
            let tower = try interimTower(Fixtures.path("models/\(name)"))
            var sequences: [[Int32]] = [], expected: [Tensor] = [], checked = 0
            while golden.has("text.\(sequences.count).ids") {
                let index = sequences.count, ids = try golden.tokens("text.\(index).ids")
                let vector = try tower([ids]) { stage, values in
                    guard let expected = try? golden.tensor("text.\(index).\(stage)") else { return }
                    let rows = Tensor(expected.shape, values.values.prefix(expected.count))
                    expectClose(rows, expected, "\(name) text \(index) \(stage)")
                    checked += 1
                }
                let reference = try golden.tensor("text.\(index).vector")
                // sentence-transformers' last module may scale to length 1; so does the encoder.
                expectClose(unit(vector), unit(reference), "\(name) text \(index)")
                sequences.append(ids)
                expected.append(unit(reference))
            }
            #expect(sequences.count == 11 && checked == 9)
            // All of them at once, which takes the path of many rows, and with ten times as many, of several
            // batches.
            for repeats in [1, 10] {
                let together = try tower(Array(repeatElement(sequences, count: repeats).joined()))
                for index in 0..<sequences.count * repeats {
                    expectClose(
                        unit(together.row(index)), expected[index % sequences.count],
                        "\(name) \(index) together")
                }
            }
        }
    }

    private func unit(_ vector: Tensor) -> Tensor {
        let length = vector.values.reduce(Double(0)) { $0 + Double($1) * Double($1) }.squareRoot()
        return Tensor([vector.count], vector.values.map { Float(Double($0) / length) })
    }
}
