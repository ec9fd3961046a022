import Inference
import SystemSupport
import TestSupport
import Testing

/// Every layer with every math library against the definition, computed in double precision.
@Suite struct LayerTests {
    static let backends = MathLibrary.present

    private func random(_ shape: [Int], _ random: inout SeededRandom) -> Tensor {
        Tensor(shape, (0..<shape.reduce(1, *)).map { _ in random.normal() })
    }

    private func activate(_ x: Double, _ activation: Activation) -> Double {
        switch activation {
        case .identity: x
        case .relu: max(0, x)
        case .gelu: 0.5 * x * (1 + errorFunction(x / 2.0.squareRoot()))
        case .quickGELU: x / (1 + exponential(-1.702 * x))
        case .tanhGELU: x / (1 + exponential(-2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        }
    }

    private func expectClose(
        _ actual: Tensor, _ expected: [Double], _ what: String, tolerance: Double = 2e-5,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(actual.count == expected.count, sourceLocation: sourceLocation)
        for (index, (a, b)) in zip(actual.values, expected).enumerated()
        where !(abs(Double(a) - b) <= tolerance * max(1, abs(b))) {
            Issue.record("\(what): element \(index) is \(a), expected \(b)", sourceLocation: sourceLocation)
            return
        }
    }

    /// Row counts on both sides of the switch from mapped to packed weights; sizes that are no multiples of
    /// anything.
    @Test(arguments: backends, Activation.allCases)
    func linear(backend: MathBackend, activation: Activation) throws {
        try MathLibrary.$override.withValue(backend) {
            for seed in 0..<3 as Range<UInt64> {
                var random = SeededRandom(seed: seed)
                let inputs = Int.random(in: 1...300, using: &random),
                    outputs = Int.random(in: 1...130, using: &random)
                let w = self.random([outputs, inputs], &random), b = self.random([outputs], &random).values
                let split = Int.random(in: 0..<outputs, using: &random)
                let parts = [w.values.prefix(split * inputs), w.values.dropFirst(split * inputs)].filter {
                    !$0.isEmpty
                }
                .map { Weights(Tensor([$0.count / inputs, inputs], $0)) }
                let layer = Linear(parts, bias: b, activation: activation)
                let adding = activation == .identity ? Linear(parts, bias: b, adding: true) : nil
                for rows in [1, 3, 4, 7, 16, 17, 50] {
                    let x = self.random([rows, inputs], &random)
                    let expected = product(x.values, w.values, b, rows, inputs, outputs)
                    let what = "seed \(seed), \(rows) x \(inputs) x \(outputs), \(backend)"
                    expectClose(try layer(x), expected.map { activate($0, activation) }, what)
                    if let adding {
                        var y = self.random([rows, outputs], &random)
                        let sum = zip(y.values, expected).map { Double($0) + $1 }
                        try adding.add(x, to: &y)
                        expectClose(y, sum, what + ", adding")
                    }
                }
            }
        }
    }

    private func product(
        _ x: [Float], _ w: [Float], _ b: [Float], _ rows: Int, _ inputs: Int, _ outputs: Int
    ) -> [Double] {
        var result: [Double] = []
        for row in 0..<rows {
            for output in 0..<outputs {
                var sum = Double(b[output])
                for i in 0..<inputs { sum += Double(x[row * inputs + i]) * Double(w[output * inputs + i]) }
                result.append(sum)
            }
        }
        return result
    }

    /// Three by three pixels of enough channels for Winograd's method, on pictures that its squares do not fill.
    @Test(arguments: backends, [false, true])
    func wideConvolution(backend: MathBackend, adding: Bool) throws {
        for seed in 0..<3 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let inputs = Int.random(in: 32...50, using: &random)
            let outputs = Int.random(in: 32...100, using: &random)
            let height = Int.random(in: 1...11, using: &random),
                width = Int.random(in: 1...30, using: &random)
            let w = self.random([outputs, inputs, 3, 3], &random), ws = w.values
            let ones = [Float](repeating: 1, count: outputs), zeros = [Float](repeating: 0, count: outputs)
            let shift = self.random([outputs], &random).values
            let layer = MathLibrary.$override.withValue(backend) {
                Convolution(
                    Weights(w),
                    BatchNorm(scale: ones, shift: shift, mean: zeros, variance: ones, epsilon: 0),
                    stride: 1, padding: 1, relu: true, adding: adding)
            }
            let x = self.random([3, height, width, inputs], &random), xs = x.values
            var y = self.random([3, height, width, outputs], &random)
            let before = y.values
            if adding { try layer.add(x, to: &y) } else { y = try layer(x) }
            let result = y.values
            var worst = 0.0
            for index in stride(from: 0, to: result.count, by: 61) {
                let output = index % outputs, column = index / outputs % width
                let row = index / outputs / width % height, picture = index / outputs / width / height
                var sum = Double(shift[output]) + (adding ? Double(before[index]) : 0)
                for ky in 0..<3 {
                    for kx in 0..<3 {
                        let (iy, ix) = (row + ky - 1, column + kx - 1)
                        guard iy >= 0, ix >= 0, iy < height, ix < width else { continue }
                        let start = ((picture * height + iy) * width + ix) * inputs
                        for i in 0..<inputs {
                            sum +=
                                Double(xs[start + i]) * Double(ws[((output * inputs + i) * 3 + ky) * 3 + kx])
                        }
                    }
                }
                worst = max(worst, abs(Double(result[index]) - max(0, sum)))
            }
            // Sums of some 400 products of numbers around 1: results up to 80.
            #expect(worst < 6e-4, "seed \(seed), \(height) x \(width), \(inputs) to \(outputs), \(backend)")
            let alone = Tensor([1, height, width, inputs], x.row(1).values)
            if !adding, backend == .avx512 {
                #expect(try layer(alone).values == y.row(1).values, "pictures know each other")
            }
        }
    }

    /// What is not finite stays visible.
    @Test(arguments: backends, [Float.nan, .infinity])
    func notFiniteIsSeen(backend: MathBackend, value: Float) throws {
        var random = SeededRandom(seed: 1)
        let w = self.random([32, 32, 3, 3], &random)
        let ones = [Float](repeating: 1, count: 32), zeros = [Float](repeating: 0, count: 32)
        let layers = MathLibrary.$override.withValue(backend) {
            (
                Convolution(
                    Weights(w), BatchNorm(scale: ones, shift: zeros, mean: zeros, variance: ones), stride: 1,
                    padding: 1, relu: true),
                Linear(Weights(w.reshaped([32, 288])), activation: .quickGELU)
            )
        }
        var values = self.random([1, 8, 8, 32], &random).values
        values[3 * 8 * 32 + 5] = value
        let map = try layers.0(Tensor([1, 8, 8, 32], values)).values
        // oneDNN's ReLU makes zeros of what is no number.
        if backend != .oneDNN { #expect(map.contains { !$0.isFinite }) }
        var rows = self.random([20, 288], &random).values
        rows[7] = value
        let y = try layers.1(Tensor([20, 288], rows))
        #expect(y.row(0).values.contains { !$0.isFinite } && y.row(1).values.allSatisfy(\.isFinite))
    }

    @Test(arguments: backends, [false, true])
    func convolution(backend: MathBackend, adding: Bool) throws {
        try MathLibrary.$override.withValue(backend) {
            for seed in 0..<4 as Range<UInt64> {
                var random = SeededRandom(seed: seed)
                let (inputs, outputs) = (
                    Int.random(in: 1...20, using: &random), Int.random(in: 1...40, using: &random)
                )
                let kernel = [1, 3, 5, 7].randomElement(using: &random) ?? 1,
                    stride = Int.random(in: 1...2, using: &random)
                let (height, width) = (
                    Int.random(in: 7...15, using: &random), Int.random(in: 7...15, using: &random)
                )
                let w = self.random([outputs, inputs, kernel, kernel], &random)
                let scale = self.random([outputs], &random).values,
                    shift = self.random([outputs], &random).values
                let mean = self.random([outputs], &random).values
                let variance = (0..<outputs).map { _ in Float.random(in: 0.5...2, using: &random) }
                let layer = Convolution(
                    Weights(w), BatchNorm(scale: scale, shift: shift, mean: mean, variance: variance),
                    stride: stride,
                    padding: kernel / 2, relu: true, adding: adding)
                let x = self.random([2, height, width, inputs], &random), xs = x.values, ws = w.values
                let rows = layer.outputExtent(height), columns = layer.outputExtent(width)
                var y = self.random([2, rows, columns, outputs], &random)
                var expected = adding ? y.values.map(Double.init) : [Double](repeating: 0, count: y.count)
                for index in expected.indices {
                    let o = index % outputs, ox = index / outputs % columns,
                        oy = index / outputs / columns % rows
                    let picture = index / outputs / columns / rows
                    var sum = 0.0
                    for ky in 0..<kernel {
                        for kx in 0..<kernel {
                            let iy = oy * stride + ky - kernel / 2, ix = ox * stride + kx - kernel / 2
                            guard iy >= 0, ix >= 0, iy < height, ix < width else { continue }
                            for i in 0..<inputs {
                                sum +=
                                    Double(xs[((picture * height + iy) * width + ix) * inputs + i])
                                    * Double(ws[((o * inputs + i) * kernel + ky) * kernel + kx])
                            }
                        }
                    }
                    let normed = (sum - Double(mean[o])) / (Double(variance[o]) + 1e-5).squareRoot()
                    expected[index] = max(0, expected[index] + normed * Double(scale[o]) + Double(shift[o]))
                }
                if adding { try layer.add(x, to: &y) } else { y = try layer(x) }
                expectClose(
                    y, expected, "seed \(seed), \(kernel) x \(kernel), \(inputs) to \(outputs), \(backend)",
                    tolerance: 1e-4)
            }
        }
    }

    /// A row never sees a later one when causal, nor another sequence; and the result is the definition's.
    @Test(arguments: backends, [false, true])
    func attention(backend: MathBackend, causal: Bool) throws {
        try MathLibrary.$override.withValue(backend) {
            var random = SeededRandom(seed: 5)
            let heads = 3, size = 5, width = 15, lengths = [4, 1, 23]
            let w = self.random([3 * width, width], &random)
            var identity = Tensor([width, width], repeating: 0)
            identity.write { for i in 0..<width { $0[i * width + i] = 1 } }
            let layer = MultiHeadAttention(
                heads: heads, causal: causal, queryKeyValue: Linear(Weights(w)),
                output: Linear(Weights(identity), adding: true))
            let rows = 30, x = self.random([rows, width], &random)
            var y = Tensor([rows, width], repeating: 0)
            try layer.add(x, to: &y, lengths: lengths)
            let qkv = product(
                x.values, w.values, [Float](repeating: 0, count: 3 * width), rows, width, 3 * width)
            var expected: [Double] = [], start = 0
            for length in lengths {
                for row in start..<start + length {
                    for head in 0..<heads {
                        func value(_ row: Int, _ part: Int, _ i: Int) -> Double {
                            qkv[(row * 3 + part) * width + head * size + i]
                        }
                        let seen = start..<(causal ? row + 1 : start + length)
                        let scores = seen.map { other in
                            exponential(
                                (0..<size).reduce(0) { $0 + value(row, 0, $1) * value(other, 1, $1) }
                                    / Double(size).squareRoot())
                        }
                        let total = scores.reduce(0, +)
                        for i in 0..<size {
                            expected.append(
                                zip(seen, scores).reduce(0) { $0 + value($1.0, 2, i) * $1.1 } / total)
                        }
                    }
                }
                start += length
            }
            expectClose(Tensor([28, width], y.values.prefix(28 * width)), expected, "\(backend)")
            // One row of each sequence alone, not the last that is seen.
            let places = [2, 4, 17]
            var some = Tensor([3, width], repeating: 1)
            try layer.add(x, at: places, to: &some, lengths: lengths)
            expectClose(
                some, places.flatMap { expected[$0 * width..<($0 + 1) * width] }.map { $0 + 1 },
                "\(backend), some rows")
        }
    }

    /// Some outputs of a map are those of the whole map, whatever parts it is made of.
    @Test func someOutputsOfALinearMap() throws {
        var random = SeededRandom(seed: 6)
        let parts = [3, 4, 2].map { Weights(self.random([$0, 5], &random)) }
        let map = Linear(parts, bias: self.random([9], &random).values, activation: .gelu)
        let x = self.random([2, 5], &random), all = try map(x).values
        for range in [0..<9, 2..<8, 3..<7, 8..<9, 1..<2] {
            let some = map.outputs(range)
            #expect(some.outputs == range.count && some.activation == .gelu)
            let expected = (0..<2).flatMap { row in range.map { all[row * 9 + $0] } }
            #expect(try some(x).values == expected, "\(range)")
        }
    }

    @Test func layerNorm() {
        var random = SeededRandom(seed: 3)
        for width in [1, 15, 16, 40, 100] {
            let x = self.random([3, width], &random)
            let scale = self.random([width], &random).values, shift = self.random([width], &random).values
            let values = x.values.map { Double($0) + 50 }
            let y = LayerNorm(scale: scale, shift: shift, epsilon: 1e-5)(
                Tensor([3, width], values.map { Float($0) }))
            var expected: [Double] = []
            for row in 0..<3 {
                let part = values[row * width..<(row + 1) * width].map { Double(Float($0)) }
                let mean = part.reduce(0, +) / Double(width)
                let variance = part.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                for i in 0..<width {
                    expected.append(
                        (part[i] - mean) / (variance + 1e-5).squareRoot() * Double(scale[i])
                            + Double(shift[i]))
                }
            }
            expectClose(y, expected, "width \(width)", tolerance: 1e-4)
        }
    }

    @Test func pooling() {
        let x = Tensor([1, 3, 4, 2], (0..<24).map { Float($0 % 2 == 0 ? $0 : -$0) })
        // Windows of 3 x 3 with stride 2 and padding 1: the padding never wins, also over negative values.
        let pooled = MaxPool(kernel: 3, stride: 2, padding: 1)(x)
        #expect(pooled.shape == [1, 2, 2, 2])
        #expect(pooled.values == [10, -1, 14, -3, 18, -9, 22, -11])
        #expect(x.meanOverPositions().values == [11, -12])
        let pictures = Tensor([2, 2, 1, 2], [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(pictures.channelsLast(of: 0).values == [1, 3, 2, 4])
        #expect(pictures.channelsLast(of: 1).values == [5, 7, 6, 8])
        #expect(
            Tensor([1, 3, 1, 2], [1, 2, 3, 4, 5, 6]).channelsLast(of: 0).values == [1, 3, 5, 2, 4, 6])
        let patches = Tensor([1, 1, 4, 4], (0..<16).map { Float($0) }).patches(of: 2, in: 0..<1)
        #expect(
            patches.shape == [4, 4]
                && patches.values == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15])
    }

    @Test func averagePooling() {
        let x = Tensor([2, 3, 5, 2], (0..<60).map { Float($0) })
        let pooled = AveragePool(side: 2)(x)
        // The third row and the fifth column are left over.
        #expect(pooled.shape == [2, 1, 2, 2])
        #expect(pooled.values == [6, 7, 10, 11, 36, 37, 40, 41])
    }

    /// One query a sequence over rows whose keys and values are never made, against the definition; a common query and one
    /// per sequence, widths that fill no vector, weights of one matrix and of two, in floats and in halves.
    @Test(arguments: [ElementType.f32, .f16, .bf16])
    func queryAttention(type: ElementType) throws {
        for seed in 0..<6 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let heads = Int.random(in: 1...9, using: &random), size = Int.random(in: 1...40, using: &random)
            let length = Int.random(in: 1...20, using: &random), width = heads * size
            let inputs = Int.random(in: 1...150, using: &random)
            let x = self.random([2 * length, inputs], &random)
            let both = stored(self.random([2 * width, inputs], &random), as: type)
            let bias = self.random([2 * width], &random).values
            let parts = seed % 2 == 0 ? [both] : [both.rows(0..<width), both.rows(width..<2 * width)]
            let attention = QueryAttention(heads: heads, keysValues: Linear(parts, bias: bias))
            let weights = both.tensor().values
            let rows = (0..<2 * length).map { row in
                (0..<2 * width).map { output in
                    (0..<inputs).reduce(Double(bias[output])) {
                        $0 + Double(x.values[row * inputs + $1]) * Double(weights[output * inputs + $1])
                    }
                }
            }
            for count in [1, 2] {
                let queries = self.random([count, width], &random)
                let mixed = attention(queries, x, length: length)
                #expect(mixed.shape == [2, width])
                var expected: [Double] = []
                for sequence in 0..<2 {
                    let own = rows[sequence * length..<(sequence + 1) * length]
                    let query = queries.values.dropFirst(count == 1 ? 0 : sequence * width).prefix(width).map(
                        Double.init)
                    for head in 0..<heads {
                        let places = head * size..<(head + 1) * size
                        var shares = own.map { row in
                            places.reduce(0.0) { $0 + query[$1] * row[$1] } / Double(size).squareRoot()
                        }
                        let largest = shares.max() ?? 0
                        shares = shares.map { exponential($0 - largest) }
                        let total = shares.reduce(0, +)
                        expected += places.map { place in
                            zip(shares, own).reduce(0.0) { $0 + $1.0 / total * $1.1[width + place] }
                        }
                    }
                }
                expectClose(mixed, expected, "seed \(seed), \(count) queries", tolerance: 1e-4)
            }
        }
    }

