import Inference
import TestSupport
import Testing

/// Products of bytes: against their definition, and what the towers rely on.
@Suite struct ByteTests: ComputesInBytes {
    /// One row as bytes, back as the numbers they stand for: steps of a 255th of the range, with 0 among them.
    private func rounded(_ row: some Collection<Float>) -> [Double] {
        let low = Double(min(0, row.min() ?? 0)), high = Double(max(0, row.max() ?? 0))
        guard high > low else { return row.map { _ in 0 } }
        let step = (high - low) / 255, zero = (-low / step).rounded(.toNearestOrAwayFromZero)
        return row.map {
            (max(0, min(255, (Double($0) / step + zero).rounded(.toNearestOrAwayFromZero))) - zero) * step
        }
    }

    private func roundedWeights(_ row: some Collection<Float>) -> [Double] {
        let step = Double(row.map(abs).max() ?? 0) / 127
        return row.map { step > 0 ? (Double($0) / step).rounded(.toNearestOrEven) * step : 0 }
    }

    /// Sizes that are no multiples of anything, and every number of rows of a tile.
    @Test(arguments: [MathBackend.portable, .oneDNN], Activation.allCases)
    func linearIsItsDefinition(backend: MathBackend, activation: Activation) throws {
        for seed in 0..<4 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let inputs = Int.random(in: 1...300, using: &random)
            let outputs = Int.random(in: 1...150, using: &random)
            let w = self.random([outputs, inputs], &random), b = self.random([outputs], &random).values
            let weights = (0..<outputs).flatMap { roundedWeights(w.values[$0 * inputs..<($0 + 1) * inputs]) }
            for adding in activation == .identity ? [false, true] : [false] {
                let layer = inBytes(backend) {
                    Linear(Weights(w), bias: b, activation: activation, adding: adding)
                }
                for rows in [1, 2, 3, 4, 5, 6, 7, 50] {
                    let x = self.random([rows, inputs], &random)
                    var y = self.random([rows, outputs], &random)
                    let before = y.values
                    if adding { try layer.add(x, to: &y) } else { y = try layer(x) }
                    var worst = 0.0
                    for row in 0..<rows {
                        let a = rounded(x.values[row * inputs..<(row + 1) * inputs])
                        for output in 0..<outputs {
                            var sum =
                                Double(b[output]) + (adding ? Double(before[row * outputs + output]) : 0)
                            for i in 0..<inputs { sum += a[i] * weights[output * inputs + i] }
                            let expected = activate(sum, activation)
                            worst = max(
                                worst,
                                abs(Double(y.values[row * outputs + output]) - expected)
                                    / max(1, abs(expected)))
                        }
                    }
                    // Half a step of one input may fall to either side: a weight of about 1 times a step.
                    #expect(worst < 0.1, "seed \(seed), \(rows) x \(inputs) x \(outputs), \(backend)")
                }
            }
        }
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

    /// Inputs and weights that are whole numbers of steps lose nothing: the sums are exact.
    @Test(arguments: [MathBackend.portable, .oneDNN]) func wholeStepsAreExact(backend: MathBackend) throws {
        var random = SeededRandom(seed: 9)
        let inputs = 4099, outputs = 67, rows = 8
        var w = (0..<outputs * inputs).map { _ in Float(Int.random(in: -127...127, using: &random)) }
        for output in 0..<outputs { w[output * inputs] = 127 }
        var x = (0..<rows * inputs).map { _ in Float(Int.random(in: -100...155, using: &random)) }
        for row in 0..<rows {
            x[row * inputs] = -100
            x[row * inputs + 1] = 155
        }
        let layer = inBytes(backend) { Linear(Weights(Tensor([outputs, inputs], w))) }
        let y = try layer(Tensor([rows, inputs], x)).values
        for row in 0..<rows {
            for output in 0..<outputs {
                var sum = 0.0
                for i in 0..<inputs { sum += Double(x[row * inputs + i]) * Double(w[output * inputs + i]) }
                #expect(abs(Double(y[row * outputs + output]) - sum) <= 4e-7 * max(abs(sum), 1))
            }
        }
    }

