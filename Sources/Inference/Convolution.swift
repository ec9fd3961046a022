import COneDNN
import Synchronization

/// A convolution over NHWC pictures with square kernels, bias, and optional residual sum and ReLU.
///
/// Weights are packed by the first picture that comes; a primitive is kept per picture size.
public struct Convolution: Sendable {
    /// Channels in and out.
    public let inputs: Int, outputs: Int
    /// Side of the kernel, step, and zero padding on every side, in pixels.
    public let kernel: Int, stride: Int, padding: Int
    private let relu: Bool
    let adding: Bool
    private let weights: Weights
    private let normalization: BatchNorm
    private let packed: PackedConvolution

    /// A convolution followed by batch normalisation, whose factors are folded into the weights.
    ///
    /// Weights are [outputs, inputs, kernel, kernel]. With `adding` the result is added to what the target
    /// holds (the shortcut of a residual block) before `relu`.
    public init(
        _ weights: Weights, _ normalization: BatchNorm, stride: Int, padding: Int, relu: Bool,
        adding: Bool = false
    ) {
        precondition(weights.shape.count == 4 && weights.shape[2] == weights.shape[3])
        precondition(normalization.factor.count == weights.shape[0] && stride > 0 && padding >= 0)
        outputs = weights.shape[0]
        inputs = weights.shape[1]
        kernel = weights.shape[2]
        self.stride = stride
        self.padding = padding
        self.relu = relu
        self.adding = adding
        self.weights = weights
        self.normalization = normalization
        let fits = kernel * kernel * inputs <= ByteWeights.mostInputs
        packed = PackedConvolution(
            override: MathLibrary.override,
            form: fits || MathLibrary.weightForm != .bytes ? MathLibrary.weightForm : .packed)
    }

    /// Rows or columns of the result for an extent of the input.
    public func outputExtent(_ extent: Int) -> Int { (extent + 2 * padding - kernel) / stride + 1 }

    func resultShape(of shape: [Int]) -> [Int] {
        [shape[0], outputExtent(shape[1]), outputExtent(shape[2]), outputs]
    }

