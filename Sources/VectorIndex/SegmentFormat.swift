import SystemPackage
import SystemSupport

/// Where the sections of a segment stand; everything follows from dimension, precision, rows and buckets.
struct SegmentLayout: Equatable {
    static let headerBytes = 256
    static let blockBytes = 65_536
    static let factorCount = 4
    /// Factors that belong to a code: scale, offset, error.
    static let codeFactorCount = 3
    static let maximumRows = Int(Int32.max)

    let rows: Int
    let dimension: Int
    let precision: VectorSpace.Precision
    /// Buckets the codes are sorted into; 0 when they stand in the order of the rows.
    let buckets: Int
    /// Whether the buckets' means have codes, as they do since version 3.
    let hasCentroidCodes: Bool
    let centre: Int
    let centroids: Int
    let centroidCodes: Int
    let centroidFactors: Int
    /// Bytes from one array of the means' factors to the next.
    let centroidFactorStride: Int
    let spreads: Int
    let starts: Int
    let factors: Int
    /// Bytes from one factor array to the next.
    let factorStride: Int
    let codes: Int
    let order: Int
    let ids: Int
    let vectors: Int
    let checksums: Int
    let fileBytes: Int

    /// The layout for numbers within the format's limits (so that no sum can overflow), else nil.
    init?(
        rows: Int, dimension: Int, precision: VectorSpace.Precision, buckets: Int = 0,
        hasCentroidCodes: Bool = true
    ) {
        guard (1...Self.maximumRows).contains(rows), (1...65_536).contains(dimension),
            (0...rows).contains(buckets)
        else { return nil }
        func aligned(_ offset: Int) -> Int { (offset + 63) / 64 * 64 }
        let bits = (dimension + 63) / 64 * 64
        self.rows = rows
        self.dimension = dimension
        self.precision = precision
        self.buckets = buckets
        centre = Self.headerBytes
        centroids = aligned(centre + 4 * bits)
        let coded = hasCentroidCodes ? buckets : 0
        self.hasCentroidCodes = coded > 0
        centroidCodes = aligned(centroids + 2 * bits * buckets)
        centroidFactors = aligned(centroidCodes + coded * bits / 8)
        centroidFactorStride = aligned(4 * coded)
        spreads = centroidFactors + Self.codeFactorCount * centroidFactorStride
        starts = aligned(spreads + 4 * buckets)
        factors = aligned(starts + (buckets == 0 ? 0 : 4 * (buckets + 1)))
        factorStride = aligned(4 * rows)
        codes = factors + Self.factorCount * factorStride
        order = aligned(codes + rows * bits / 8)
        ids = aligned(order + (buckets == 0 ? 0 : 4 * rows))
        vectors = aligned(ids + 8 * rows)
        checksums = aligned(vectors + rows * dimension * precision.byteCount)
        fileBytes = checksums + 4 * ((checksums - Self.headerBytes + Self.blockBytes - 1) / Self.blockBytes)
    }

    var codeBits: Int { (dimension + 63) / 64 * 64 }
    var rowBytes: Int { dimension * precision.byteCount }

    /// The byte ranges that the checksums cover, in order.
    var blocks: [Range<Int>] {
        stride(from: Self.headerBytes, to: checksums, by: Self.blockBytes).map {
            $0..<min($0 + Self.blockBytes, checksums)
        }
    }

    /// The name of the section a byte belongs to, for messages.
    func section(at offset: Int) -> String {
        switch offset {
        case ..<Self.headerBytes: "header"
        case ..<centroids: "centre"
        case ..<factors: "buckets"
        case ..<codes: "factors"
        case ..<order: "codes"
        case ..<ids: "order"
        case ..<vectors: "ids"
        case ..<checksums: "vectors"
        default: "checksums"
        }
    }
}

/// The first 256 bytes of a segment.
struct SegmentHeader: Equatable {
    static let magic = Array("imgvseg\u{1A}".utf8)
    /// The newest version: buckets whose means have codes. A segment without buckets is written as version 1; version
    /// 2 had buckets without such codes.
    static let version: UInt32 = 3

    let space: VectorSpace
    let layout: SegmentLayout
    let rotationSeed: UInt64
    let firstID: UInt64
    let lastID: UInt64
    /// CRC of the section of checksums.
    let checksumsChecksum: UInt32

    /// The header's bytes; the last four are its own CRC.
    func encoded() -> [UInt8] {
        var fields = FieldWriter()
        fields.append(Self.magic)
        fields.append(layout.buckets == 0 ? UInt32(1) : layout.hasCentroidCodes ? Self.version : 2)
        fields.append(UInt32(SegmentLayout.headerBytes))
        fields.append(UInt32(space.dimension))
        fields.append(UInt32(space.codeBits))
        fields.append(layout.precision.rawValue)
        fields.append(UInt32(SegmentLayout.factorCount))
        fields.append(UInt64(layout.rows))
        fields.append(rotationSeed)
        fields.append(firstID)
        fields.append(lastID)
        fields.append(space.fingerprintField)
        for offset in layout.storedOffsets { fields.append(UInt64(offset)) }
        fields.append(UInt32(SegmentLayout.blockBytes))
        fields.append(checksumsChecksum)
        if layout.buckets > 0 {
            fields.append(UInt64(layout.buckets))
            for offset in layout.bucketOffsets { fields.append(UInt64(offset)) }
        }
        fields.pad(to: SegmentLayout.headerBytes - 4)
        fields.append(Kernels.checksum(fields.bytes))
        return fields.bytes
    }

