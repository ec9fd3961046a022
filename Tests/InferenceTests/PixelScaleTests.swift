import Inference
import TestSupport
import Testing

/// First layers that take pictures' own bytes: against their definition, and beside the numbers that the bytes stand for.
@Suite struct PixelScaleTests: ComputesInBytes {
    /// Pictures [count, height, width, 3], and the four bytes that have to follow, which may be anything.
    private func pictures(_ count: Int, _ height: Int, _ width: Int, _ random: inout SeededRandom) -> [UInt8]
    {
        (0..<3 * count * height * width + 4).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// The bytes of each patch, channel by channel, as the weights have them.
    private func patches(
        _ pixels: [UInt8], _ count: Int, _ height: Int, _ width: Int, side: Int, isReversed: Bool
    ) -> [[UInt8]] {
        (0..<count * (height / side) * (width / side)).map { patch in
            let across = width / side, perPicture = height / side * across
            let top = patch % perPicture / across * side, left = patch % across * side
            return (0..<3 * side * side).map { place in
                let (channel, y, x) = (place / (side * side), place / side % side, place % side)
                let pixel = (patch / perPicture * height + top + y) * width + left + x
                return pixels[3 * pixel + (isReversed ? 2 - channel : channel)]
            }
        }
    }

    /// Where bytes stand for whole numbers and weights are whole, nothing is lost.
    @Test(arguments: [MathBackend.portable, .oneDNN], [false, true])
    func wholeNumbersAreExact(backend: MathBackend, isReversed: Bool) throws {
        var random = SeededRandom(seed: 71)
        for (side, height, width, outputs) in [
            (4, 9, 30, 5), (7, 21, 22, 67), (14, 42, 28, 64), (32, 64, 97, 130),
        ] {
            let size = 3 * side * side
            var w = (0..<outputs * size).map { _ in Float(Int.random(in: -127...127, using: &random)) }
            for output in 0..<outputs { w[output * size] = 127 }
            let bias = (0..<outputs).map { _ in Float(Int.random(in: -9...9, using: &random)) }
            let map = try #require(
                inBytes(backend) {
                    PixelPatches(Linear(Weights(Tensor([outputs, size], w)), bias: bias), side: side)
                })
            let scale = PixelScale(
                mean: [100 / 255, 100 / 255, 100 / 255], std: [1 / 255, 1 / 255, 1 / 255],
                reversesChannels: isReversed)
            for count in [1, 3] {
                let pixels = pictures(count, height, width, &random)
                let found = try map(pixels, count: count, height: height, width: width, scale)
                var expected: [Float] = []
                for patch in patches(pixels, count, height, width, side: side, isReversed: isReversed) {
                    for output in 0..<outputs {
                        var sum = bias[output]
                        for place in 0..<size {
                            sum += w[output * size + place] * (Float(patch[place]) - 100)
                        }
                        expected.append(sum)
                    }
                }
                #expect(found.shape == [expected.count / outputs, outputs])
                // Means and deviations are fractions that binary numbers only come near.
                let worst = zip(found.values, expected).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 9
                #expect(worst < 1e-3, "seed 71, side \(side), \(count) pictures, \(backend): \(worst)")
            }
        }
    }

