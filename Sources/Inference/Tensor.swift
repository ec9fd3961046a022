import COneDNN

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A dense, row-major array of 32-bit floats with a shape; a value type whose memory is copied on write.
///
/// Memory is aligned to 64 bytes and not cleared unless asked for. Operations of this module take tensors
/// whose shapes their callers have established; a wrong shape is a programming error and traps.
public struct Tensor: @unchecked Sendable {
    // Unchecked: the storage is only written while it is uniquely referenced.

    private final class Storage {
        let base: UnsafeMutablePointer<Float>
        let count: Int
        private let memory: Memory

        private enum Memory {
            case allocated
            case kept(WorkingMemory.Block)
            case passing(WorkingMemory.Block)
            case borrowed(from: AnyObject)
        }

        /// Whether the elements are somebody else's, to be read only.
        var isBorrowed: Bool { if case .borrowed = memory { true } else { false } }

        init(count: Int, isPassing: Bool = false) {
            self.count = count
            let bytes = max(count, 1) * 4
            let block: WorkingMemory.Block? =
                bytes < WorkingMemory.smallest
                ? nil : isPassing ? WorkingMemory.map(bytes) : WorkingMemory.shared.take(bytes)
            memory = block.map { isPassing ? .passing($0) : .kept($0) } ?? .allocated
            let raw = block?.base ?? UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
            base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        }

        init(borrowing elements: UnsafeMutablePointer<Float>, count: Int, from owner: AnyObject) {
            base = elements
            self.count = count
            memory = .borrowed(from: owner)
        }

        deinit {
            switch memory {
            case .allocated: UnsafeMutableRawPointer(base).deallocate()
            case .kept(let block): WorkingMemory.shared.give(block)
            case .passing(let block): WorkingMemory.unmap(block)
            case .borrowed: break
            }
        }
    }

    /// Extent of each dimension, outermost first.
    public private(set) var shape: [Int]
    private var storage: Storage
    /// Bounds of each of the outermost dimension's parts, 0 among them, where the layer that made them has told them;
    /// forgotten when elements are written.
    var bounds: [cdnn_bounds]?

    /// Number of elements.
    public var count: Int { storage.count }

    /// A tensor with undefined contents, to be written by the caller.
    public init(uninitialized shape: [Int]) {
        self.shape = shape
        storage = Storage(count: shape.reduce(1, *))
    }

    /// A tensor with undefined contents that is needed once: its memory goes back to the system with it.
    init(passing shape: [Int]) {
        self.shape = shape
        storage = Storage(count: shape.reduce(1, *), isPassing: true)
    }

    /// Elements that stand in somebody else's memory, kept there by `owner`, and are copied when they are written.
    init(borrowing elements: UnsafePointer<Float>, _ shape: [Int], from owner: AnyObject) {
        self.shape = shape
        storage = Storage(
            borrowing: UnsafeMutablePointer(mutating: elements), count: shape.reduce(1, *), from: owner)
    }

    /// A tensor filled with one value.
    public init(_ shape: [Int], repeating value: Float = 0) {
        self.init(uninitialized: shape)
        storage.base.initialize(repeating: value, count: storage.count)
    }

    /// A tensor with the given elements in row-major order; their number must match the shape.
    public init(_ shape: [Int], _ values: some Collection<Float>) {
        self.init(uninitialized: shape)
        precondition(values.count == count, "\(values.count) values for the shape \(shape)")
        _ = UnsafeMutableBufferPointer(start: storage.base, count: count).initialize(from: values)
    }

    /// The elements in row-major order, copied.
    public var values: [Float] { Array(UnsafeBufferPointer(start: storage.base, count: count)) }

    /// The same elements under another shape of equally many; nothing is copied.
    public func reshaped(_ shape: [Int]) -> Tensor {
        precondition(shape.reduce(1, *) == count, "\(self.shape) cannot become \(shape)")
        var copy = self
        copy.shape = shape
        copy.bounds = nil
        return copy
    }

    /// Calls `body` with the elements for reading.
    public func read<T>(_ body: (UnsafePointer<Float>) throws -> T) rethrows -> T {
        try withExtendedLifetime(storage) { try body(storage.base) }
    }

    /// Calls `body` with the elements for writing, after copying them if another tensor shares them.
    public mutating func write<T>(_ body: (UnsafeMutablePointer<Float>) throws -> T) rethrows -> T {
        bounds = nil
        if storage.isBorrowed || !isKnownUniquelyReferenced(&storage) {
            let copy = Storage(count: storage.count)
            copy.base.initialize(from: storage.base, count: storage.count)
            storage = copy
        }
        return try withExtendedLifetime(storage) { try body(storage.base) }
    }

    /// Copies one row of the outermost dimension.
    public func row(_ index: Int) -> Tensor {
        let size = count / shape[0]
        precondition(index >= 0 && index < shape[0])
        return read {
            Tensor(Array(shape.dropFirst()), UnsafeBufferPointer(start: $0 + index * size, count: size))
        }
    }

    /// Copies some rows of the outermost dimension, in the order they are listed.
    public func rows(_ indices: [Int]) -> Tensor {
        let size = count / shape[0]
        precondition(indices.allSatisfy { $0 >= 0 && $0 < shape[0] })
        var result = Tensor(uninitialized: [indices.count] + shape.dropFirst())
        result.write { target in
            read { source in
                for (place, index) in indices.enumerated() {
                    (target + place * size).update(from: source + index * size, count: size)
                }
            }
        }
        return result
    }

    /// Tensors behind each other along the outermost dimension, the only one in which their shapes may differ.
    public init(joining parts: [Tensor]) {
        precondition(
            !parts.isEmpty && parts.allSatisfy { $0.shape.dropFirst() == parts[0].shape.dropFirst() })
        self.init(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }] + parts[0].shape.dropFirst())
        write { target in
            var start = target
            for part in parts {
                part.read { start.update(from: $0, count: part.count) }
                start += part.count
            }
        }
        let known = parts.compactMap(\.bounds)
        if known.count == parts.count { bounds = known.flatMap { $0 } }
    }
}
