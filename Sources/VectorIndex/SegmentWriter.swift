import CKernels
import SystemPackage
import SystemSupport

/// Writes a segment: passes over the rows for the centre, the buckets, the codes, and the vectors.
struct SegmentWriter {
    let space: VectorSpace
    let precision: VectorSpace.Precision
    let rotation: Rotation
    let buckets: BucketPolicy
    let threads: Int
    let disk: any StoreDisk

    /// Rows that are encoded and written at a time.
    private static let chunkRows = 2048

    /// Writes the rows with the given increasing ids to a new file, flushes it, and returns its header's CRC.
    ///
    /// `copyComponents` puts the stored form of row i (in this writer's precision) into a buffer; it is called from
    /// several threads.
    func write(
        to path: FilePath, ids: [UInt64],
        copyComponents: @escaping @Sendable (Int, UnsafeMutableRawBufferPointer) -> Void
    ) throws(IndexError) -> UInt32 {
        guard
            let layout = SegmentLayout(
                rows: ids.count, dimension: space.dimension, precision: precision,
                buckets: buckets.count(rows: ids.count)),
            let firstID = ids.first, let lastID = ids.last
        else { throw .tooManyRows(ids.count) }
        let rows = RowReader(
            dimension: space.dimension, precision: precision, rotation: rotation,
            copyComponents: copyComponents)
        let codes = encode(rows, count: ids.count)
        return try asIndexError(path) {
            var headerChecksum: UInt32 = 0
            try disk.writeFile(path) { file in
                try writeBody(to: file, path: path, layout: layout, ids: ids, codes: codes, rows: rows)
                let sums = try writeChecksums(of: path, to: file, layout: layout)
                let header = SegmentHeader(
                    space: space, layout: layout, rotationSeed: rotation.seed, firstID: firstID,
                    lastID: lastID,
                    checksumsChecksum: sums
                ).encoded()
                try header.withUnsafeBytes { try disk.write($0, to: file, at: 0, path: path) }
                headerChecksum = header.withUnsafeBytes { SegmentHeader.storedChecksum($0) } ?? 0
            }
            return headerChecksum
        }
    }

    private func writeBody(
        to file: FileDescriptor, path: FilePath, layout: SegmentLayout, ids: [UInt64], codes: EncodedRows,
        rows: RowReader
    ) throws {
        func put(_ bytes: UnsafeRawBufferPointer, _ offset: Int) throws {
            try disk.write(bytes, to: file, at: offset, path: path)
        }
        try codes.centre.withUnsafeBytes { try put($0, layout.centre) }
        if let partition = codes.partition {
            let halves = ScratchMemory<UInt16>(partition.centroids.count)
            Kernels.table.narrow(partition.centroids, partition.centroids.count, halves.base)
            try put(halves.bytes, layout.centroids)
            try writeCodes(ofCentroids: halves, around: codes.centre, layout: layout, put)
            try partition.spreads.withUnsafeBytes { try put($0, layout.spreads) }
            try partition.starts.withUnsafeBytes { try put($0, layout.starts) }
            try partition.order.withUnsafeBytes { try put($0, layout.order) }
        }
        for (index, factor) in codes.factors.enumerated() {
            try put(factor.bytes, layout.factors + index * layout.factorStride)
        }
        try put(codes.codes.bytes, layout.codes)
        try ids.withUnsafeBytes { try put($0, layout.ids) }
        let chunk = min(Self.chunkRows, layout.rows)
        let vectors = ScratchMemory<UInt8>(chunk * layout.rowBytes)
        for start in stride(from: 0, to: layout.rows, by: chunk) {
            let count = min(chunk, layout.rows - start)
            for i in 0..<count {
                rows.copyComponents(
                    start + i,
                    UnsafeMutableRawBufferPointer(
                        start: vectors.base + i * layout.rowBytes, count: layout.rowBytes))
            }
            try put(
                UnsafeRawBufferPointer(rebasing: vectors.bytes[..<(count * layout.rowBytes)]),
                layout.vectors + start * layout.rowBytes)
        }
    }

    /// Writes the codes and factors of the means as they are stored.
    private func writeCodes(
        ofCentroids halves: ScratchMemory<UInt16>, around centre: [Float], layout: SegmentLayout,
        _ put: (UnsafeRawBufferPointer, Int) throws -> Void
    ) throws {
        let length = rotation.length, words = length / 64
        let codes = ScratchMemory<UInt64>(layout.buckets * words)
        let factors = (0..<SegmentLayout.codeFactorCount).map { _ in ScratchMemory<Float>(layout.buckets) }
        let mean = ScratchMemory<Float>(length), three = ScratchMemory<Float>(SegmentLayout.codeFactorCount)
        for bucket in 0..<layout.buckets {
            Kernels.table.widen(halves.base + bucket * length, length, mean.base)
            ck_encode(mean.base, centre, length, codes.base + bucket * words, three.base)
            for (index, factor) in factors.enumerated() { factor.base[bucket] = three.base[index] }
        }
        try put(codes.bytes, layout.centroidCodes)
        for (index, factor) in factors.enumerated() {
            try put(factor.bytes, layout.centroidFactors + index * layout.centroidFactorStride)
        }
    }

