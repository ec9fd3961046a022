import CKernels

/// The C kernels in use; the one place where their table is fetched.
enum Kernels {
    static let table: ck_index_kernels = ck_index_kernels_current().pointee

    /// Throws when `IMGVEC_SIMD` asks for an instruction set that cannot be had.
    static func check() throws(IndexError) {
        if let problem = ck_simd_problem() { throw .instructionSet(String(cString: problem)) }
    }

    /// CRC-32C of a buffer.
    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        ck_crc32c(0, bytes.baseAddress, bytes.count)
    }

    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0) }
    }

    /// 1/|x| of a vector of floats; infinite or NaN when it has no direction.
    static func inverseNorm(_ vector: UnsafePointer<Float>, _ dimension: Int) -> Float {
        var square: Float = 0
        table.dot_f32(vector, dimension, vector, nil, 1, &square)
        return 1 / square.squareRoot()
    }
}

/// A little-endian byte buffer under construction.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Appends zero bytes up to an offset.
    mutating func pad(to offset: Int) {
        bytes.append(contentsOf: repeatElement(0, count: max(0, offset - bytes.count)))
    }
}
