import Inference
import TestSupport
import Testing

/// Convolutions from maps of bytes to maps of bytes.
@Suite struct ByteMapTests: ComputesInBytes {
    /// A convolution with its bias in the normalisation's shift, and its weights as bytes stand for them.
    private struct Layer {
        let weights: Tensor, bias: [Float], stride: Int, padding: Int, relu: Bool, adding: Bool

        func made() -> Convolution {
            let outputs = weights.shape[0], ones = [Float](repeating: 1, count: outputs)
            return Convolution(
                Weights(weights),
                BatchNorm(
                    scale: ones, shift: bias, mean: [Float](repeating: 0, count: outputs), variance: ones,
                    epsilon: 0),
                stride: stride, padding: padding, relu: relu, adding: adding)
        }

        /// What the definition says of one picture [height, width, inputs].
        func results(_ x: [Float], height: Int, width: Int, adding shortcut: [Float]?) -> [Double] {
            let (outputs, inputs, kernel) = (weights.shape[0], weights.shape[1], weights.shape[2])
            let size = inputs * kernel * kernel, w = weights.values
            let rounded = (0..<outputs).flatMap { output in
                let row = w[output * size..<(output + 1) * size], step = Double(row.map(abs).max() ?? 0) / 127
                return row.map { step > 0 ? (Double($0) / step).rounded(.toNearestOrEven) * step : 0 }
            }
            let rows = (height + 2 * padding - kernel) / stride + 1,
                columns = (width + 2 * padding - kernel) / stride + 1
            var y: [Double] = []
            for row in 0..<rows {
                for column in 0..<columns {
                    for output in 0..<outputs {
                        var sum = Double(bias[output])
                        for ky in 0..<kernel {
                            for kx in 0..<kernel {
                                let (iy, ix) = (row * stride - padding + ky, column * stride - padding + kx)
                                guard iy >= 0, iy < height, ix >= 0, ix < width else { continue }
                                for input in 0..<inputs {
                                    sum +=
                                        Double(x[(iy * width + ix) * inputs + input])
                                        * rounded[((output * inputs + input) * kernel + ky) * kernel + kx]
                                }
                            }
                        }
                        if let shortcut { sum += Double(shortcut[y.count]) }
                        y.append(relu ? max(0, sum) : sum)
                    }
                }
            }
            return y
        }
    }

    /// A map of the given shape, through a convolution of single pixels.
    private func map(_ shape: [Int], relu: Bool, _ random: inout SeededRandom) throws -> ByteMap {
        let layer = Layer(
            weights: self.random([shape[3], 5, 1, 1], &random), bias: self.random([shape[3]], &random).values,
            stride: 1, padding: 0, relu: relu, adding: false)
        let x = self.random([shape[0], shape[1], shape[2], 5], &random)
        return try inBytes { layer.made() }.bytes(x, expecting: 1)
    }