    /// Makes centre, buckets, codes and factors of all rows. Cost: some microseconds a row, more with buckets.
    private func encode(_ rows: RowReader, count: Int) -> EncodedRows {
        let length = rotation.length, words = length / 64
        let centre = centre(rows, count: count)
        let buckets = self.buckets.count(rows: count)
        var partition: RowPartition?
        if buckets > 0 {
            partition = PartitionBuilder(
                rows: count, length: length, centre: centre, seed: rotation.seed, threads: threads,
                unit: { _ = rows.rotatedUnit($0, into: $1) }
            ).build(count: buckets)
        }
        let codes = ScratchMemory<UInt64>(count * words)
        let factors = (0..<SegmentLayout.factorCount).map { _ in ScratchMemory<Float>(count) }
        let order = partition?.order
        WorkerThreads.forEach((count + Self.chunkRows - 1) / Self.chunkRows, threads: threads) { chunk in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: length + 3) { unit in
                guard let unit = unit.baseAddress else { return }
                for position in chunk * Self.chunkRows..<min((chunk + 1) * Self.chunkRows, count) {
                    let row = order.map { Int($0[position]) } ?? position
                    factors[3].base[row] = rows.rotatedUnit(row, into: unit)
                    ck_encode(unit, centre, length, codes.base + position * words, unit + length)
                    for i in 0..<3 { factors[i].base[position] = unit[length + i] }
                }
            }
        }
        return EncodedRows(centre: centre, partition: partition, codes: codes, factors: factors)
    }

    /// The rotated mean of the unit vectors.
    private func centre(_ rows: RowReader, count: Int) -> [Float] {
        let dimension = space.dimension
        var sums = [Double](repeating: 0, count: dimension)
        var vector = [Float](repeating: 0, count: rotation.length)
        vector.withUnsafeMutableBufferPointer { vector in
            guard let vector = vector.baseAddress else { return }
            sums.withUnsafeMutableBufferPointer { sums in
                for row in 0..<count {
                    let scale = Double(rows.read(row, into: vector))
                    for i in 0..<dimension { sums[i] += Double(vector[i]) * scale }
                }
            }
            for i in 0..<dimension { vector[i] = Float(sums[i] / Double(count)) }
            rotation.rotateUnit(vector, dimension: dimension, inverseNorm: 1)
        }
        return vector
    }

    /// Computes the CRC of every block of the body, appends them to the file and returns their CRC.
    private func writeChecksums(of path: FilePath, to file: FileDescriptor, layout: SegmentLayout) throws
        -> UInt32
    {
        // The gap before the checksums may end in bytes never written: this makes the file that long.
        try withUnsafeBytes(of: UInt32(0)) { try disk.write($0, to: file, at: layout.checksums, path: path) }
        let body = try MappedFile(path)
        var sums = FieldWriter()
        for block in layout.blocks {
            sums.append(Kernels.checksum(UnsafeRawBufferPointer(rebasing: body.bytes[block])))
        }
        try sums.bytes.withUnsafeBytes { try disk.write($0, to: file, at: layout.checksums, path: path) }
        return Kernels.checksum(sums.bytes)
    }
}

/// What a writer makes of its rows.
private struct EncodedRows {
    let centre: [Float]
    let partition: RowPartition?
    let codes: ScratchMemory<UInt64>
    /// Scale, offset and error in the order of the codes; the inverse norm in the order of the rows.
    let factors: [ScratchMemory<Float>]
}

/// Reads the rows that a segment is made of, as they will be stored.
private struct RowReader: Sendable {
    let dimension: Int
    let precision: VectorSpace.Precision
    let rotation: Rotation
    let copyComponents: @Sendable (Int, UnsafeMutableRawBufferPointer) -> Void

    /// Reads a row as floats and returns 1/|x|.
    func read(_ row: Int, into target: UnsafeMutablePointer<Float>) -> Float {
        withUnsafeTemporaryAllocation(
            byteCount: dimension * precision.byteCount, alignment: 64
        ) { stored in
            copyComponents(row, stored)
            guard let from = UnsafeRawPointer(stored.baseAddress) else { return 0 }
            switch precision {
            case .float16:
                Kernels.table.widen(from.assumingMemoryBound(to: UInt16.self), dimension, target)
            case .float32: target.update(from: from.assumingMemoryBound(to: Float.self), count: dimension)
            }
            return Kernels.inverseNorm(target, dimension)
        }
    }

    /// Puts the rotated unit vector of a row into `target` and returns 1/|x|.
    func rotatedUnit(_ row: Int, into target: UnsafeMutablePointer<Float>) -> Float {
        let inverseNorm = read(row, into: target)
        rotation.rotateUnit(target, dimension: dimension, inverseNorm: inverseNorm)
        return inverseNorm
    }
}
