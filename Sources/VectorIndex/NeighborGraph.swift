/// The nearest neighbours of every row of a snapshot.
public struct NeighborGraph: Sendable {
    /// The id of each row.
    public let ids: [UInt64]
    /// Neighbours kept per row; a row has fewer only when there are no more.
    public let width: Int

    private let rows: [UInt32]
    private let similarities: [Float]
    private let counts: [UInt32]

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
        self.rows = rows
        self.similarities = similarities
        self.counts = counts
    }

    /// Rows of the graph.
    public var count: Int { ids.count }

    /// How many neighbours of a row are known.
    public func neighborCount(of row: Int) -> Int { Int(counts[row]) }

    /// The row of the neighbour with a rank (0 is the nearest), below `neighborCount(of:)`.
    public func neighborRow(of row: Int, rank: Int) -> Int { Int(rows[row * width + rank]) }

    /// The cosine between a row and its neighbour with a rank.
    public func similarity(of row: Int, rank: Int) -> Float { similarities[row * width + rank] }

    /// The neighbours of a row, best first.
    public func neighbors(of row: Int) -> [Neighbor] {
        (0..<neighborCount(of: row)).map { rank in
            let other = neighborRow(of: row, rank: rank)
            return Neighbor(row: other, id: ids[other], similarity: similarity(of: row, rank: rank))
        }
    }
}