    /// Sizes that are no multiples of anything, pictures that share tiles, and whatever is expected.
    @Test func isItsDefinition() throws {
        for seed in 0..<24 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let kernel = [1, 3][Int.random(in: 0...1, using: &random)],
                stride = Int.random(in: 1...2, using: &random)
            let inputs = [1, 3, 16, 21, 64][Int.random(in: 0...4, using: &random)]
            let outputs = [1, 17, 64, 100, 128][Int.random(in: 0...4, using: &random)]
            let kind = Int.random(in: 0...3, using: &random), count = 3
            let height = Int.random(in: kernel...6, using: &random),
                width = Int.random(in: kernel...7, using: &random)
            let layer = Layer(
                weights: self.random([outputs, inputs, kernel, kernel], &random),
                bias: self.random([outputs], &random).values, stride: stride, padding: kernel / 2,
                relu: kind == 1 || kind == 2,
                adding: kind > 1)
            let x = try map([count, height, width, inputs], relu: true, &random)
            let fast = inBytes { layer.made() }, portable = inBytes(.portable) { layer.made() }
            let extents = [fast.outputExtent(height), fast.outputExtent(width)]
            let shortcut =
                kind > 1 ? try map([count] + extents + [outputs], relu: seed % 2 == 0, &random) : nil
            let own = try fast.bytes(x, adding: shortcut, expecting: 1e-20)
            // As expected, or with the picture's own scale: too small, barely, well, hardly, too large.
            for factor in [1e-6, 0.99, 1.01, 3.9, 4.1, 1e6] as [Float] {
                let expected = own.scales[0] * factor
                let y = try fast.bytes(x, adding: shortcut, expecting: expected)
                let what =
                    "seed \(seed), \(kernel) x \(kernel) / \(stride), \(inputs) to \(outputs), x \(factor)"
                #expect(
                    (y.scales[0] == expected) == (factor > 1 && factor < 4),
                    "\(what): \(y.scales[0] / own.scales[0])")
                let again = try portable.bytes(x, adding: shortcut, expecting: expected)
                #expect(y.values.values == again.values.values && y.scales == again.scales, "\(what)")
                let values = y.values.values, inputValues = x.values.values, size = values.count / count
                for picture in 0..<count {
                    let scale = Double(y.scales[picture]), from = height * width * inputs * picture
                    let wanted = layer.results(
                        Array(inputValues[from..<from + height * width * inputs]), height: height,
                        width: width,
                        adding: shortcut.map {
                            Array($0.values.values[size * picture..<size * (picture + 1)])
                        })
                    let worst =
                        zip(wanted, values[size * picture..<size * (picture + 1)]).map {
                            abs($0 - Double($1))
                        }.max() ?? 0
                    #expect(
                        worst <= 0.52 * scale, "\(what): picture \(picture) is off by \(worst / scale) steps")
                }
            }
        }
    }

    /// A picture's bytes are the same alone and beside others that reach much further.
    @Test func picturesDoNotSeeEachOther() throws {
        var random = SeededRandom(seed: 5)
        let layer = Layer(
            weights: self.random([70, 12, 3, 3], &random), bias: self.random([70], &random).values, stride: 1,
            padding: 1, relu: true, adding: false
        )
        let first = inBytes {
            Layer(
                weights: self.random([12, 3, 3, 3], &random), bias: self.random([12], &random).values,
                stride: 1,
                padding: 1, relu: true, adding: false
            ).made()
        }
        let second = inBytes { layer.made() }
        let picture = self.random([1, 5, 5, 3], &random)
        let loud = Tensor([1, 5, 5, 3], picture.values.map { $0 * 1000 })
        func through(_ pictures: [Tensor]) throws -> ByteMap {
            try second.bytes(first.bytes(Tensor(joining: pictures), expecting: 0.05), expecting: 0.5)
        }
        let alone = try through([picture]), beside = try through([loud, picture, loud])
        #expect(
            Array(beside.values.values[alone.values.count..<2 * alone.values.count]) == alone.values.values)
        #expect(beside.scales[1] == alone.scales[0] && beside.scales[0] > 100 * alone.scales[0])
        #expect(beside.scales[0] == beside.scales[2])
        #expect(
            try ByteMap(joining: [through([loud]), through([picture, loud])]).values.values
                == beside.values.values)
    }

    /// What is not finite spoils the picture it is in, alone, and is still seen at the end.
    @Test(arguments: [Float.nan, .infinity, -.infinity], [MathBackend.portable, .oneDNN])
    func notFinitePictures(value: Float, backend: MathBackend) throws {
        var random = SeededRandom(seed: 8)
        var weights = self.random([64, 64, 3, 3], &random)
        func through(_ weights: Tensor, _ x: Tensor, bias: Float = 0) throws -> Tensor {
            let layers = [Float(0), bias].map { bias in
                inBytes(backend) {
                    Layer(
                        weights: weights, bias: [Float](repeating: bias, count: 64), stride: 1, padding: 1,
                        relu: true,
                        adding: false
                    ).made()
                }
            }
            let map = try layers[1].bytes(layers[0].bytes(x, expecting: 1), expecting: 1)
            return try layers[1].bytes(map, expecting: 1).meanOverPositions()
        }
        var x = self.random([2, 5, 5, 64], &random)
        #expect(try through(weights, x).values.allSatisfy(\.isFinite))
        #expect(!(try through(weights, x, bias: value).values.contains(where: \.isFinite)))
        x.write { $0[25 * 64 + 11 * 64 + 3] = value }
        let y = try through(weights, x).values
        #expect(y.prefix(64).allSatisfy(\.isFinite) && !y.suffix(64).contains(where: \.isFinite))
        weights.write { $0[9 * 64 * 9 + 5] = value }
        #expect(
            !(try through(weights, self.random([1, 5, 5, 64], &random)).values.contains(where: \.isFinite)))
    }

    /// A map of zeros stays one, whatever is expected; bias and shortcut come through.
    @Test func zeros() throws {
        let layer = Layer(
            weights: Tensor([64, 4, 1, 1], repeating: 1), bias: [Float](repeating: 0, count: 64), stride: 1,
            padding: 0,
            relu: true, adding: false)
        let nothing = try inBytes { layer.made() }.bytes(Tensor([1, 2, 2, 4]), expecting: 3)
        #expect(nothing.values.values.allSatisfy { $0 == 0 } && nothing.scales == [3])
        let next = Layer(
            weights: Tensor([64, 64, 1, 1], repeating: 1), bias: [Float](repeating: 0, count: 64), stride: 1,
            padding: 0, relu: true, adding: true)
        let ones = try inBytes {
            Layer(
                weights: Tensor([64, 64, 1, 1], repeating: 0), bias: [Float](repeating: 2, count: 64),
                stride: 1,
                padding: 0, relu: false, adding: false
            ).made()
        }.bytes(nothing, expecting: 2.0 / 127)
        #expect(ones.values.values.allSatisfy { abs($0 - 2) < 1e-6 })
        let sum = try inBytes { next.made() }.bytes(nothing, adding: ones, expecting: 2.0 / 255)
        #expect(sum.values.values.allSatisfy { abs($0 - 2) < 1e-6 })
    }

    @Test func pooling() throws {
        for seed in 0..<4 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let channels = [64, 30][Int(seed % 2)]
            let x = try map([2, 7, 6, channels], relu: true, &random)
            let pool = MaxPool(kernel: 3, stride: 2, padding: 1)
            #expect(try pool(x).values.values == pool(x.values).values, "seed \(seed)")
            let means = x.meanOverPositions().values, expected = x.values.meanOverPositions().values
            #expect(
                zip(means, expected).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($1)) }, "seed \(seed)")
            let signed = try map([1, 4, 3, channels], relu: false, &random)
            #expect(
                zip(signed.meanOverPositions().values, signed.values.meanOverPositions().values).allSatisfy {
                    abs($0 - $1) <= 1e-5 * max(1, abs($1))
                })
        }
    }
}
