import COneDNN
import Synchronization

/// A linear map y = act(x Wᵀ + b) over the last dimension.
///
/// Weights stay where the file has them until the first product of more than 16 rows, which packs them for
/// the math library (once, about 10 GB/s; twice the memory of a mapped float32 file afterwards). Products of
/// fewer rows read the mapped weights directly, in whatever precision they are stored, and sum in an order
/// that does not depend on the number of rows.
public struct Linear: Sendable {
    /// Length of the input and output vectors.
    public let inputs: Int, outputs: Int
    /// What is applied at the end.
    public let activation: Activation
    /// The largest number of rows that is computed from unpacked weights.
    public static let fewRows: Int = 16

    private let parts: [Weights]
    let bias: [Float]?
    private let packed: PackedWeights

    /// A map whose output is that of several weight matrices [outputs_i, inputs] one after the other.
    ///
    /// `bias` has one value per output. `adding` maps add their result to what the target holds.
    public init(_ parts: [Weights], bias: [Float]?, activation: Activation = .identity, adding: Bool = false)
    {
        precondition(
            !parts.isEmpty && parts.allSatisfy { $0.shape.count == 2 && $0.shape[1] == parts[0].shape[1] })
        precondition(!adding || activation == .identity, "a residual sum has no activation")
        inputs = parts[0].shape[1]
        outputs = parts.reduce(0) { $0 + $1.shape[0] }
        precondition(bias == nil || bias?.count == outputs)
        self.parts = parts
        self.bias = bias
        self.activation = activation
        packed = PackedWeights(
            override: MathLibrary.override,
            form: inputs <= ByteWeights.mostInputs || MathLibrary.weightForm != .bytes
                ? MathLibrary.weightForm : .packed,
            adding: adding)
    }

    /// A map with one weight matrix [outputs, inputs].
    public init(
        _ weights: Weights, bias: [Float]? = nil, activation: Activation = .identity, adding: Bool = false
    ) {
        self.init([weights], bias: bias, activation: activation, adding: adding)
    }

    /// The map to a range of this one's outputs, from the same weights; not for maps that add.
    public func outputs(_ range: Range<Int>) -> Linear {
        precondition(!packed.adding)
        return Linear(parts(range), bias: bias.map { Array($0[range]) }, activation: activation)
    }

    /// The weights [range, inputs] of a range of outputs, which must be those of one matrix.
    func weights(_ range: Range<Int>) -> Weights {
        let chosen = parts(range)
        precondition(chosen.count == 1)
        return chosen[0]
    }

    private func parts(_ range: Range<Int>) -> [Weights] {
        precondition(range.lowerBound >= 0 && range.upperBound <= outputs)
        var first = 0, chosen: [Weights] = []
        for part in parts {
            let here = range.clamped(to: first..<first + part.shape[0])
            if !here.isEmpty { chosen.append(part.rows(here.lowerBound - first..<here.upperBound - first)) }
            first += part.shape[0]
        }
        return chosen
    }

    /// y [rows, outputs] of x [rows, inputs]; not for maps that add.
    public func callAsFunction(_ x: Tensor) throws -> Tensor {
        precondition(!packed.adding)
        let rows = x.count / inputs
        var y = Tensor(uninitialized: Array(x.shape.dropLast()) + [outputs])
        try y.write { y in try run(rows, x, y) }
        return y
    }

    /// y += x Wᵀ + b, for maps made to add.
    public func add(_ x: Tensor, to y: inout Tensor) throws {
        precondition(packed.adding && y.count / outputs == x.count / inputs)
        let rows = x.count / inputs
        try y.write { y in try run(rows, x, y) }
    }

