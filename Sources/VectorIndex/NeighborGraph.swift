import SystemSupport

/// The nearest neighbours of every row of a snapshot.
public struct NeighborGraph: Sendable {
    /// The id of each row.
    public let ids: [UInt64]
    /// Neighbours kept per row; a row has fewer only when there are no more.
    public let width: Int

    /// Where the neighbours are.
    private enum Storage: Sendable {
        /// `width` row numbers and similarities per row.
        case memory(rows: [UInt32], similarities: [Float], counts: [UInt32])
        /// In a file that `neighbors(count:…file:)` has written; the place of each row in it.
        case file(MappedFile, slots: [UInt32])
    }
    private let storage: Storage

    /// A graph from the neighbours of each row, best first; entries beyond `width` are left out.
    public init(ids: [UInt64], width: Int, neighbors: [[Neighbor]]) {
        precondition(ids.count == neighbors.count && width >= 0)
        var rows = [UInt32](repeating: 0, count: ids.count * width)
        var similarities = [Float](repeating: 0, count: ids.count * width)
        for (row, list) in neighbors.enumerated() {
            for (rank, neighbor) in list.prefix(width).enumerated() {
                precondition(neighbor.row >= 0 && neighbor.row < ids.count)
                rows[row * width + rank] = UInt32(neighbor.row)
                similarities[row * width + rank] = neighbor.similarity
            }
        }
        self.init(
            ids: ids, width: width, rows: rows, similarities: similarities,
            counts: neighbors.map { UInt32(min($0.count, width)) })
    }

    init(ids: [UInt64], width: Int, rows: [UInt32], similarities: [Float], counts: [UInt32]) {
        self.ids = ids
        self.width = width
        storage = .memory(rows: rows, similarities: similarities, counts: counts)
    }

    init(ids: [UInt64], width: Int, map: MappedFile, slots: [UInt32]) {
        self.ids = ids
        self.width = width
        storage = .file(map, slots: slots)
    }

    /// Rows of the graph.
    public var count: Int { ids.count }

    /// How many neighbours of a row are known.
    public func neighborCount(of row: Int) -> Int {
        switch storage {
        case .memory(_, _, let counts): Int(counts[row])
        case .file: (0..<width).first { entry(of: row, rank: $0).row >= count } ?? width
        }
    }

    /// The row of the neighbour with a rank (0 is the nearest), below `neighborCount(of:)`.
    public func neighborRow(of row: Int, rank: Int) -> Int {
        switch storage {
        case .memory(let rows, _, _): Int(rows[row * width + rank])
        // Another program may write to the file: no number from it is ever out of bounds.
        case .file: min(entry(of: row, rank: rank).row, count - 1)
        }
    }

    /// The cosine between a row and its neighbour with a rank.
    public func similarity(of row: Int, rank: Int) -> Float {
        switch storage {
        case .memory(_, let similarities, _): similarities[row * width + rank]
        case .file: entry(of: row, rank: rank).similarity
        }
    }

    /// What the file says; a row number beyond `count` when it says that there is none.
    private func entry(of row: Int, rank: Int) -> (row: Int, similarity: Float) {
        guard case .file(let map, let slots) = storage else { return (.max, 0) }
        let place = (Int(slots[row]) * width + rank) * NeighborFile.entryBytes
        var reader = ByteReader(map.bytes, offset: PassFile.headerBytes + place)
        guard let other = reader.read(UInt32.self), let bits = reader.read(UInt32.self) else {
            return (.max, 0)
        }
        return (other == NeighborFile.noRow ? .max : Int(other), Float(bitPattern: bits))
    }

    /// The neighbours of a row, best first.
    public func neighbors(of row: Int) -> [Neighbor] {
        (0..<neighborCount(of: row)).map { rank in
            let other = neighborRow(of: row, rank: rank)
            return Neighbor(row: other, id: ids[other], similarity: similarity(of: row, rank: rank))
        }
    }
}
