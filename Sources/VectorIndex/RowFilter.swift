/// A choice of rows of one snapshot; a search looks at no others.
public struct RowFilter: Sendable {
    /// How many rows were chosen.
    public let count: Int
    /// The chosen rows of each segment; chosen rows are live.
    let parts: [RowBitmap]
}

extension VectorSnapshot {
    /// The rows whose ids satisfy a condition. Cost: one call per row.
    public func filter(where isChosen: (UInt64) -> Bool) -> RowFilter {
        let bitmaps = parts.map { part in
            var chosen = RowBitmap(rows: part.segment.rows)
            for row in 0..<part.segment.rows where part.live?.contains(row) ?? true {
                if isChosen(part.segment.ids[row]) { chosen.insert(row) }
            }
            return chosen
        }
        return RowFilter(count: bitmaps.reduce(0) { $0 + $1.count }, parts: bitmaps)
    }

    /// The rows with these ids; ids that are not there are passed over.
    public func filter(ids: some Sequence<UInt64>) -> RowFilter {
        var bitmaps = parts.map { RowBitmap(rows: $0.segment.rows) }
        for id in ids {
            for (index, part) in parts.enumerated() {
                guard let row = part.segment.row(ofID: id), part.live?.contains(row) ?? true else { continue }
                bitmaps[index].insert(row)
                break
            }
        }
        return RowFilter(count: bitmaps.reduce(0) { $0 + $1.count }, parts: bitmaps)
    }

    /// Whether a filter was made from a snapshot of the same files.
    func fits(_ filter: RowFilter) -> Bool {
        filter.parts.count == parts.count
            && zip(filter.parts, parts).allSatisfy { $0.rows == $1.segment.rows }
    }
}
