import CKernels
import SystemPackage
import SystemSupport

/// A sealed segment, mapped read-only: rows with ids, exact vectors and sign codes.
///
/// Opening touches one page. The bytes behind the pointers are as hostile as any file's: whatever they hold, no
/// index is ever computed from them without a check.
final class Segment: @unchecked Sendable {
    // Unchecked: pointers into a mapping that is never written and lives as long as the object.
    let file: MappedFile
    let header: SegmentHeader
    let layout: SegmentLayout
    /// The CRC field of the header; the manifest repeats it.
    let headerChecksum: UInt32
    let centre: UnsafePointer<Float>
    let scale: UnsafePointer<Float>
    let offset: UnsafePointer<Float>
    let error: UnsafePointer<Float>
    let inverseNorm: UnsafePointer<Float>
    let codes: UnsafePointer<UInt64>
    let ids: UnsafePointer<UInt64>
    /// The buckets the codes and their factors are sorted into; nil when they stand in the order of the rows.
    let partition: Partition?
    private let vectors: UnsafeRawPointer

    var rows: Int { layout.rows }

    /// Maps a segment and checks its header.
    init(_ path: FilePath) throws(IndexError) {
        file = try asIndexError(path) { try MappedFile(path) }
        header = try SegmentHeader(file.bytes, path: path)
        guard let base = file.bytes.baseAddress, let checksum = SegmentHeader.storedChecksum(file.bytes)
        else {
            throw .damaged(path, "it is empty")
        }
        let layout = header.layout
        func factor(_ index: Int) -> UnsafePointer<Float> {
            (base + layout.factors + index * layout.factorStride).assumingMemoryBound(to: Float.self)
        }
        self.layout = layout
        headerChecksum = checksum
        centre = (base + layout.centre).assumingMemoryBound(to: Float.self)
        scale = factor(0)
        offset = factor(1)
        error = factor(2)
        inverseNorm = factor(3)
        codes = (base + layout.codes).assumingMemoryBound(to: UInt64.self)
        ids = (base + layout.ids).assumingMemoryBound(to: UInt64.self)
        partition = try Partition(base: base, layout: layout, path: path)
        vectors = base + layout.vectors
    }

    /// The row whose code stands at a position; nil when the file says nonsense.
    func row(atPosition position: Int) -> Int? {
        guard let partition else { return position }
        let row = Int(partition.order[position])
        return row < rows ? row : nil
    }

    /// Asks for what scoring a row exactly reads to be brought into the cache.
    func prefetch(row: Int) {
        ck_prefetch(vectors + row * layout.rowBytes, layout.rowBytes)
        ck_prefetch(inverseNorm + row, 1)
        ck_prefetch(ids + row, 1)
    }

    /// The row with an id, by binary search; nil when there is none.
    func row(ofID id: UInt64) -> Int? {
        guard id >= header.firstID, id <= header.lastID else { return nil }
        var low = 0
        var high = rows
        while low < high {
            let middle = (low + high) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low < rows && ids[low] == id ? low : nil
    }

    /// The stored components of a row, as bytes.
    func components(ofRow row: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: vectors + row * layout.rowBytes, count: layout.rowBytes)
    }

    /// Copies a row's components as floats.
    func copyVector(ofRow row: Int, to target: UnsafeMutablePointer<Float>) {
        let from = vectors + row * layout.rowBytes
        switch layout.precision {
        case .float16:
            Kernels.table.widen(from.assumingMemoryBound(to: UInt16.self), layout.dimension, target)
        case .float32: target.update(from: from.assumingMemoryBound(to: Float.self), count: layout.dimension)
        }
    }

    /// Inner products of a vector with `count` rows that start at `first`.
    func products(
        with query: UnsafePointer<Float>, first: Int, count: Int, into products: UnsafeMutablePointer<Float>
    ) {
        let from = vectors + first * layout.rowBytes
        switch layout.precision {
        case .float16:
            let rows = from.assumingMemoryBound(to: UInt16.self)
            Kernels.table.dot_f16(query, layout.dimension, rows, nil, count, products)
        case .float32:
            let rows = from.assumingMemoryBound(to: Float.self)
            Kernels.table.dot_f32(query, layout.dimension, rows, nil, count, products)
        }
    }

    /// Inner products of a vector with the rows that `indices` names.
    func products(
        with query: UnsafePointer<Float>, rows indices: UnsafePointer<UInt32>, count: Int,
        into products: UnsafeMutablePointer<Float>
    ) {
        switch layout.precision {
        case .float16:
            let rows = vectors.assumingMemoryBound(to: UInt16.self)
            Kernels.table.dot_f16(query, layout.dimension, rows, indices, count, products)
        case .float32:
            let rows = vectors.assumingMemoryBound(to: Float.self)
            Kernels.table.dot_f32(query, layout.dimension, rows, indices, count, products)
        }
    }
}
