import CKernels
public import SystemPackage
import SystemSupport

/// A reader's view of a store: the rows of one commit, whatever the writer does afterwards.
///
/// Rows are numbered from 0 without gaps; the numbers belong to this snapshot. Files stay mapped while it lives. It
/// is a value that threads may share.
public struct VectorSnapshot: Sendable {
    /// The folder it was opened from.
    public let folder: FilePath
    /// The space of the vectors.
    public let space: VectorSpace
    /// Which commit this is; it grows by one with each.
    public let generation: UInt64
    /// Rows in the snapshot.
    public let count: Int

    let parts: [Part]
    let rotation: Rotation
    let coldStart = ColdStart()
    let idleSearches = IdleSearches()

    /// A segment with the numbers its live rows have in the snapshot.
    struct Part: Sendable {
        let segment: Segment
        let firstRow: Int
        let liveCount: Int
        /// The live rows as a set, and in order; nil when every row is live.
        let live: RowBitmap?
        let liveRows: [UInt32]?

        /// The row in the segment of the i-th live one.
        func segmentRow(_ index: Int) -> Int { liveRows.map { Int($0[index]) } ?? index }

        /// The number in the snapshot of a live row of the segment.
        func snapshotRow(_ row: Int) -> Int {
            guard let liveRows else { return firstRow + row }
            var low = 0
            var high = liveRows.count
            while low < high {
                let middle = (low + high) / 2
                if Int(liveRows[middle]) < row { low = middle + 1 } else { high = middle }
            }
            return firstRow + low
        }
    }

    /// Opens the latest commit of a folder; a folder that is missing or empty gives an empty snapshot.
    ///
    /// Costs a few system calls per segment, and reading one bit per row of segments with deleted rows. Throws when
    /// the folder holds vectors of another space, damaged files or files of a newer format.
    public static func open(folder: FilePath, space: VectorSpace) throws(IndexError) -> VectorSnapshot {
        try Kernels.check()
        try space.check()
        while true {
            guard let manifest = try Manifest.read(in: folder) else {
                return VectorSnapshot(folder: folder, space: space, generation: 0, seed: 0, segments: [])
            }
            guard manifest.space == space else {
                throw .otherSpace(StoreFiles.manifest(in: folder), found: manifest.space, wanted: space)
            }
            do throws(IndexError) {
                return VectorSnapshot(
                    folder: folder, space: space, generation: manifest.generation,
                    seed: manifest.rotationSeed,
                    segments: try LiveSegment.all(of: manifest, in: folder))
            } catch {
                // The writer may have switched to other files meanwhile; only then is it worth another try.
                guard case .damaged(_, LiveSegment.missing) = error,
                    let now = try Manifest.read(in: folder), now.generation != manifest.generation
                else { throw error }
            }
        }
    }

    private init(
        folder: FilePath, space: VectorSpace, generation: UInt64, seed: UInt64, segments: [LiveSegment]
    ) {
        self.folder = folder
        self.space = space
        self.generation = generation
        rotation = Rotation(length: space.codeBits, seed: seed)
        var parts: [Part] = []
        var count = 0
        for live in segments.sorted(by: { $0.segment.header.firstID < $1.segment.header.firstID }) {
            live.segment.expectSearches()
            let set = live.deleted?.complement
            parts.append(
                Part(
                    segment: live.segment, firstRow: count, liveCount: live.liveCount, live: set,
                    liveRows: set?.members))
            count += live.liveCount
        }
        self.parts = parts
        self.count = count
    }

    /// Tells the system that all of the files is going to be read.
    func expectEverything() { for part in parts { part.segment.expectEverything() } }

    /// The part a row is in, and the row's number in its segment.
    func locate(_ row: Int) -> (part: Int, row: Int) {
        precondition(row >= 0 && row < count, "row \(row) of \(count)")
        var low = 0
        var high = parts.count
        while low + 1 < high {
            let middle = (low + high) / 2
            if parts[middle].firstRow <= row { low = middle } else { high = middle }
        }
        // Parts without live rows share their first row with the next one, which the search prefers.
        return (low, parts[low].segmentRow(row - parts[low].firstRow))
    }

    /// The id of a row; the row must be below `count`.
    public func id(ofRow row: Int) -> UInt64 {
        let place = locate(row)
        return parts[place.part].segment.ids[place.row]
    }

    /// The row with an id, or nil.
    public func row(ofID id: UInt64) -> Int? {
        for part in parts {
            if let row = part.segment.row(ofID: id), part.live?.contains(row) ?? true {
                return part.snapshotRow(row)
            }
        }
        return nil
    }

    /// The stored components of a row, a unit vector up to rounding; the row must be below `count`.
    public func vector(ofRow row: Int) -> [Float] {
        let place = locate(row)
        return [Float](unsafeUninitializedCapacity: space.dimension) { buffer, count in
            if let base = buffer.baseAddress {
                parts[place.part].segment.copyVector(ofRow: place.row, to: base)
                count = space.dimension
            }
        }
    }
}
