import COneDNN
import SystemSupport

/// How the numbers of a tensor are stored in a model file.
public enum ElementType: String, Sendable, CaseIterable {
    /// IEEE single precision.
    case f32 = "F32"
    /// IEEE half precision.
    case f16 = "F16"
    /// The upper half of single precision.
    case bf16 = "BF16"

    /// Bytes per element.
    public var byteCount: Int { self == .f32 ? 4 : 2 }

    var native: cdnn_element {
        switch self {
        case .f32: CDNN_F32
        case .f16: CDNN_F16
        case .bf16: CDNN_BF16
        }
    }
}

/// A tensor as it stands in a model file: shape, element type and mapped bytes, converted when it is used.
public struct Weights: @unchecked Sendable {
    // Unchecked: the bytes are never written, and `owner` keeps them in place.

    /// Extent of each dimension, outermost first.
    public let shape: [Int]
    /// How the elements are stored.
    public let type: ElementType
    /// The elements, little-endian, with no particular alignment.
    public let bytes: UnsafeRawBufferPointer
    /// Whether the bytes are those of a mapped file, whose pages come back when they are read again.
    private let isMapped: Bool
    private let owner: AnyObject?

    /// Number of elements.
    public var count: Int { bytes.count / type.byteCount }

    /// Takes bytes that hold exactly the shape's elements; `owner` is kept for as long as they are needed.
    ///
    /// `isMapped` may only be said of bytes that stand in a file, mapped read-only.
    public init(
        shape: [Int], type: ElementType, bytes: UnsafeRawBufferPointer, owner: AnyObject?,
        isMapped: Bool = false
    ) {
        precondition(bytes.count == shape.reduce(1, *) * type.byteCount)
        self.isMapped = isMapped
        self.shape = shape
        self.type = type
        self.bytes = bytes
        self.owner = owner
    }

    /// Copies a tensor's elements into memory of their own, as single-precision weights.
    public init(_ tensor: Tensor) {
        let owner = TensorOwner(tensor)
        self.init(shape: tensor.shape, type: .f32, bytes: owner.bytes, owner: owner)
    }

    /// All elements as floats.
    public func tensor() -> Tensor {
        var result = Tensor(uninitialized: shape)
        result.write { convert(0..<count, to: $0) }
        return result
    }

    /// All elements as floats, to be read once: where they stand, if they stand there as floats.
    func passingTensor() -> Tensor {
        if type == .f32, let owner, let base = bytes.baseAddress,
            UInt(bitPattern: base) % UInt(MemoryLayout<Float>.alignment) == 0
        {
            return Tensor(borrowing: base.assumingMemoryBound(to: Float.self), shape, from: owner)
        }
        var result = Tensor(passing: shape)
        result.write { convert(0..<count, to: $0) }
        return result
    }

    /// Converts a range of elements (in row-major order) to floats.
    func convert(_ range: Range<Int>, to target: UnsafeMutablePointer<Float>) {
        guard !range.isEmpty, let base = bytes.baseAddress else { return }
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        cdnn_to_float(base + range.lowerBound * type.byteCount, type.native, range.count, target)
    }

    /// Converts [outputs, inputs, area] to floats [outputs, area, inputs], each output's times its factor.
    func turn(
        outputs: Int, inputs: Int, area: Int, factors: [Float], to target: UnsafeMutablePointer<Float>
    ) {
        guard count > 0, let base = bytes.baseAddress else { return }
        precondition(outputs * inputs * area == count && factors.count == outputs)
        cdnn_turn_weights(base, type.native, outputs, inputs, area, factors, target)
    }

    /// The same elements under another shape of equally many.
    public func reshaped(_ shape: [Int]) -> Weights {
        Weights(shape: shape, type: type, bytes: bytes, owner: owner, isMapped: isMapped)
    }

    /// Gives the memory of a mapped file's pages back, once the elements have been copied to somewhere else.
    func forgetPages() {
        guard isMapped else { return }
        MappedFile.forgetPages(of: bytes)
    }

    /// A range of the outermost dimension, in place.
    public func rows(_ range: Range<Int>) -> Weights {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[0])
        let size = shape.dropFirst().reduce(type.byteCount, *)
        let part = UnsafeRawBufferPointer(rebasing: bytes[range.lowerBound * size..<range.upperBound * size])
        return Weights(
            shape: [range.count] + shape.dropFirst(), type: type, bytes: part, owner: owner,
            isMapped: isMapped)
    }

    /// A matrix's transpose, as single-precision weights in memory of their own.
    public func transposed() -> Weights {
        precondition(shape.count == 2)
        let (rows, columns) = (shape[0], shape[1])
        let source = tensor()
        var result = Tensor(uninitialized: [columns, rows])
        result.write { target in
            source.read { source in
                for row in 0..<rows {
                    for column in 0..<columns { target[column * rows + row] = source[row * columns + column] }
                }
            }
        }
        return Weights(result)
    }

    private final class TensorOwner {
        let memory: UnsafeMutableRawBufferPointer
        var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(memory) }

        init(_ tensor: Tensor) {
            memory = .allocate(byteCount: tensor.count * 4, alignment: 64)
            tensor.read {
                memory.copyMemory(from: UnsafeRawBufferPointer(start: $0, count: tensor.count * 4))
            }
        }

        deinit { memory.deallocate() }
    }
}
