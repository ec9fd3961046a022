import CKernels
public import SystemPackage
import SystemSupport

/// The writer's side of a folder of vectors: rows go in with ids, are made durable by `commit`, and can be removed.
///
/// There is one writer at a time; the caller holds a lock that sees to it. Readers open a ``VectorSnapshot`` at any
/// moment, in this process or another. A crash at any instant leaves the state of the last commit.
public final class VectorStore {
    /// The folder.
    public let folder: FilePath
    /// The space of the vectors.
    public let space: VectorSpace

    /// Which segments get buckets; tests have them earlier.
    package var buckets = BucketPolicy()
    let disk: any StoreDisk
    var manifest: Manifest
    var segments: [LiveSegment]
    /// Numbers of segments whose deletions differ from what the manifest says.
    var changed: Set<UInt64> = []
    /// Whether a write failed so late that the disk may have the manifest which this store has not.
    var isUncertain = false
    /// The numbers that the last failed commit had come to.
    var attempted: (generation: UInt64, nextFile: UInt64) = (0, 0)
    private var pending: [UInt64: [Float]] = [:]
    private var isClosed = false

    /// Creates a store, or opens the one in the folder; the precision counts only for a new one.
    ///
    /// Files that a crash left behind are removed. Throws when the folder holds vectors of another space, damaged
    /// files or files of a newer format.
    public convenience init(
        folder: FilePath, space: VectorSpace, precision: VectorSpace.Precision = .float16
    ) throws(IndexError) {
        try self.init(folder: folder, space: space, precision: precision, disk: DirectDisk())
    }

    /// The same on another disk.
    package init(
        folder: FilePath, space: VectorSpace, precision: VectorSpace.Precision, disk: any StoreDisk
    ) throws(IndexError) {
        try Kernels.check()
        try space.check()
        self.folder = folder
        self.space = space
        self.disk = disk
        if let found = try Manifest.read(in: folder) {
            guard found.space == space else {
                throw .otherSpace(StoreFiles.manifest(in: folder), found: found.space, wanted: space)
            }
            manifest = found
        } else {
            manifest = Manifest(space: space, precision: precision, rotationSeed: Self.rotationSeed)
            manifest.generation = 1
            try asIndexError(folder) {
                try Folders.create(folder)
                try AtomicFile.flushFolder(folder.removingLastComponent())
            }
            try manifest.write(in: folder, on: disk)
        }
        segments = try LiveSegment.all(of: manifest, in: folder)
        try removeUnlistedFiles()
    }

    /// The seed of new stores; any value would do, a fixed one makes files comparable.
    static let rotationSeed: UInt64 = 0x696D_6776_6563_0001

    /// Rows in the store, those that are not committed yet included.
    public var count: Int { pending.count + segments.reduce(0) { $0 + $1.liveCount } }

    /// The largest id that was ever committed, 0 at first; a new id above it was never used, whatever crashed.
    public var highestID: UInt64 { manifest.highestID }

    /// Whether a row with this id is in the store. Cost: a binary search in each segment.
    public func contains(id: UInt64) -> Bool {
        pending[id] != nil || segments.contains { $0.liveRow(ofID: id) != nil }
    }

    /// All ids in increasing order.
    public func ids() -> [UInt64] {
        var ids = Array(pending.keys)
        for segment in segments { segment.forEachLiveRow { ids.append(segment.segment.ids[$0]) } }
        return ids.sorted()
    }

    /// Adds a row; it is scaled to unit length. In memory until `commit`, lost by a crash before that.
    ///
    /// Throws for an id that is in the store, for a wrong number of components and for a vector that is zero or not
    /// finite; the store is then as before.
    public func append(id: UInt64, vector: UnsafeBufferPointer<Float>) throws(IndexError) {
        guard !isClosed else { throw .closed }
        guard vector.count == space.dimension, let base = vector.baseAddress else {
            throw .wrongDimension(found: vector.count, wanted: space.dimension)
        }
        guard let unit = UnitVector.normalised(base, count: vector.count) else { throw .noDirection(id: id) }
        guard !contains(id: id) else { throw .duplicateID(id) }
        pending[id] = unit
    }

    /// Adds a row; it is scaled to unit length. In memory until `commit`, lost by a crash before that.
    public func append(id: UInt64, vector: [Float]) throws(IndexError) {
        try vector.withUnsafeBufferPointer { buffer throws(IndexError) in try append(id: id, vector: buffer) }
    }

    /// Removes the rows with these ids, durable at the next commit; an id that is not there is no error.
    public func remove(_ ids: some Sequence<UInt64>) throws(IndexError) {
        guard !isClosed else { throw .closed }
        for id in ids {
            if pending.removeValue(forKey: id) != nil { continue }
            for index in segments.indices {
                guard let row = segments[index].liveRow(ofID: id) else { continue }
                delete(row, ofSegment: index)
                break
            }
        }
    }

    /// Makes everything since the last commit durable, all of it or nothing; without changes it does nothing.
    ///
    /// When it throws (a full disk), the changes are still in memory and the store on the disk is as before; commit
    /// can be tried again. Now and then it also merges small segments, which rewrites at most a million rows.
    public func commit() throws(IndexError) {
        guard !isClosed else { throw .closed }
        guard !pending.isEmpty || !changed.isEmpty || isUncertain else { return }
        try rewrite(merging: segmentsToMerge(), appending: pending)
        pending = [:]
    }

    /// Merges small segments and ends the use of the store. Rows that were not committed are dropped.
    public func close() throws(IndexError) {
        guard !isClosed else { return }
        isClosed = true
        pending = [:]
        guard changed.isEmpty else { return }
        let small = segments.indices.filter { segments[$0].liveCount < Self.smallRows }
        if small.count > 1 { try rewrite(merging: [small], appending: [:]) }
    }

    /// Marks a row as deleted, in memory.
    func delete(_ row: Int, ofSegment index: Int) {
        var deleted = segments[index].deleted ?? RowBitmap(rows: segments[index].segment.rows)
        deleted.insert(row)
        segments[index].deleted = deleted
        changed.insert(segments[index].number)
    }
}

/// Vectors of length one.
enum UnitVector {
    /// The vector scaled to length one; nil when it is zero or not finite.
    static func normalised(_ vector: UnsafePointer<Float>, count: Int) -> [Float]? {
        // In Double: the squares of small or large floats do not fit a Float.
        var square = 0.0
        for i in 0..<count { square += Double(vector[i]) * Double(vector[i]) }
        guard square > 0, square.isFinite else { return nil }
        let scale = 1 / square.squareRoot()
        return (0..<count).map { Float(Double(vector[$0]) * scale) }
    }
}