    @Test func partsOfWeights() {
        let bytes: [UInt8] = [0, 0x3C, 0, 0x40, 0, 0x42, 0, 0x44, 0, 0x45, 0, 0x46]
        bytes.withUnsafeBytes { bytes in
            let weights = Weights(shape: [3, 2], type: .f16, bytes: bytes, owner: nil)
            #expect(weights.tensor().values == [1, 2, 3, 4, 5, 6])
            #expect(weights.rows(1..<3).tensor().values == [3, 4, 5, 6])
            #expect(weights.rows(1..<3).shape == [2, 2])
            #expect(weights.transposed().tensor().values == [1, 3, 5, 2, 4, 6])
            #expect(weights.transposed().shape == [2, 3])
        }
    }

    /// All 65,536 half floats, and as many bfloat16, as Swift converts them.
    @Test func halfPrecisionIsExact() {
        let bits = (0...UInt16.max).map { $0.littleEndian }
        bits.withUnsafeBytes { bytes in
            let halves = Weights(shape: [65536], type: .f16, bytes: bytes, owner: nil).tensor().values
            let brains = Weights(shape: [65536], type: .bf16, bytes: bytes, owner: nil).tensor().values
            for index in 0..<65536 {
                let brain = Float(bitPattern: UInt32(index) << 16)
                #expect(brains[index] == brain || (brain.isNaN && brains[index].isNaN))
                #if !(os(macOS) && arch(x86_64))
                    let half = Float(Float16(bitPattern: UInt16(index)))
                    if !(halves[index] == half || (half.isNaN && halves[index].isNaN)) {
                        Issue.record("half \(index): \(halves[index]), expected \(half)")
                        return
                    }
                #endif
            }
        }
    }

    @Test func tensorsAreValues() {
        let a = Tensor([2, 2], [1, 2, 3, 4])
        var b = a.reshaped([4])
        b.write { $0[0] = 9 }
        #expect(a.values == [1, 2, 3, 4] && b.values == [9, 2, 3, 4])
        #expect(a.row(1).values == [3, 4])
    }

    @Test func threadCountIsPutBack() {
        var random = SeededRandom(seed: 1)
        let layer = Linear(Weights(self.random([64, 64], &random))), x = self.random([200, 64], &random)
        let alone = try? layer(x).values
        let together = MathLibrary.withThreads(2) { try? layer(x).values }
        #expect(alone != nil && alone == together)
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
func errorFunction(_ x: Double) -> Double { erf(x) }
func exponential(_ x: Double) -> Double { exp(x) }
