import COneDNN

/// Pictures between convolutions that compute with bytes, [count, height, width, channels]: unsigned bytes with a scale for
/// each picture.
///
/// What a picture's numbers reach is known only when all of them are there. Each convolution writes with the scale that is
/// expected, and once more with the picture's own where that does not fit (where numbers reach beyond it, or use less than a
/// quarter of it): so a picture's bytes depend on nothing but the picture and the expectation.
public struct ByteMap: Sendable {
    /// [count, height, width, channels].
    public let shape: [Int]
    /// What one step of a byte is worth, for each picture; no number where one of its numbers was none or infinite.
    public private(set) var scales: [Float]
    private var zero: Int
    // A tensor's memory, for as many bytes and the four that kernels may read behind them.
    private var memory: Tensor

    private init(uninitialized shape: [Int]) {
        self.shape = shape
        scales = [Float](repeating: 0, count: shape[0])
        zero = 0
        memory = Tensor(uninitialized: [shape.reduce(1, *) / 4 + 2])
    }

    /// Calls `body` with the map for reading; what it is told to write, it must not.
    private func read<T>(_ body: (UnsafePointer<cdnn_map>) -> T) -> T {
        memory.read { bytes in
            scales.withUnsafeBufferPointer { scales in
                var map = cdnn_map(
                    bytes: UnsafeMutableRawPointer(mutating: bytes).assumingMemoryBound(to: UInt8.self),
                    scales: UnsafeMutablePointer(mutating: scales.baseAddress), zero: Int32(zero))
                return body(&map)
            }
        }
    }

    private mutating func write<T>(_ body: (UnsafeMutablePointer<cdnn_map>) -> T) -> T {
        var zero = Int32(self.zero)
        defer { self.zero = Int(zero) }
        return memory.write { bytes in
            scales.withUnsafeMutableBufferPointer { scales in
                var map = cdnn_map(
                    bytes: UnsafeMutableRawPointer(bytes).assumingMemoryBound(to: UInt8.self),
                    scales: scales.baseAddress, zero: zero)
                defer { zero = map.zero }
                return body(&map)
            }
        }
    }

    /// A convolution's results, made by `body` of its handle.
    static func made(
        _ shape: [Int], label: String, by body: (UnsafeMutablePointer<cdnn_map>) -> cdnn_status
    ) throws -> ByteMap {
        var map = ByteMap(uninitialized: shape)
        try MathLibrary.check(map.write(body), label)
        return map
    }

    /// Calls `body` with two maps for reading, the second of which may be none.
    static func read<T>(
        _ first: ByteMap, _ second: ByteMap?,
        _ body: (UnsafePointer<cdnn_map>, UnsafePointer<cdnn_map>?) -> T
    ) -> T {
        first.read { first in second.map { $0.read { body(first, $0) } } ?? body(first, nil) }
    }

    /// Maps of one kind of picture behind each other.
    public init(joining parts: [ByteMap]) {
        precondition(
            !parts.isEmpty && parts.allSatisfy { $0.shape.dropFirst() == parts[0].shape.dropFirst() })
        self.init(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst())
        zero = parts[0].zero
        scales = parts.flatMap(\.scales)
        var start = 0
        for part in parts {
            let count = part.shape.reduce(1, *)
            precondition(part.zero == zero)
            write { to in
                part.read { (to.pointee.bytes + start).update(from: $0.pointee.bytes, count: count) }
            }
            start += count
        }
    }

    /// The mean over all positions, [count, channels].
    public func meanOverPositions() -> Tensor {
        let (count, positions, channels) = (shape[0], shape[1] * shape[2], shape[3])
        var means = Tensor(uninitialized: [count, channels])
        means.write { means in
            read { map in
                for picture in 0..<count {
                    cdnn_map_mean_pool(
                        positions, channels, map.pointee.bytes + picture * positions * channels,
                        map.pointee.zero,
                        scales[picture], means + picture * channels)
                }
            }
        }
        return means
    }

    /// The numbers that the bytes stand for.
    public var values: Tensor {
        let size = shape.dropFirst().reduce(1, *)
        return read { map in
            Tensor(
                shape,
                (0..<size * shape[0]).map { Float(Int(map.pointee.bytes[$0]) - zero) * scales[$0 / size] })
        }
    }
}

extension MaxPool {
    /// The pooled pictures of numbers that are not negative.
    public func callAsFunction(_ x: ByteMap) throws -> ByteMap { try x.pooled(by: self) }
}

extension ByteMap {
    fileprivate func pooled(by pool: MaxPool) throws -> ByteMap {
        precondition(zero == 0)
        let (count, height, width, channels) = (shape[0], shape[1], shape[2], shape[3])
        let rows = pool.outputExtent(height), columns = pool.outputExtent(width)
        var pooled = try ByteMap.made([count, rows, columns, channels], label: "max pooling") { to in
            read { from in
                for picture in 0..<count {
                    cdnn_map_max_pool(
                        height, width, channels, pool.kernel, pool.stride, pool.padding,
                        from.pointee.bytes + picture * height * width * channels,
                        to.pointee.bytes + picture * rows * columns * channels)
                }
                return CDNN_OK
            }
        }
        pooled.scales = scales
        return pooled
    }
}

extension Convolution {
    /// Whether `bytes` may be asked for: the layer was made to compute with bytes, and its sums fit.
    public var computesWithBytes: Bool { form == .bytes }

    /// The convolution of pictures of floats [count, height, width, inputs] into a map of bytes.
    public func bytes(_ x: Tensor, expecting scale: Float) throws -> ByteMap {
        precondition(!adding && x.shape[3] == inputs)
        let weights = try keptBytes()
        return try ByteMap.made(resultShape(of: x.shape), label: label(x.shape[1], x.shape[2])) { y in
            x.read { weights.map(shape, x.shape, $0, expecting: scale, to: y, portable: isPortable) }
        }
    }

    /// The convolution of pictures of bytes; a layer that adds is given the shortcut.
    public func bytes(_ x: ByteMap, adding shortcut: ByteMap? = nil, expecting scale: Float) throws -> ByteMap
    {
        precondition(adding == (shortcut != nil) && x.shape[3] == inputs)
        let weights = try keptBytes(), result = resultShape(of: x.shape)
        precondition(shortcut == nil || shortcut?.shape == result)
        return try ByteMap.made(result, label: label(x.shape[1], x.shape[2])) { y in
            ByteMap.read(x, shortcut) {
                weights.map(shape, x.shape, $0, adding: $1, expecting: scale, to: y, portable: isPortable)
            }
        }
    }
}