    /// y [count, height', width', outputs] of x [count, height, width, inputs]; not for convolutions that
    /// add.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        precondition(!adding)
        var y = Tensor(uninitialized: resultShape(of: x.shape))
        try run(x, &y)
        return y
    }

    /// y = relu(y + conv(x)), for convolutions made to add.
    public func add(_ x: Tensor, to y: inout Tensor) throws {
        precondition(adding)
        try run(x, &y)
    }

    private func run(_ x: Tensor, _ y: inout Tensor) throws {
        let (count, height, width) = (x.shape[0], x.shape[1], x.shape[2])
        precondition(x.shape[3] == inputs)
        precondition(y.shape == resultShape(of: x.shape))
        switch try packed.prepared(count, height, width, for: self) {
        case .oneDNN(let handle):
            let status = y.write { y in x.read { cdnn_conv_run(handle, count, height, width, $0, y) } }
            try MathLibrary.check(status, label(height, width))
        case .floats(let weights):
            try y.write { y in
                try x.read {
                    try weights.convolve(shape, count, height, width, $0, y, label: label(height, width))
                }
            }
        case .winograd(let weights):
            try y.write { y in
                try x.read { try weights.convolve(count, height, width, $0, y, label: label(height, width)) }
            }
        case .bytes(let weights):
            try weights.convolve(
                shape, x, &y, portable: isPortable, label: label(height, width))
        case .plain(let weights, let bias):
            try y.write { y in try x.read { try runPortably(count, height, width, $0, weights, bias, y) } }
        }
    }

    // One picture at a time: its patches as rows, times the weights.
    private func runPortably(
        _ count: Int, _ height: Int, _ width: Int, _ x: UnsafePointer<Float>, _ weights: Tensor,
        _ bias: [Float],
        _ y: UnsafeMutablePointer<Float>
    ) throws {
        let positions = outputExtent(height) * outputExtent(width), depth = kernel * kernel * inputs
        var shape = self.shape
        var patches = Tensor(uninitialized: [positions, depth])
        for index in 0..<count {
            let target = y + index * positions * outputs
            patches.write { cdnn_patch_rows(&shape, height, width, x + index * height * width * inputs, $0) }
            let status = patches.read { rows in
                weights.read {
                    cdnn_portable_sgemm(
                        1, positions, outputs, depth, 1, rows, depth, $0, depth, adding ? 1 : 0, target,
                        outputs)
                }
            }
            try MathLibrary.check(status, label(height, width))
            cdnn_bias_activation(positions, outputs, bias, relu ? CDNN_RELU : CDNN_IDENTITY, target)
        }
    }

    var form: WeightForm { packed.form }
    var isPortable: Bool { packed.backend == .portable }

    /// The kept weights of a layer whose form is bytes.
    func keptBytes() throws -> ByteWeights {
        guard case .bytes(let weights) = try packed.prepared(0, 0, 0, for: self) else {
            preconditionFailure("the layer does not compute with bytes")
        }
        return weights
    }

    var shape: cdnn_conv_shape {
        cdnn_conv_shape(
            inputs: inputs, outputs: outputs, kernel: kernel, stride: stride, padding: padding,
            relu: relu ? 1 : 0,
            adds: adding ? 1 : 0)
    }

    func label(_ height: Int, _ width: Int) -> String {
        "a \(kernel) x \(kernel) convolution of \(inputs) to \(outputs) channels over "
            + "\(width) x \(height) pixels"
    }

    /// The weights [outputs, inputs, kernel, kernel] with the normalisation's factor in them.
    private func foldedWeights() -> Tensor {
        var folded = weights.passingTensor()
        let size = folded.count / outputs
        folded.write { w in
            for output in 0..<outputs {
                let factor = normalization.factor[output]
                for index in output * size..<(output + 1) * size { w[index] *= factor }
            }
        }
        return folded
    }

    /// The same as [outputs, kernel, kernel, inputs], the order in which patches are laid out.
    private func turnedWeights() -> Tensor {
        var turned = Tensor(passing: [outputs, kernel * kernel * inputs])
        turned.write {
            weights.turn(
                outputs: outputs, inputs: inputs, area: kernel * kernel, factors: normalization.factor, to: $0
            )
        }
        return turned
    }

    fileprivate func pack(_ count: Int, _ height: Int, _ width: Int) throws -> OpaquePointer? {
        defer { weights.forgetPages() }
        var shape = self.shape
        var handle: OpaquePointer?
        let status = foldedWeights().read {
            cdnn_conv_create(&shape, $0, normalization.offset, count, height, width, &handle)
        }
        try MathLibrary.check(status, label(height, width))
        return handle
    }

    /// The weights as bytes, once `change` has been made to weights [outputs, kernel, kernel, inputs] and bias.
    func byteWeights(_ change: (inout Tensor, inout [Float]) -> Void = { _, _ in }) throws -> ByteWeights {
        defer { weights.forgetPages() }
        var (turned, bias) = (turnedWeights(), normalization.offset)
        change(&turned, &bias)
        return try ByteWeights(
            turned, segments: kernel, bias: bias,
            activation: relu ? .relu : .identity, adding: adding, label: label(kernel, kernel))
    }

    fileprivate func packFloats() throws -> PackedConvolution.Form {
        defer { weights.forgetPages() }
        if WinogradWeights.suits(shape) {
            return .winograd(
                try WinogradWeights(
                    turnedWeights(), shape, bias: normalization.offset, label: label(kernel, kernel)))
        }
        return .floats(
            try FloatWeights(
                turnedWeights(), segments: kernel, bias: normalization.offset,
                activation: relu ? .relu : .identity, adding: adding, label: label(kernel, kernel)))
    }

    fileprivate func plainForm() -> PackedConvolution.Form {
        defer { weights.forgetPages() }
        return .plain(turnedWeights(), bias: normalization.offset)
    }
}

/// The packed form of a convolution's weights, made by the first thread that needs it.
private final class PackedConvolution: Sendable {
    enum Form: @unchecked Sendable {
        // Unchecked: the C object locks its own cache.
        case oneDNN(OpaquePointer)
        case plain(Tensor, bias: [Float])
        case floats(FloatWeights)
        case winograd(WinogradWeights)
        case bytes(ByteWeights)
    }

    private let override: MathBackend?
    let form: WeightForm
    private let made = Mutex<Form?>(nil)

    init(override: MathBackend?, form: WeightForm) {
        self.override = override
        self.form = form
    }

    /// What is to do the work.
    var backend: MathBackend { override ?? MathLibrary.backend }

    func prepared(_ count: Int, _ height: Int, _ width: Int, for convolution: Convolution) throws -> Form {
        try made.withLock { made in
            if let made { return made }
            let fresh: Form
            switch form {
            case .bytes: fresh = .bytes(try convolution.byteWeights())
            // Made anew for each product.
            case .transient:
                return backend == .avx512 ? try convolution.packFloats() : convolution.plainForm()
            case .packed:
                if backend == .avx512 {
                    fresh = try convolution.packFloats()
                } else if backend == .oneDNN, let handle = try convolution.pack(count, height, width) {
                    fresh = .oneDNN(handle)
                } else {
                    fresh = convolution.plainForm()
                }
            }
            made = fresh
            return fresh
        }
    }

    deinit {
        made.withLock { if case .oneDNN(let handle) = $0 { cdnn_conv_destroy(handle) } }
    }
}
