import SystemPackage
import SystemSupport

/// What a store consists of: the one file that is replaced, and whose replacement is the commit.
struct Manifest: Equatable {
    static let magic = Array("imgvman\u{1A}".utf8)
    static let version: UInt32 = 1
    static let headerBytes = 128
    static let entryBytes = 48

    /// One segment as the manifest names it.
    struct Entry: Equatable {
        var segment: UInt64
        var rows: Int
        /// File number of the deleted rows, 0 for none.
        var deletions: UInt64 = 0
        var deletedRows = 0
        var headerChecksum: UInt32
        var deletionsChecksum: UInt32 = 0
    }

    var space: VectorSpace
    var precision: VectorSpace.Precision
    var rotationSeed: UInt64
    var nextFile: UInt64 = 1
    var generation: UInt64 = 0
    var highestID: UInt64 = 0
    var entries: [Entry] = []

    /// The file's bytes; the last four are the CRC of those before.
    func encoded() -> [UInt8] {
        var fields = FieldWriter()
        fields.append(Self.magic)
        fields.append(Self.version)
        fields.append(UInt32(Self.headerBytes))
        fields.append(UInt32(space.dimension))
        fields.append(precision.rawValue)
        fields.append(rotationSeed)
        fields.append(nextFile)
        fields.append(generation)
        fields.append(highestID)
        fields.append(UInt32(entries.count))
        fields.append(UInt32(0))
        fields.append(space.fingerprintField)
        for entry in entries {
            fields.append(entry.segment)
            fields.append(UInt64(entry.rows))
            fields.append(entry.deletions)
            fields.append(UInt64(entry.deletedRows))
            fields.append(entry.headerChecksum)
            fields.append(entry.deletionsChecksum)
            fields.append(UInt64(0))
        }
        fields.append(Kernels.checksum(fields.bytes))
        return fields.bytes
    }

    /// Replaces the manifest of a folder; when this returns, the new one is on the disk.
    func write(in folder: FilePath, on disk: any StoreDisk) throws(IndexError) {
        let path = StoreFiles.manifest(in: folder), temporary = StoreFiles.temporaryManifest(in: folder)
        let bytes = encoded()
        try asIndexError(path) {
            try disk.writeFile(temporary, replacing: true) { file in
                try bytes.withUnsafeBytes { try disk.write($0, to: file, at: 0, path: temporary) }
            }
            do {
                try disk.rename(temporary, to: path)
            } catch {
                disk.remove(temporary)
                throw error
            }
            try disk.flushFolder(folder)
        }
    }

    /// Reads the manifest of a folder; nil when the folder is missing or holds no store.
    static func read(in folder: FilePath) throws(IndexError) -> Manifest? {
        let path = StoreFiles.manifest(in: folder)
        let bytes: [UInt8]
        do {
            bytes = try FileContents.read(path, limit: 1 << 28).bytes
        } catch  where error.errno == .noSuchFileOrDirectory {
            // A folder with segments and no manifest has lost it; taking it for empty would hide every vector.
            guard let entries = try? Folders.list(folder) else { return nil }
            if entries.contains(where: { StoreFiles.isSegment($0.name) }) {
                throw .damaged(path, "it is missing, but there are segments beside it")
            }
            return nil
        } catch {
            throw .system(error)
        }
        return try asIndexError(path) { try bytes.withUnsafeBytes { try Manifest($0, path: path) } }
    }

    init(space: VectorSpace, precision: VectorSpace.Precision, rotationSeed: UInt64) {
        self.space = space
        self.precision = precision
        self.rotationSeed = rotationSeed
    }

    /// Reads and checks a manifest's bytes.
    init(_ bytes: UnsafeRawBufferPointer, path: FilePath) throws(IndexError) {
        func damaged(_ what: String) -> IndexError { .damaged(path, what) }
        var reader = ByteReader(bytes)
        guard let magic = reader.read(count: 8), magic.elementsEqual(Self.magic),
            let version = reader.read(UInt32.self)
        else { throw damaged("it does not begin as a manifest") }
        guard version <= Self.version else {
            throw .newerVersion(path, found: version, supported: Self.version)
        }
        guard bytes.count >= Self.headerBytes + 4 else { throw damaged("it is cut short") }
        var end = ByteReader(bytes, offset: bytes.count - 4)
        guard version == Self.version,
            end.read(UInt32.self) == Kernels.checksum(UnsafeRawBufferPointer(rebasing: bytes.dropLast(4)))
        else { throw damaged("the checksum does not match") }
        guard reader.read(UInt32.self) == UInt32(Self.headerBytes), let dimension = reader.read(UInt32.self),
            let precision = reader.read(UInt32.self).flatMap(VectorSpace.Precision.init(rawValue:)),
            let seed = reader.read(UInt64.self), let nextFile = reader.read(UInt64.self),
            let generation = reader.read(UInt64.self), let highestID = reader.read(UInt64.self),
            let count = reader.read(UInt32.self), reader.skip(4),
            let fingerprint = reader.read(count: VectorSpace.fingerprintBytes).flatMap(
                VectorSpace.fingerprint(from:)),
            nextFile < UInt64(Int64.max), generation < UInt64(Int64.max),
            bytes.count == Self.headerBytes + Int(count) * Self.entryBytes + 4
        else { throw damaged("it holds impossible values") }
        space = VectorSpace(dimension: Int(dimension), fingerprint: fingerprint)
        self.precision = precision
        rotationSeed = seed
        self.nextFile = nextFile
        self.generation = generation
        self.highestID = highestID
        for _ in 0..<count {
            guard let segment = reader.read(UInt64.self), let rows = reader.read(UInt64.self),
                let deletions = reader.read(UInt64.self), let deletedRows = reader.read(UInt64.self),
                let headerChecksum = reader.read(UInt32.self),
                let deletionsChecksum = reader.read(UInt32.self),
                reader.skip(8), rows <= UInt64(SegmentLayout.maximumRows), deletedRows <= rows,
                segment > 0, segment < nextFile, deletions < nextFile, (deletions == 0) == (deletedRows == 0)
            else { throw damaged("it holds impossible values") }
            entries.append(
                Entry(
                    segment: segment, rows: Int(rows), deletions: deletions, deletedRows: Int(deletedRows),
                    headerChecksum: headerChecksum, deletionsChecksum: deletionsChecksum))
        }
        guard (try? space.check()) != nil else { throw damaged("it holds impossible values") }
    }
}