    /// y += second(self(x)), where `second` was made to add.
    ///
    /// In bytes, the rows between the two become bytes as they are made. In floats, `forgets` gives each map's pages back
    /// after its product.
    public func add(
        _ x: Tensor, through second: Linear, to y: inout Tensor, forgets: Bool = false
    ) throws {
        precondition(
            second.packed.adding && second.inputs == outputs && y.count / second.outputs == x.count / inputs)
        let rows = x.count / inputs
        guard let (first, last) = try inBytes(rows, with: second) else {
            let between = try self(x)
            if forgets { forgetPages() }
            try second.add(between, to: &y)
            if forgets { second.forgetPages() }
            return
        }
        try y.write { y in
            try x.read {
                try first.multiply(
                    ByteWeights.Rows(rows, of: $0, bounds: x.bounds), through: last, y, portable: isPortable,
                    label: label(rows))
            }
        }
    }

    /// x += second(self(norm(x))), where `second` was made to add.
    ///
    /// In bytes, rows are normalised as they become bytes.
    public func add(to x: inout Tensor, after norm: LayerNorm, through second: Linear) throws {
        let rows = x.count / inputs
        guard let (first, last) = try inBytes(rows, with: second) else {
            return try add(norm(x), through: second, to: &x)
        }
        precondition(second.packed.adding && second.inputs == outputs && second.outputs == inputs)
        try x.write { x in
            try first.multiply(
                ByteWeights.Rows(rows, of: x, after: norm), through: last, x, portable: isPortable,
                label: label(rows))
        }
    }

    /// This map's weights and another's as bytes, where both are.
    func inBytes(_ rows: Int, with other: Linear) throws -> (ByteWeights, ByteWeights)? {
        guard packed.form == .bytes, other.packed.form == .bytes,
            case .bytes(let own) = try packed.prepared(rows: rows, for: self),
            case .bytes(let others) = try other.packed.prepared(rows: rows, for: other)
        else { return nil }
        return (own, others)
    }

    /// Whether the weights are kept as bytes.
    var isInBytes: Bool { packed.form == .bytes }

    /// Whether plain C is to do the work.
    var isPortable: Bool { packed.backend == .portable }

    /// Gives the memory of a mapped file's weights back, where they were read as they stand there.
    ///
    /// They come back from the system's memory of the file, or the file, when they are read again.
    public func forgetPages() { for part in parts { part.forgetPages() } }

    private func run(_ rows: Int, _ x: Tensor, _ y: UnsafeMutablePointer<Float>) throws {
        // With bytes, too, a row's result must not depend on how many there are.
        if packed.form == .bytes, case .bytes(let weights) = try packed.prepared(rows: rows, for: self) {
            return try x.read {
                try weights.multiply(
                    ByteWeights.Rows(rows, of: $0, bounds: x.bounds), y, portable: isPortable,
                    label: label(rows))
            }
        }
        try x.read { try runInFloats(rows, $0, y) }
    }

    private func runInFloats(
        _ rows: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) throws {
        if rows <= Linear.fewRows { return runDirectly(rows, x, y) }
        if packed.form == .transient { return try runTransiently(rows, x, y) }
        switch try packed.prepared(rows: rows, for: self) {
        case .bytes: preconditionFailure("bytes are no floats")
        case .floats(let weights):
            try weights.multiply(rows, x, y, label: label(rows))
        case .oneDNN(let handle):
            try MathLibrary.check(cdnn_linear_run(handle, rows, x, y), label(rows))
        case .plain(let weights):
            let status = weights.read { w in
                cdnn_portable_sgemm(
                    1, rows, outputs, inputs, 1, x, inputs, w, inputs, packed.adding ? 1 : 0, y, outputs)
            }
            try MathLibrary.check(status, label(rows))
            finish(rows, y)
        }
    }

    private func runTransiently(
        _ rows: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
    ) throws {
        if packed.backend == .avx512 {
            return try packFloats(adding: packed.adding).multiply(rows, x, y, label: label(rows))
        }
        let product = packed.backend == .portable ? cdnn_portable_sgemm : cdnn_sgemm
        let status = plainWeights().read { w in
            product(1, rows, outputs, inputs, 1, x, inputs, w, inputs, packed.adding ? 1 : 0, y, outputs)
        }
        forgetPages()
        try MathLibrary.check(status, label(rows))
        finish(rows, y)
    }

