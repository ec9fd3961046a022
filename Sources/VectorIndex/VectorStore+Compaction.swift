import SystemPackage
import SystemSupport

/// What `compact` did.
public struct CompactionReport: Sendable, Equatable {
    /// Rows the store holds now.
    public let rows: Int
    /// Live rows that were dropped because they were not to be kept.
    public let droppedRows: Int
    /// Segments before and after.
    public let segmentsBefore: Int
    /// Segments after.
    public let segmentsAfter: Int
    /// Bytes of all segments before.
    public let bytesBefore: Int
    /// Bytes of all segments after.
    public let bytesAfter: Int
}

extension VectorStore {
    /// Drops the rows that are not to be kept, frees the space of all deleted rows and merges small segments.
    ///
    /// Rows that were appended and not committed are committed first. Segments without deleted rows and with more
    /// than some 520,000 rows stay as they are. Takes about the time of copying what is rewritten, and that much free
    /// disk space; a crash leaves the store as it was.
    public func compact(keeping isKept: (UInt64) -> Bool = { _ in true }) throws(IndexError)
        -> CompactionReport
    {
        try commit()
        let segmentsBefore = segments.count
        let bytesBefore = byteCount
        var dropped = 0
        for index in segments.indices {
            let segment = segments[index]
            segment.forEachLiveRow { row in
                if isKept(segment.segment.ids[row]) { return }
                delete(row, ofSegment: index)
                dropped += 1
            }
        }
        let group = segments.indices.filter {
            segments[$0].deleted != nil || segments[$0].liveCount < Self.largeRows
        }
        let isTidy = group.count <= 1 && group.allSatisfy { segments[$0].deleted == nil }
        if !isTidy { try rewrite(merging: [group], appending: [:]) }
        return CompactionReport(
            rows: count, droppedRows: dropped, segmentsBefore: segmentsBefore, segmentsAfter: segments.count,
            bytesBefore: bytesBefore, bytesAfter: byteCount)
    }

    private var byteCount: Int { segments.reduce(0) { $0 + $1.segment.layout.fileBytes } }
}