    /// Reads and checks a segment's header, and the file's size against it.
    init(_ bytes: UnsafeRawBufferPointer, path: FilePath) throws(IndexError) {
        func damaged(_ what: String) -> IndexError { .damaged(path, what) }
        var reader = ByteReader(bytes)
        guard let magic = reader.read(count: 8), let version = reader.read(UInt32.self),
            bytes.count >= SegmentLayout.headerBytes
        else { throw damaged("\(bytes.count) bytes are too few for a segment") }
        guard magic.elementsEqual(Self.magic) else { throw damaged("it does not begin as a segment") }
        // The version comes before the checksum: a later format may keep its checksum elsewhere.
        guard version <= Self.version else {
            throw .newerVersion(path, found: version, supported: Self.version)
        }
        let covered = UnsafeRawBufferPointer(rebasing: bytes[..<(SegmentLayout.headerBytes - 4)])
        guard version >= 1, Self.storedChecksum(bytes) == Kernels.checksum(covered) else {
            throw damaged("the header's checksum does not match")
        }
        guard reader.read(UInt32.self) == UInt32(SegmentLayout.headerBytes),
            let dimension = reader.read(UInt32.self), let codeBits = reader.read(UInt32.self),
            let precision = reader.read(UInt32.self).flatMap(VectorSpace.Precision.init(rawValue:)),
            reader.read(UInt32.self) == UInt32(SegmentLayout.factorCount),
            let rows = reader.read(UInt64.self).flatMap({ Int(exactly: $0) }),
            let seed = reader.read(UInt64.self), let first = reader.read(UInt64.self),
            let last = reader.read(UInt64.self),
            let fingerprint = reader.read(count: VectorSpace.fingerprintBytes).flatMap(
                VectorSpace.fingerprint(from:)),
            let buckets = version == 1 ? 0 : Self.bucketCount(bytes), buckets > 0 || version == 1,
            let layout = SegmentLayout(
                rows: rows, dimension: Int(dimension), precision: precision, buckets: buckets,
                hasCentroidCodes: version > 2),
            Int(codeBits) == layout.codeBits
        else { throw damaged("the header holds impossible values") }
        for offset in layout.storedOffsets where reader.read(UInt64.self) != UInt64(offset) {
            throw damaged("the header's offsets do not fit its row count")
        }
        guard reader.read(UInt32.self) == UInt32(SegmentLayout.blockBytes),
            let sums = reader.read(UInt32.self),
            first <= last
        else { throw damaged("the header holds impossible values") }
        if version > 1 {
            _ = reader.read(UInt64.self)
            for offset in layout.bucketOffsets where reader.read(UInt64.self) != UInt64(offset) {
                throw damaged("the header's offsets do not fit its bucket count")
            }
        }
        guard bytes.count == layout.fileBytes else {
            throw damaged("it has \(bytes.count) bytes, not \(layout.fileBytes)")
        }
        self.space = VectorSpace(dimension: Int(dimension), fingerprint: fingerprint)
        self.layout = layout
        rotationSeed = seed
        firstID = first
        lastID = last
        checksumsChecksum = sums
    }

    init(
        space: VectorSpace, layout: SegmentLayout, rotationSeed: UInt64, firstID: UInt64, lastID: UInt64,
        checksumsChecksum: UInt32
    ) {
        self.space = space
        self.layout = layout
        self.rotationSeed = rotationSeed
        self.firstID = firstID
        self.lastID = lastID
        self.checksumsChecksum = checksumsChecksum
    }

    /// The number of buckets in a version 2 header.
    private static func bucketCount(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var reader = ByteReader(bytes, offset: 192)
        return reader.read(UInt64.self).flatMap { Int(exactly: $0) }
    }

    /// The CRC field of a header.
    static func storedChecksum(_ bytes: UnsafeRawBufferPointer) -> UInt32? {
        var reader = ByteReader(bytes, offset: SegmentLayout.headerBytes - 4)
        return reader.read(UInt32.self)
    }
}

extension SegmentLayout {
    /// The offsets in the order in which the header lists them.
    fileprivate var storedOffsets: [Int] { [centre, factors, codes, ids, vectors, checksums, fileBytes] }

    /// The offsets of the sections that only a segment with buckets has.
    fileprivate var bucketOffsets: [Int] {
        [centroids, spreads, starts, order] + (hasCentroidCodes ? [centroidCodes, centroidFactors] : [])
    }
}
