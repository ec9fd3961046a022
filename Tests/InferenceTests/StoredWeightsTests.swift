import Testing

@testable import Inference

/// Weights as model files store them, at an odd address.
func stored(_ tensor: Tensor, as type: ElementType) -> Weights {
    let bytes = OddBytes(
        tensor.values.flatMap { value in
            switch type {
            case .f32: littleEndian(value.bitPattern, count: 4)
            case .f16: littleEndian(UInt32(halfBits(value)), count: 2)
            case .bf16: littleEndian(value.bitPattern >> 16, count: 2)
            }
        })
    return Weights(shape: tensor.shape, type: type, bytes: bytes.buffer, owner: bytes)
}

private func littleEndian(_ bits: UInt32, count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
}

/// The nearest half below in size, of numbers that halves hold without denormals.
private func halfBits(_ value: Float) -> UInt16 {
    guard abs(value) >= 0x1p-14 else { return 0 }
    let sign: UInt16 = value < 0 ? 0x8000 : 0
    return sign | UInt16(truncatingIfNeeded: (value.exponent + 15) << 10)
        | UInt16(value.significandBitPattern >> 13)
}

private final class OddBytes {
    private let memory: UnsafeMutableRawBufferPointer
    let buffer: UnsafeRawBufferPointer

    init(_ bytes: [UInt8]) {
        memory = .allocate(byteCount: bytes.count + 1, alignment: 16)
        memory[1...].copyBytes(from: bytes)
        buffer = UnsafeRawBufferPointer(rebasing: memory[1...])
    }

    deinit { memory.deallocate() }
}

@Suite struct StoredWeightsTests {
    @Test(arguments: [ElementType.f32, .f16, .bf16])
    func numbersAreReadAsTheyWereStored(type: ElementType) {
        let tensor = Tensor([2, 3], [1, -2.5, 0.125, 1024, -0.75, 3])
        #expect(stored(tensor, as: type).tensor().values == tensor.values)
    }

    /// Areas of one place, of kernels, and larger than what is turned at a time.
    @Test(arguments: [ElementType.f32, .f16, .bf16], [(3, 5, 1), (4, 300, 9), (2, 50, 49), (2, 3, 5000)])
    func turnedWeights(type: ElementType, shape: (outputs: Int, inputs: Int, area: Int)) {
        let (outputs, inputs, area) = shape, count = outputs * inputs * area
        let weights = stored(
            Tensor([outputs, inputs, area], (0..<count).map { Float($0 % 251) - 100 }), as: type)
        let factors = (0..<outputs).map { Float($0) + 0.5 }
        var turned = Tensor(uninitialized: [outputs, area, inputs])
        turned.write {
            weights.turn(outputs: outputs, inputs: inputs, area: area, factors: factors, to: $0)
        }
        let values = turned.values
        let wrong = (0..<count).filter { index in
            let input = index % inputs, place = index / inputs % area, output = index / inputs / area
            let source = (output * inputs + input) * area + place
            return values[index] != (Float(source % 251) - 100) * factors[output]
        }
        #expect(wrong.isEmpty)
    }
}
