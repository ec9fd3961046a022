public import Analysis
import GRDB
public import SystemPackage
import SystemSupport
public import VectorIndex

/// A picture with its outlier score.
public struct Outlier: Sendable {
    /// Where it stands; of several copies, the first by name.
    public let path: FilePath
    /// How unusual it is, in robust standard deviations above the median of the collection.
    public let score: Float
    /// Why.
    public let reason: Anomalies.Reason
    /// The pictures nearest to it, nearest first, with the cosine similarity.
    public let neighbors: [(path: FilePath, similarity: Float)]
}

extension LibraryReader {
    /// Scores every picture by its nearest neighbours, most unusual first.
    ///
    /// Distinct pictures are scored once, however many files hold them. `folders` restricts both the pictures and
    /// the neighbours they are judged by. Costs a scan of the codes per picture.
    public func outliers(
        snapshot: VectorSnapshot, folders: [FilePath], method: Anomalies.Method, neighborCount: Int,
        threads: Int,
        onProgress: @escaping @Sendable (Int) -> Void
    ) throws -> [Outlier] {
        let catalog = catalog
        var present = try catalog.read { try catalog.presentContentIDs($0) }
        if !folders.isEmpty {
            present.formIntersection(
                try folders.reduce(into: Set<UInt64>()) { $0.formUnion(try contents(below: $1)) })
        }
        let places = try folders.map { try LibraryPaths.absolute($0) }
        var options = SearchOptions()
        options.filter = snapshot.filter { present.contains($0) }
        let graph = try snapshot.neighbors(
            count: neighborCount, threads: threads, options: options, progress: onProgress)
        let scores = Anomalies.scores(of: graph.keeping { present.contains($0) }, method: method)
        return try catalog.read { database in
            func path(_ content: UInt64) throws -> FilePath? {
                try catalog.files(content: content, in: database).map { self.path(of: $0) }
                    .first { path in places.isEmpty || places.contains { path.starts(with: $0) } }
            }
            return try scores.compactMap { score in
                guard let place = try path(score.id) else { return nil }
                return Outlier(
                    path: place, score: score.score, reason: score.reason,
                    neighbors: try score.neighbors.prefix(3).compactMap { neighbor in
                        try path(neighbor.id).map { ($0, neighbor.similarity) }
                    })
            }
        }
    }
}

extension NeighborGraph {
    /// The graph of some of the rows; neighbours that are left out are dropped.
    func keeping(_ isKept: (UInt64) -> Bool) -> NeighborGraph {
        guard !ids.allSatisfy(isKept) else { return self }
        var newRow: [Int: Int] = [:]
        for row in 0..<count where isKept(ids[row]) { newRow[row] = newRow.count }
        let rows = newRow.keys.sorted()
        return NeighborGraph(
            ids: rows.map { ids[$0] }, width: width,
            neighbors: rows.map { row in
                neighbors(of: row).compactMap { neighbor in
                    newRow[neighbor.row].map {
                        Neighbor(row: $0, id: neighbor.id, similarity: neighbor.similarity)
                    }
                }
            })
    }
}