    /// Numbers that two kernels make of the same sums: as near, to the largest of them, as bytes need them.
    private func areNear(_ a: [Float], _ b: [Float], within tolerance: Float = 3e-4) -> Bool {
        let largest = b.map(abs).max() ?? 0
        return a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance * largest }
    }

    /// Activations behind bytes, in whole tiles and in what is left of them.
    @Test(arguments: [MathBackend.portable, .oneDNN], Activation.allCases)
    func activations(backend: MathBackend, activation: Activation) throws {
        let weights = (-127...127).map { Float($0) * 0.08 }
        let layer = inBytes(backend) {
            Linear(Weights(Tensor([weights.count, 1], weights)), activation: activation)
        }
        let y = try layer(Tensor([8, 1], repeating: 1)).values
        for (index, value) in y.enumerated() {
            let x = Double(weights[index % weights.count]), expected = activate(x, activation)
            #expect(
                abs(Double(value) - expected) <= 2e-4 * max(1, abs(x)), "\(activation) of \(x), \(backend)")
        }
    }

    /// A row's result is the same to the last bit whatever stands beside it, and near with either kernel.
    @Test func rowsDoNotKnowEachOther() throws {
        var random = SeededRandom(seed: 2)
        let w = self.random([130, 77], &random), b = self.random([130], &random).values
        let layers = [MathBackend.portable, .oneDNN].map { backend in
            inBytes(backend) { Linear(Weights(w), bias: b, activation: .quickGELU) }
        }
        let x = self.random([20, 77], &random)
        let together = try layers.map { try $0(x).values }
        #expect(areNear(together[0], together[1]))
        for row in 0..<20 {
            let alone = try layers[1](Tensor([1, 77], x.row(row).values)).values
            #expect(alone == Array(together[1][row * 130..<(row + 1) * 130]), "row \(row)")
        }
    }

    /// Two maps behind each other give what they give one after the other, in any company, and nearly so with either kernel.
    @Test(arguments: [Activation.relu, .quickGELU]) func mapThroughMap(activation: Activation) throws {
        var random = SeededRandom(seed: 12)
        let (width, inner) = (53, 6100)
        let up = self.random([inner, width], &random), down = self.random([width, inner], &random)
        let bias = self.random([inner], &random).values
        let pairs = [MathBackend.portable, .oneDNN].map { backend in
            inBytes(backend) {
                (Linear(Weights(up), bias: bias, activation: activation), Linear(Weights(down), adding: true))
            }
        }
        // More rows than are kept near at a time.
        let x = self.random([110, width], &random), before = self.random([110, width], &random)
        var separate = before, together = before, portable = before
        try pairs[1].1.add(try pairs[1].0(x), to: &separate)
        try pairs[1].0.add(x, through: pairs[1].1, to: &together)
        try pairs[0].0.add(x, through: pairs[0].1, to: &portable)
        #expect(separate.values == together.values)
        // What is between the two may fall to either side of half a byte's step.
        #expect(areNear(portable.values, together.values, within: 2e-3))
        var alone = Tensor([1, width], before.row(77).values)
        try pairs[1].0.add(Tensor([1, width], x.row(77).values), through: pairs[1].1, to: &alone)
        #expect(alone.values == together.row(77).values)
    }

    /// A convolution that was told its input's bounds gives what it finds by itself.
    @Test func boundsAreHandedOn() throws {
        var random = SeededRandom(seed: 3)
        let ones = [Float](repeating: 1, count: 21), zeros = [Float](repeating: 0, count: 21)
        for relu in [false, true] {
            let norm = BatchNorm(scale: ones, shift: zeros, mean: zeros, variance: ones)
            let layers = (0..<2).map { _ in
                let w = self.random([21, 21, 3, 3], &random)
                return inBytes { Convolution(Weights(w), norm, stride: 1, padding: 1, relu: relu) }
            }
            let first = try layers[0](self.random([3, 5, 7, 21], &random))
            // A copy through its elements has forgotten them.
            let plain = Tensor(first.shape, first.values)
            #expect(try layers[1](first).values == layers[1](plain).values)
            let pool = MaxPool(kernel: 3, stride: 2, padding: 1)
            if relu { #expect(try layers[1](pool(first)).values == layers[1](pool(plain)).values) }
            var written = first
            written.write { $0[0] = 1000 }
            let forgotten = Tensor(written.shape, written.values)
            #expect(try layers[1](written).values == layers[1](forgotten).values)
        }
    }

    /// Kernels, strides and paddings of every kind, near the float convolution; pictures do not know each other.
    @Test(arguments: [false, true]) func convolution(adding: Bool) throws {
        for seed in 0..<8 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let inputs = Int.random(in: 1...20, using: &random),
                outputs = Int.random(in: 1...80, using: &random)
            let kernel = [1, 3, 7].randomElement(using: &random) ?? 1
            let stride = Int.random(in: 1...2, using: &random)
            let height = Int.random(in: 7...15, using: &random),
                width = Int.random(in: 7...15, using: &random)
            let w = self.random([outputs, inputs, kernel, kernel], &random)
            let ones = [Float](repeating: 1, count: outputs)
            let norm = BatchNorm(
                scale: ones, shift: self.random([outputs], &random).values,
                mean: self.random([outputs], &random).values, variance: ones)
            func make() -> Convolution {
                Convolution(
                    Weights(w), norm, stride: stride, padding: kernel / 2, relu: true, adding: adding)
            }
            let floats = MathLibrary.$override.withValue(.portable) { make() }
            let (portable, fast) = (inBytes(.portable) { make() }, inBytes { make() })
            // The second picture is a hundred times the first: scales are each picture's own.
            let first = self.random([1, height, width, inputs], &random).values
            let x = Tensor([2, height, width, inputs], first + first.map { $0 * 100 })
            let rows = fast.outputExtent(height), columns = fast.outputExtent(width)
            let before = self.random([2, rows, columns, outputs], &random)
            func run(_ layer: Convolution, _ x: Tensor) throws -> [Float] {
                guard adding else { return try layer(x).values }
                var y = Tensor(
                    [x.shape[0], rows, columns, outputs], before.values.prefix(x.shape[0] * before.count / 2))
                try layer.add(x, to: &y)
                return y.values
            }
            let what = "seed \(seed), \(kernel) x \(kernel) / \(stride), \(inputs) to \(outputs)"
            let expected = try run(floats, x), result = try run(fast, x)
            #expect(areNear(result, try run(portable, x)), "\(what)")
            #expect(
                Array(result.prefix(result.count / 2))
                    == (try run(fast, Tensor([1, height, width, inputs], first))), "\(what)")
            for picture in 0..<2 {
                let range = picture * result.count / 2..<(picture + 1) * result.count / 2
                let largest = expected[range].max() ?? 0
                let worst = zip(expected[range], result[range]).map { abs($0 - $1) }.max() ?? 0
                #expect(
                    worst <= 0.04 * max(largest, 1), "\(what), picture \(picture): \(worst) of \(largest)")
            }
        }
    }

    /// What is not finite in weights or inputs is seen in the results, not swallowed by the rounding.
    @Test(arguments: [Float.nan, .infinity, -.infinity]) func notFinite(value: Float) throws {
        var w = [Float](repeating: 1, count: 2 * 40), x = [Float](repeating: 1, count: 3 * 40)
        w[40 + 7] = value
        let layer = inBytes { Linear(Weights(Tensor([2, 40], w))) }
        let y = try layer(Tensor([3, 40], x)).values
        #expect(y[0].isFinite && !y[1].isFinite)
        x[40 + 39] = value
        let sound = inBytes { Linear(Weights(Tensor([2, 40], repeating: 1))) }
        let z = try sound(Tensor([3, 40], x)).values
        #expect(z[0].isFinite && !z[2].isFinite && !z[3].isFinite && z[4].isFinite)
    }

    /// The same through two convolutions, the second of which is told the bounds by the first: of the picture it is in, alone.
    @Test(arguments: [Float.nan, .infinity, -.infinity], [MathBackend.portable, .oneDNN])
    func notFinitePictures(value: Float, backend: MathBackend) throws {
        var random = SeededRandom(seed: 8)
        let ones = [Float](repeating: 1, count: 18), zeros = [Float](repeating: 0, count: 18)
        let norm = BatchNorm(scale: ones, shift: zeros, mean: zeros, variance: ones)
        func through(_ weights: [Tensor], _ x: Tensor) throws -> [Float] {
            let layers = weights.map { w in
                inBytes(backend) { Convolution(Weights(w), norm, stride: 1, padding: 1, relu: true) }
            }
            return try layers[1](layers[0](x)).values
        }
        var weights = (0..<2).map { _ in self.random([18, 18, 3, 3], &random) }
        var x = self.random([2, 5, 5, 18], &random)
        #expect(try through(weights, x).allSatisfy(\.isFinite))
        x.write { $0[25 * 18 + 11 * 18 + 3] = value }
        let y = try through(weights, x)
        #expect(
            y.prefix(y.count / 2).allSatisfy(\.isFinite) && !y.suffix(y.count / 2).contains(where: \.isFinite)
        )
        weights[0].write { $0[9 * 18 * 9 + 5] = value }
        #expect(!(try through(weights, self.random([1, 5, 5, 18], &random)).contains(where: \.isFinite)))
    }

    /// Rows of zeros, and weights of zeros.
    @Test func zeros() throws {
        let layer = inBytes {
            Linear(
                Weights(
                    Tensor([2, 20], [Float](repeating: 0, count: 20) + [Float](repeating: 1, count: 20))),
                bias: [3, 4])
        }
        let x = Tensor([2, 20], [Float](repeating: 0, count: 20) + [Float](repeating: 5, count: 20))
        let y = try layer(x).values
        #expect(y[0] == 3 && y[1] == 4 && y[2] == 3 && abs(y[3] - 104) < 1e-4)
    }

    /// The form that keeps nothing gives what the packed one gives.
    @Test(arguments: LayerTests.backends) func transient(backend: MathBackend) throws {
        try MathLibrary.$override.withValue(backend) {
            var random = SeededRandom(seed: 4)
            let w = self.random([30, 50], &random), b = self.random([30], &random).values
            let x = self.random([40, 50], &random)
            func make() -> Linear { Linear(Weights(w), bias: b, activation: .gelu) }
            let kept = try make()(x).values
            let forgotten = try MathLibrary.$weightForm.withValue(.transient) { make() }(x).values
            #expect(zip(kept, forgotten).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) })
        }
    }
}
