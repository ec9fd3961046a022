import SystemPackage
import SystemSupport

/// A float32 matrix in NumPy's .npy format, version 1.0 (numpy/lib/format.py).
struct NumPyMatrix {
    private let columnCount: Int
    private var rowCount = 0
    private var values: [Float] = []

    init(columnCount: Int) { self.columnCount = columnCount }

    mutating func append(_ row: [Float]) {
        values += row
        rowCount += 1
    }

    /// Writes the file whole or not at all.
    func write(to path: FilePath) throws {
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(rowCount), \(columnCount)), }"
        // Magic, version and length take 10 bytes; the data start at a multiple of 64.
        let padding = 63 - (10 + header.utf8.count) % 64
        header += String(repeating: " ", count: padding) + "\n"
        let length = UInt16(header.utf8.count)
        let start: [UInt8] = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 255), UInt8(length >> 8)]
        try AtomicFile.write(to: path) { file in
            _ = try file.writeAll(start + Array(header.utf8))
            let bits = values.map(\.bitPattern.littleEndian)
            _ = try bits.withUnsafeBytes { try file.writeAll($0) }
        }
    }
}