    private func runDirectly(_ rows: Int, _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>) {
        withUnsafeTemporaryAllocation(
            of: Float.self, capacity: 4 * inputs + (packed.adding ? rows * outputs : 0)
        ) {
            memory in
            guard let scratch = memory.baseAddress else { return }
            let target = packed.adding ? scratch + 4 * inputs : y
            var column = 0
            for part in parts {
                cdnn_skinny(
                    rows, inputs, part.shape[0], x, part.bytes.baseAddress, part.type.native, target + column,
                    outputs,
                    scratch)
                column += part.shape[0]
            }
            if packed.adding { cdnn_add(rows * outputs, target, y) }
        }
        finish(rows, y)
    }

    private func finish(_ rows: Int, _ y: UnsafeMutablePointer<Float>) {
        if let bias {
            cdnn_bias_activation(rows, outputs, bias, activation.native, y)
        } else {
            cdnn_bias_activation(rows, outputs, nil, activation.native, y)
        }
    }

    func label(_ rows: Int) -> String { "a product of \(rows) x \(inputs) by \(inputs) x \(outputs)" }

    /// All parts' weights as one float matrix [outputs, inputs].
    fileprivate func plainWeights() -> Tensor {
        if parts.count == 1 { return parts[0].passingTensor() }
        var result = Tensor(passing: [outputs, inputs])
        result.write { target in
            var row = 0
            for part in parts {
                part.convert(0..<part.count, to: target + row * inputs)
                row += part.shape[0]
            }
        }
        return result
    }

    fileprivate func packBytes(adding: Bool) throws -> ByteWeights {
        defer { forgetPages() }
        return try ByteWeights(
            plainWeights(), segments: 1, bias: bias, activation: activation, adding: adding, label: label(1))
    }

    fileprivate func packFloats(adding: Bool) throws -> FloatWeights {
        defer { forgetPages() }
        return try FloatWeights(
            plainWeights(), segments: 1, bias: bias, activation: activation, adding: adding, label: label(1))
    }

    fileprivate func pack(rows: Int, adding: Bool) throws -> OpaquePointer? {
        let plain = plainWeights()
        defer { forgetPages() }
        var handle: OpaquePointer?
        let status = plain.read { weights in
            if let bias {
                cdnn_linear_create(
                    inputs, outputs, weights, bias, activation.native, adding ? 1 : 0, rows, &handle)
            } else {
                cdnn_linear_create(
                    inputs, outputs, weights, nil, activation.native, adding ? 1 : 0, rows, &handle)
            }
        }
        try MathLibrary.check(status, label(rows))
        return handle
    }
}

/// The packed form of a linear map's weights, made by the first thread that needs it.
private final class PackedWeights: Sendable {
    enum Form: @unchecked Sendable {
        // Unchecked: the C object locks its own cache.
        case oneDNN(OpaquePointer)
        case plain(Tensor)
        case floats(FloatWeights)
        case bytes(ByteWeights)
    }

    let adding: Bool
    let form: WeightForm
    private let override: MathBackend?
    private let made = Mutex<Form?>(nil)

    init(override: MathBackend?, form: WeightForm, adding: Bool) {
        self.override = override
        self.form = form
        self.adding = adding
    }

    /// What is to do the work.
    var backend: MathBackend { override ?? MathLibrary.backend }

    func prepared(rows: Int, for linear: Linear) throws -> Form {
        try made.withLock { made in
            if let made { return made }
            let fresh: Form
            if form == .bytes {
                fresh = .bytes(try linear.packBytes(adding: adding))
            } else if backend == .avx512 {
                fresh = .floats(try linear.packFloats(adding: adding))
            } else if backend == .oneDNN, let handle = try linear.pack(rows: rows, adding: adding) {
                fresh = .oneDNN(handle)
            } else {
                fresh = .plain(linear.plainWeights())
            }
            made = fresh
            return fresh
        }
    }

    deinit {
        made.withLock { if case .oneDNN(let handle) = $0 { cdnn_linear_destroy(handle) } }
    }
}