    /// With the means and deviations of a model, and weights of any size: only these are rounded.
    @Test(arguments: [false, true]) func bytesAreTheNumbersTheyStandFor(isReversed: Bool) throws {
        var random = SeededRandom(seed: 72)
        let (side, height, width, outputs) = (8, 24, 40, 50), size = 3 * side * side
        let w = self.random([outputs, size], &random), bias = self.random([outputs], &random).values
        let scale = PixelScale(
            mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711],
            reversesChannels: isReversed)
        let linear = inBytes { Linear(Weights(w), bias: bias) }
        let map = try #require(PixelPatches(linear, side: side))
        let pixels = pictures(2, height, width, &random)
        var numbers: [Float] = []
        for patch in patches(pixels, 2, height, width, side: side, isReversed: isReversed) {
            for (place, byte) in patch.enumerated() {
                let channel = place / (side * side)
                numbers.append((Float(byte) / 255 - scale.mean[channel]) / scale.std[channel])
            }
        }
        let x = Tensor([numbers.count / size, size], numbers)
        let exact = try Linear(Weights(w), bias: bias)(x).values
        func error(_ found: Tensor) -> Double {
            var (apart, all) = (0.0, 0.0)
            for (value, wanted) in zip(found.values, exact) {
                apart += Double((value - wanted) * (value - wanted))
                all += Double(wanted * wanted)
            }
            return (apart / all).squareRoot()
        }
        let here = try error(map(pixels, count: 2, height: height, width: width, scale))
        #expect(here < 0.01, "seed 72: \(here)")
        // Numbers that become bytes once more lose more.
        #expect(try here < error(linear(x)), "seed 72")
        // Another scale is another map.
        let other = PixelScale(mean: scale.mean, std: scale.std.map { 2 * $0 }, reversesChannels: isReversed)
        let first = try map(pixels, count: 2, height: height, width: width, scale).values
        let half = try map(pixels, count: 2, height: height, width: width, other).values
        for (index, (value, halved)) in zip(first, half).enumerated() {
            let own = bias[index % outputs]
            #expect(abs(value - own - 2 * (halved - own)) < 1e-3, "seed 72")
        }
    }

    private func convolution(
        _ w: Tensor, bias: [Float], stride: Int, padding: Int, _ backend: MathBackend = .oneDNN
    ) -> Convolution {
        let ones = [Float](repeating: 1, count: bias.count)
        let norm = BatchNorm(
            scale: ones, shift: bias, mean: [Float](repeating: 0, count: bias.count), variance: ones,
            epsilon: 0)
        return inBytes(backend) {
            Convolution(Weights(w), norm, stride: stride, padding: padding, relu: true)
        }
    }

    /// The numbers [1, height, width, 3] that a picture's bytes stand for.
    private func numbers(_ pixels: [UInt8], _ height: Int, _ width: Int, _ scale: PixelScale) -> Tensor {
        var numbers: [Float] = []
        for place in 0..<3 * height * width {
            let channel = place % 3, source = scale.reversesChannels ? place + 2 - 2 * channel : place
            numbers.append((Float(pixels[source]) / 255 - scale.mean[channel]) / scale.std[channel])
        }
        return Tensor([1, height, width, 3], numbers)
    }

    /// A picture with the lowest and the highest byte in whole steps of one: made to bytes once more, its numbers are the same bytes.
    @Test(arguments: [MathBackend.portable, .oneDNN], [false, true])
    func convolutionsTakeTheSameBytes(backend: MathBackend, isReversed: Bool) throws {
        var random = SeededRandom(seed: 73)
        for (kernel, stride, padding, height, width, outputs) in [
            (7, 2, 3, 20, 31, 64), (3, 1, 1, 9, 14, 5), (3, 2, 0, 8, 9, 70), (1, 1, 0, 6, 5, 3),
            (5, 2, 2, 16, 11, 33),
        ] {
            var w = (0..<outputs * 3 * kernel * kernel).map { _ in
                Float(Int.random(in: -127...127, using: &random))
            }
            for output in 0..<outputs { w[output * 3 * kernel * kernel] = 127 }
            let bias = (0..<outputs).map { _ in Float(Int.random(in: -900...900, using: &random)) }
            let stem = convolution(
                Tensor([outputs, 3, kernel, kernel], w), bias: bias, stride: stride, padding: padding, backend
            )
            let own = try #require(PixelConvolution(stem))
            let scale = PixelScale(
                mean: [100 / 255, 100 / 255, 100 / 255], std: [1 / 255, 1 / 255, 1 / 255],
                reversesChannels: isReversed)
            var pixels = (0..<3 * height * width).map { _ in UInt8.random(in: 0...255, using: &random) }
            (pixels[7], pixels[11]) = (0, 255)
            for expected in [Float(1), 3000] {
                let found = try own(pixels, height: height, width: width, scale, expecting: expected)
                let known = try stem.bytes(numbers(pixels, height, width, scale), expecting: expected)
                #expect(found.shape == known.shape)
                let step = known.scales[0]
                #expect(abs(found.scales[0] - step) <= 1e-5 * step, "seed 73, kernel \(kernel)")
                // A sum in the middle of two bytes may fall to either.
                let worst = zip(found.values.values, known.values.values).map { abs($0 - $1) }.max() ?? 9
                #expect(worst < 1.01 * step, "seed 73, kernel \(kernel), \(backend)")
                let apart = zip(found.values.values, known.values.values).count { abs($0 - $1) > 0.1 * step }
                #expect(apart <= found.values.count / 200, "seed 73, kernel \(kernel), \(backend)")
            }
        }
    }

    /// With the means and deviations of a model: as near to floats as bytes are, to the border.
    @Test(arguments: [false, true]) func convolutionsOfBytesAreThoseOfNumbers(isReversed: Bool) throws {
        var random = SeededRandom(seed: 74)
        let (height, width, outputs) = (26, 34, 16)
        let w = self.random([outputs, 3, 7, 7], &random), bias = self.random([outputs], &random).values
        let scale = PixelScale(
            mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], reversesChannels: isReversed)
        let stem = convolution(w, bias: bias, stride: 2, padding: 3)
        let own = try #require(PixelConvolution(stem))
        let pixels = (0..<3 * height * width).map { _ in UInt8.random(in: 0...255, using: &random) }
        let x = numbers(pixels, height, width, scale)
        let ones = [Float](repeating: 1, count: outputs)
        let exact = try Convolution(
            Weights(w),
            BatchNorm(
                scale: ones, shift: bias, mean: [Float](repeating: 0, count: outputs), variance: ones,
                epsilon: 0),
            stride: 2, padding: 3, relu: true)(x).values
        func error(_ map: ByteMap) -> Double {
            var (apart, all) = (0.0, 0.0)
            for (value, wanted) in zip(map.values.values, exact) {
                apart += Double((value - wanted) * (value - wanted))
                all += Double(wanted * wanted)
            }
            return (apart / all).squareRoot()
        }
        let here = try error(own(pixels, height: height, width: width, scale, expecting: 1))
        #expect(here < 0.02, "seed 74: \(here)")
        #expect(try here < error(stem.bytes(x, expecting: 1)) * 1.05, "seed 74: \(here)")
    }

    @Test func floatsAreNoBytes() {
        let linear = MathLibrary.$weightForm.withValue(.packed) { Linear(Weights(Tensor([2, 12]))) }
        #expect(PixelPatches(linear, side: 2) == nil)
    }
}
