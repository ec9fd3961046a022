import Inference
import TestSupport
import Testing

/// Layers of transformers in bytes: against the same in floats, and what the towers rely on.
@Suite struct ByteAttentionTests: ComputesInBytes {
    /// The parts of a layer, with weights that are not too small to be seen.
    private struct Layer {
        let norm: LayerNorm, attention: MultiHeadAttention, expand: Linear, contract: Linear

        func add(to x: inout Tensor, lengths: [Int]) throws {
            try attention.add(to: &x, after: norm, lengths: lengths)
            try expand.add(to: &x, after: norm, through: contract)
        }
    }

    /// Layers of the same weights in bytes and in floats.
    private func layers(
        heads: Int, size: Int, causal: Bool, _ random: inout SeededRandom
    ) -> (bytes: Layer, floats: Layer) {
        let width = heads * size, inner = 200
        func weights(_ outputs: Int, _ inputs: Int) -> Tensor {
            let scale = 1.5 / Float(inputs).squareRoot()
            return Tensor([outputs, inputs], (0..<outputs * inputs).map { _ in random.normal() * scale })
        }
        let inputs = weights(3 * width, width), output = weights(width, width)
        let up = weights(inner, width), down = weights(width, inner)
        let bias = (0..<3 * width).map { _ in random.normal() }
        let scale = (0..<width).map { _ in 1 + 0.2 * random.normal() },
            shift = (0..<width).map { _ in random.normal() }
        func make() -> Layer {
            Layer(
                norm: LayerNorm(scale: scale, shift: shift, epsilon: 1e-5),
                attention: MultiHeadAttention(
                    heads: heads, causal: causal, queryKeyValue: Linear(Weights(inputs), bias: bias),
                    output: Linear(Weights(output), bias: Array(bias.prefix(width)), adding: true)),
                expand: Linear(Weights(up), activation: .gelu), contract: Linear(Weights(down), adding: true))
        }
        return (inBytes { make() }, MathLibrary.$override.withValue(.portable) { make() })
    }

    /// Heads of one or two vectors of pairs and of neither; sequences of one token, of an odd number, and of more than a
    /// panel has columns.
    @Test(arguments: [(1, 32), (3, 64), (2, 96), (5, 16)], [false, true])
    func layerIsNearTheOneInFloats(shape: (heads: Int, size: Int), causal: Bool) throws {
        for seed in 0..<3 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let layers = layers(heads: shape.heads, size: shape.size, causal: causal, &random)
            let lengths = [7, 1, 70, 50], rows = lengths.reduce(0, +)
            let x = self.random([rows, shape.heads * shape.size], &random)
            var bytes = x, floats = x
            try layers.bytes.add(to: &bytes, lengths: lengths)
            try layers.floats.add(to: &floats, lengths: lengths)
            for row in 0..<rows {
                let a = bytes.row(row).values, b = floats.row(row).values
                func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
                let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
                #expect(cosine > 0.999, "seed \(seed), row \(row) of \(shape), causal \(causal)")
            }
        }
    }

    /// A sequence's results are the same to the last bit whatever stands before or behind it.
    @Test(arguments: [false, true]) func sequencesDoNotKnowEachOther(causal: Bool) throws {
        var random = SeededRandom(seed: 4)
        let layer = layers(heads: 2, size: 64, causal: causal, &random).bytes
        let lengths = [5, 23, 64, 9], x = self.random([101, 128], &random)
        var together = x, start = 0
        try layer.add(to: &together, lengths: lengths)
        for length in lengths {
            var alone = Tensor([length, 128], x.values[start * 128..<(start + length) * 128])
            try layer.add(to: &alone, lengths: [length])
            #expect(
                alone.values == Array(together.values[start * 128..<(start + length) * 128]),
                "\(length) tokens")
            start += length
        }
    }

    /// Normalising rows as they become bytes gives what normalising them before gives, and rows behind the last sequence stay.
    @Test func normalisingOnTheWay() throws {
        var random = SeededRandom(seed: 6)
        let layer = layers(heads: 2, size: 32, causal: false, &random).bytes
        let x = self.random([40, 64], &random), lengths = [11, 26]
        var separate = x, together = x
        try layer.attention.add(layer.norm(x), to: &separate, lengths: lengths)
        try layer.attention.add(to: &together, after: layer.norm, lengths: lengths)
        #expect(separate.values.prefix(37 * 64) == together.values.prefix(37 * 64))
        separate = x
        together = x
        try layer.expand.add(layer.norm(x), through: layer.contract, to: &separate)
        try layer.expand.add(to: &together, after: layer.norm, through: layer.contract)
        #expect(separate.values == together.values)
    }

    /// What is no number in one sequence is seen there, and nowhere else.
    @Test(arguments: [Float.nan, .infinity]) func notFinite(value: Float) throws {
        var random = SeededRandom(seed: 7)
        let layer = layers(heads: 2, size: 32, causal: false, &random).bytes
        var x = self.random([40, 64], &random)
        x.write { $0[25 * 64 + 3] = value }
        try layer.attention.add(to: &x, after: layer.norm, lengths: [20, 20])
        #expect((0..<20).allSatisfy { x.row($0).values.allSatisfy(\.isFinite) })
        #expect((20..<40).allSatisfy { x.row($0).values.allSatisfy { !$0.isFinite } })
    }
}
