/// The nearest neighbours of every row of a snapshot.
public struct NeighborGraph: Sendable {
    /// The id of each row.
    public let ids: [UInt64]
    /// Neighbours kept per row; a row has fewer only when there are no more.
    public let width: Int

    /// Where the neighbours are.
    private enum Storage: Sendable {
        /// `width` row numbers and similarities per row.
        case arrays(rows: [UInt32], similarities: [Float], counts: [UInt32])
        /// What the last step of a pass left.
        case lists(NeighborLists, step: Int)
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
        self.ids = ids
        self.width = width
        storage = .arrays(
            rows: rows, similarities: similarities, counts: neighbors.map { UInt32(min($0.count, width)) })
    }

    init(ids: [UInt64], width: Int, lists: NeighborLists, step: Int) {
        self.ids = ids
        self.width = width
        storage = .lists(lists, step: step)
    }

    /// Rows of the graph.
    public var count: Int { ids.count }

    /// How many neighbours of a row are known.
    public func neighborCount(of row: Int) -> Int {
        switch storage {
        case .arrays(_, _, let counts): Int(counts[row])
        case .lists(let lists, let step):
            (0..<width).first { lists.entry(of: row, rank: $0, step: step) == nil } ?? width
        }
    }

    /// The row of the neighbour with a rank (0 is the nearest), below `neighborCount(of:)`.
    public func neighborRow(of row: Int, rank: Int) -> Int {
        switch storage {
        case .arrays(let rows, _, _): Int(rows[row * width + rank])
        // Another program may have written to the file since its neighbours were counted.
        case .lists(let lists, let step): lists.entry(of: row, rank: rank, step: step)?.row ?? row
        }
    }

    /// The cosine between a row and its neighbour with a rank.
    public func similarity(of row: Int, rank: Int) -> Float {
        switch storage {
        case .arrays(_, let similarities, _): similarities[row * width + rank]
        case .lists(let lists, let step): lists.entry(of: row, rank: rank, step: step)?.similarity ?? 0
        }
    }

    /// The neighbours of a row, best first.
    public func neighbors(of row: Int) -> [Neighbor] {
        (0..<neighborCount(of: row)).map { rank in
            let other = neighborRow(of: row, rank: rank)
            return Neighbor(row: other, id: ids[other], similarity: similarity(of: row, rank: rank))
        }
    }
}
