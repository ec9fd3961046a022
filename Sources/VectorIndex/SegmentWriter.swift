import CKernels
import SystemPackage
import SystemSupport

/// Writes a segment: two passes over the rows, the first for the centre, the second for everything else.
struct SegmentWriter {
    let space: VectorSpace
    let precision: VectorSpace.Precision
    let rotation: Rotation

    /// Rows that are encoded and written at a time.
    private static let chunkRows = 2048

    /// Writes the rows with the given increasing ids to a new file, flushes it, and returns its header's CRC.
    ///
    /// `copyComponents` puts the stored form of row i (in this writer's precision) into a buffer.
    func write(
        to path: FilePath, ids: [UInt64], copyComponents: (Int, UnsafeMutableRawBufferPointer) -> Void
    ) throws(IndexError) -> UInt32 {
        guard let layout = SegmentLayout(rows: ids.count, dimension: space.dimension, precision: precision),
            let firstID = ids.first, let lastID = ids.last
        else { throw .tooManyRows(ids.count) }
        return try asIndexError(path) {
            let file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            do {
                try writeBody(to: file, layout: layout, ids: ids, copyComponents: copyComponents)
                let sums = try writeChecksums(of: path, to: file, layout: layout)
                let header = SegmentHeader(
                    space: space, layout: layout, rotationSeed: rotation.seed, firstID: firstID,
                    lastID: lastID,
                    checksumsChecksum: sums
                ).encoded()
                try file.writeAll(toAbsoluteOffset: 0, header)
                try AtomicFile.flush(file, path: path)
                try file.close()
                return header.withUnsafeBytes { SegmentHeader.storedChecksum($0) } ?? 0
            } catch {
                try? file.close()
                AtomicFile.unlink(path)
                throw error
            }
        }
    }

    private func writeBody(
        to file: FileDescriptor, layout: SegmentLayout, ids: [UInt64],
        copyComponents: (Int, UnsafeMutableRawBufferPointer) -> Void
    ) throws {
        let centre = centre(rows: layout.rows, copyComponents: copyComponents)
        try centre.withUnsafeBytes { _ = try file.writeAll(toAbsoluteOffset: Int64(layout.centre), $0) }
        let words = layout.codeBits / 64
        let chunk = min(Self.chunkRows, layout.rows)
        var vectors = [UInt8](repeating: 0, count: chunk * layout.rowBytes)
        var codes = [UInt64](repeating: 0, count: chunk * words)
        var factors = [[Float]](
            repeating: [Float](repeating: 0, count: chunk), count: SegmentLayout.factorCount)
        var unit = [Float](repeating: 0, count: layout.codeBits)
        for start in stride(from: 0, to: layout.rows, by: chunk) {
            let count = min(chunk, layout.rows - start)
            for i in 0..<count {
                vectors.withUnsafeMutableBytes { all in
                    let row = UnsafeMutableRawBufferPointer(
                        rebasing: all[i * layout.rowBytes..<(i + 1) * layout.rowBytes])
                    copyComponents(start + i, row)
                    factors[3][i] = rotatedUnit(UnsafeRawBufferPointer(row), into: &unit)
                }
                encode(unit, around: centre, code: &codes, at: i * words) { scale, offset, error in
                    factors[0][i] = scale
                    factors[1][i] = offset
                    factors[2][i] = error
                }
            }
            func put(_ bytes: UnsafeRawBufferPointer, _ offset: Int, rowBytes: Int) throws {
                let used = UnsafeRawBufferPointer(rebasing: bytes[..<(count * rowBytes)])
                _ = try file.writeAll(toAbsoluteOffset: Int64(offset + start * rowBytes), used)
            }
            for (index, factor) in factors.enumerated() {
                try factor.withUnsafeBytes {
                    try put($0, layout.factors + index * layout.factorStride, rowBytes: 4)
                }
            }
            try codes.withUnsafeBytes { try put($0, layout.codes, rowBytes: 8 * words) }
            try ids[start..<start + count].withUnsafeBytes { try put($0, layout.ids, rowBytes: 8) }
            try vectors.withUnsafeBytes { try put($0, layout.vectors, rowBytes: layout.rowBytes) }
        }
    }

    /// The rotated mean of the unit vectors.
    private func centre(
        rows: Int, copyComponents: (Int, UnsafeMutableRawBufferPointer) -> Void
    ) -> [Float] {
        let dimension = space.dimension
        var sums = [Double](repeating: 0, count: dimension)
        var row = [UInt8](repeating: 0, count: dimension * precision.byteCount)
        var vector = [Float](repeating: 0, count: rotation.length)
        for index in 0..<rows {
            row.withUnsafeMutableBytes { copyComponents(index, $0) }
            row.withUnsafeBytes { row in
                vector.withUnsafeMutableBufferPointer { vector in
                    sums.withUnsafeMutableBufferPointer { sums in
                        let scale = Double(read(row, into: vector))
                        for i in 0..<dimension { sums[i] += Double(vector[i]) * scale }
                    }
                }
            }
        }
        for i in 0..<dimension { vector[i] = Float(sums[i] / Double(rows)) }
        vector.withUnsafeMutableBufferPointer { vector in
            if let base = vector.baseAddress {
                rotation.rotateUnit(base, dimension: dimension, inverseNorm: 1)
            }
        }
        return vector
    }

    /// Reads a stored row as floats and returns 1/|x|.
    private func read(_ row: UnsafeRawBufferPointer, into vector: UnsafeMutableBufferPointer<Float>) -> Float
    {
        guard let from = row.baseAddress, let to = vector.baseAddress else { return 0 }
        switch precision {
        case .float16: Kernels.table.widen(from.assumingMemoryBound(to: UInt16.self), space.dimension, to)
        case .float32: to.update(from: from.assumingMemoryBound(to: Float.self), count: space.dimension)
        }
        return Kernels.inverseNorm(to, space.dimension)
    }

    /// Puts the rotated unit vector of a stored row into `unit` and returns 1/|x|.
    private func rotatedUnit(_ row: UnsafeRawBufferPointer, into unit: inout [Float]) -> Float {
        unit.withUnsafeMutableBufferPointer { unit in
            let inverseNorm = read(row, into: unit)
            if let base = unit.baseAddress {
                rotation.rotateUnit(base, dimension: space.dimension, inverseNorm: inverseNorm)
            }
            return inverseNorm
        }
    }

    private func encode(
        _ unit: [Float], around centre: [Float], code: inout [UInt64], at word: Int,
        store: (_ scale: Float, _ offset: Float, _ error: Float) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 3) { factors in
            code.withUnsafeMutableBufferPointer { code in
                if let code = code.baseAddress, let out = factors.baseAddress {
                    ck_encode(unit, centre, unit.count, code + word, out)
                }
            }
            store(factors[0], factors[1], factors[2])
        }
    }

    /// Computes the CRC of every block of the body, appends them to the file and returns their CRC.
    private func writeChecksums(of path: FilePath, to file: FileDescriptor, layout: SegmentLayout) throws
        -> UInt32
    {
        // The gap before the checksums may end in bytes never written: this makes the file that long.
        try file.writeAll(toAbsoluteOffset: Int64(layout.checksums), [0, 0, 0, 0] as [UInt8])
        let body = try MappedFile(path)
        var sums = FieldWriter()
        for block in layout.blocks {
            sums.append(Kernels.checksum(UnsafeRawBufferPointer(rebasing: body.bytes[block])))
        }
        try file.writeAll(toAbsoluteOffset: Int64(layout.checksums), sums.bytes)
        return Kernels.checksum(sums.bytes)
    }
}
