import CKernels
import SystemPackage
import SystemSupport

extension VectorStore {
    /// Segments below this many rows are merged when the store is closed.
    static let smallRows = 4096
    /// Segments from this many rows on are only rewritten by `compact`, to drop deleted rows.
    static let largeRows = maximumMergedRows / 2
    /// So many segments of one order of size become one.
    private static let fanOut = 4

    /// The segments that the next commit merges: those of one order of size (a factor of four), once there are four.
    ///
    /// So every row is rewritten about once for each factor of four that the store grows, and the number of segments
    /// stays logarithmic up to `largeRows`.
    func segmentsToMerge() -> [[Int]] {
        var orders: [Int: [Int]] = [:]
        for (index, segment) in segments.enumerated() where segment.liveCount < Self.largeRows {
            orders[(Int.bitWidth - max(1, segment.liveCount).leadingZeroBitCount) / 2, default: []].append(
                index)
        }
        return orders.values.filter { $0.count >= Self.fanOut }.sorted { $0[0] < $1[0] }
    }

    /// Writes new segments (one for each group of merged ones, one for appended rows) and the changed lists of
    /// deletions, and switches the manifest to them. Nothing changes, here or on the disk, when it throws.
    func rewrite(merging groups: [[Int]], appending rows: [UInt64: [Float]]) throws(IndexError) {
        var next = manifest
        // Numbers that a failed attempt has used are not used again: readers may have seen them.
        next.generation = max(next.generation, attempted.generation) + 1
        next.nextFile = max(next.nextFile, attempted.nextFile)
        var written: [FilePath] = []
        let result: [LiveSegment]
        do {
            result = try writeFiles(merging: groups, appending: rows, next: &next, written: &written)
            try checkSources()
            try asIndexError(folder) { try disk.flushFolder(folder) }
            try next.write(in: folder, on: disk)
        } catch {
            // The manifest's own write may have failed after the rename (its folder could not be flushed); then the
            // new files are named, and must stay.
            let found = try? Manifest.read(in: folder)
            if found == nil || found == next {
                isUncertain = true
            } else {
                for path in written { disk.remove(path) }
            }
            attempted = (next.generation, next.nextFile)
            throw error
        }
        manifest = next
        segments = result
        changed = []
        isUncertain = false
        try removeUnlistedFiles()
    }

    /// Throws when a file was cut short while rows were copied from it: zeros must not replace its vectors.
    private func checkSources() throws(IndexError) {
        do throws(FileTruncated) {
            try TruncationGuard.check()
        } catch {
            throw .damaged(error.path, "another program cut it short while it was being read")
        }
    }

    private func writeFiles(
        merging groups: [[Int]], appending rows: [UInt64: [Float]], next: inout Manifest,
        written: inout [FilePath]
    ) throws(IndexError) -> [LiveSegment] {
        let writer = SegmentWriter(
            space: space, precision: manifest.precision,
            rotation: Rotation(length: space.codeBits, seed: manifest.rotationSeed), buckets: buckets,
            threads: Platform.coreCount, disk: disk)
        let segments = segments, precision = manifest.precision
        func newPath(_ make: (UInt64, FilePath) -> FilePath) -> (UInt64, FilePath) {
            let number = next.nextFile
            next.nextFile += 1
            let path = make(number, folder)
            written.append(path)
            return (number, path)
        }
        let merged = Set(groups.joined())
        var entries: [Manifest.Entry] = []
        var result: [LiveSegment] = []
        func add(_ number: UInt64, _ path: FilePath, headerChecksum: UInt32) throws(IndexError) {
            let segment = try Segment(path)
            entries.append(
                Manifest.Entry(segment: number, rows: segment.rows, headerChecksum: headerChecksum))
            result.append(LiveSegment(number: number, segment: segment))
        }

        let known = Dictionary(
            manifest.entries.map { ($0.segment, $0) }, uniquingKeysWith: { first, _ in first })
        for (index, segment) in segments.enumerated() where !merged.contains(index) && segment.liveCount > 0 {
            guard var entry = known[segment.number] else { continue }
            if let deleted = segment.deleted, changed.contains(segment.number) {
                let (number, path) = newPath(StoreFiles.deletions)
                let bytes = Deletions.encoded(deleted, segment: segment.number)
                try asIndexError(path) {
                    try disk.writeFile(path) { file in
                        try bytes.withUnsafeBytes { try disk.write($0, to: file, at: 0, path: path) }
                    }
                }
                entry.deletions = number
                entry.deletedRows = deleted.count
                entry.deletionsChecksum = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
            }
            entries.append(entry)
            result.append(segment)
        }
        for group in groups {
            for index in group { segments[index].segment.expectEverything() }
            let live = liveRows(ofSegments: group)
            for start in stride(from: 0, to: live.count, by: Self.maximumMergedRows) {
                let part = live[start..<min(start + Self.maximumMergedRows, live.count)]
                let (number, path) = newPath(StoreFiles.segment)
                let checksum = try writer.write(to: path, ids: part.map(\.id)) { index, target in
                    let row = part[part.startIndex + index]
                    target.copyMemory(from: segments[row.segment].segment.components(ofRow: row.row))
                }
                try add(number, path, headerChecksum: checksum)
            }
        }
        if !rows.isEmpty {
            let ids = rows.keys.sorted()
            let (number, path) = newPath(StoreFiles.segment)
            let checksum = try writer.write(to: path, ids: ids) { index, target in
                guard let vector = rows[ids[index]] else { return }
                Self.store(vector, precision, in: target)
            }
            try add(number, path, headerChecksum: checksum)
            next.highestID = max(next.highestID, ids.last ?? 0)
        }
        next.entries = entries
        return result
    }

    /// Merging makes no segment larger than this, so that it stays bearable (a minute). One large segment is searched
    /// in half the time of four: its buckets are finer.
    private static let maximumMergedRows = 1 << 20

    private struct LiveRow: Sendable {
        let id: UInt64
        let segment: Int
        let row: Int
    }

    /// The live rows of some segments in the order of their ids.
    private func liveRows(ofSegments indices: [Int]) -> [LiveRow] {
        var rows: [LiveRow] = []
        rows.reserveCapacity(indices.reduce(0) { $0 + segments[$1].liveCount })
        for index in indices {
            let segment = segments[index]
            segment.forEachLiveRow {
                rows.append(LiveRow(id: segment.segment.ids[$0], segment: index, row: $0))
            }
        }
        return rows.sorted { $0.id < $1.id }
    }

    /// Puts a vector into a buffer in the form in which it is stored.
    private static func store(
        _ vector: [Float], _ precision: VectorSpace.Precision, in target: UnsafeMutableRawBufferPointer
    ) {
        switch precision {
        case .float32:
            vector.withUnsafeBytes { target.copyMemory(from: $0) }
        case .float16:
            if let base = target.baseAddress {
                Kernels.table.narrow(vector, vector.count, base.assumingMemoryBound(to: UInt16.self))
            }
        }
    }

    /// Removes the store's files that the manifest does not name: merged segments, or what a crash left behind.
    func removeUnlistedFiles() throws(IndexError) {
        var listed: Set<FilePath> = []
        for entry in manifest.entries {
            listed.insert(StoreFiles.segment(entry.segment, in: folder))
            if entry.deletions != 0 { listed.insert(StoreFiles.deletions(entry.deletions, in: folder)) }
        }
        let entries = try asIndexError(folder) { try Folders.list(folder) }
        for entry in entries where StoreFiles.isOurs(entry.name) {
            let path = folder.appending(entry.name)
            if !listed.contains(path) { disk.remove(path) }
        }
    }
}
