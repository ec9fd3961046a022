public import VectorIndex

/// How unusual each picture of a collection is, judged by its nearest neighbours.
public enum Anomalies {
    /// What a score is made from.
    public enum Method: String, Sendable, CaseIterable {
        /// The mean cosine distance to the nearest neighbours (Angiulli and Pizzuti, PKDD 2002).
        case distance
        /// The local outlier factor: how much thinner the row's surroundings are than those of its neighbours.
        case density
        /// The mean of both scores.
        case both
    }

    /// Why a row stands out.
    public enum Reason: Sendable, Equatable {
        /// It does not stand out.
        case ordinary
        /// Even its nearest neighbour is not like it; with the cosine to that neighbour.
        case farFromEverything(nearest: Float)
        /// Its neighbours lie closer together than it lies to them, by this factor.
        case thinnerThanNeighbors(factor: Float)
        /// It belongs to a group of this many rows that are like each other and far from all others.
        case smallGroup(size: Int)
    }

    /// A row's scores.
    public struct Score: Sendable, Equatable {
        /// The row in the snapshot.
        public let row: Int
        /// The row's id.
        public let id: UInt64
        /// How unusual the row is, in robust standard deviations above the collection's median.
        public let score: Float
        /// Mean cosine distance to the neighbours.
        public let meanDistance: Float
        /// Local outlier factor: about 1 for a row like its neighbours.
        public let localOutlierFactor: Float
        /// Why it stands out.
        public let reason: Reason
        /// The nearest neighbours, nearest first.
        public let neighbors: [Neighbor]
    }

    /// Neighbours that give good scores for most collections; groups of fewer odd pictures are still found.
    public static let usualNeighborCount = 20
    /// Scores from here on are called outliers (Iglewicz and Hoaglin, 1993).
    public static let usualThreshold: Float = 3.5

    /// Scores every row of a neighbour graph; most unusual first, equal scores in the order of the rows.
    ///
    /// Rows whose score is below `threshold` are `ordinary`. A collection whose rows have no neighbours, or all the
    /// same surroundings, gets scores of 0. Cost: O(n·k) for n rows with k neighbours, and sorting.
    public static func scores(
        of graph: NeighborGraph, method: Method = .both, threshold: Float = usualThreshold
    ) -> [Score] {
        let distances = meanDistances(graph)
        // Copies and bursts have no distance at all between them, and the factor divides by it: one row beside a
        // burst would be an outlier without equal. A tenth of the usual distance is as near as it gets.
        let floor = 0.1 * Statistics.median(neighborhoodRadii(graph))
        let factors = localOutlierFactors(graph, minimumReach: floor)
        // Both are ratios by nature and have long tails; logarithms make the deviations mean the same on both sides.
        let byDistance = Statistics.robustDeviations(distances.map(Statistics.logarithm))
        let byDensity = Statistics.robustDeviations(factors.map(Statistics.logarithm))
        let typical = Statistics.median(distances)
        let scores = (0..<graph.count).map { row in
            let score =
                switch method {
                case .distance: byDistance[row]
                case .density: byDensity[row]
                case .both: (byDistance[row] + byDensity[row]) / 2
                }
            let reason =
                score < threshold
                ? Reason.ordinary
                : reason(
                    row, graph, typicalDistance: typical, factor: factors[row],
                    isFar: byDistance[row] >= byDensity[row])
            return Score(
                row: row, id: graph.ids[row], score: score, meanDistance: distances[row],
                localOutlierFactor: factors[row], reason: reason, neighbors: graph.neighbors(of: row))
        }
        return scores.sorted { $0.score != $1.score ? $0.score > $1.score : $0.row < $1.row }
    }

    private static func reason(
        _ row: Int, _ graph: NeighborGraph, typicalDistance: Float, factor: Float, isFar: Bool
    ) -> Reason {
        let count = graph.neighborCount(of: row)
        guard count > 0 else { return .ordinary }
        // A small group: some neighbours as near as is usual, then a gap, and the others far off.
        for rank in 0..<max(0, count - 1) / 2 {
            let near = 1 - graph.similarity(of: row, rank: rank)
            let next = 1 - graph.similarity(of: row, rank: rank + 1)
            if near <= typicalDistance, next >= 2 * near, next > typicalDistance {
                return .smallGroup(size: rank + 2)
            }
        }
        return isFar
            ? .farFromEverything(nearest: graph.similarity(of: row, rank: 0))
            : .thinnerThanNeighbors(factor: factor)
    }

    /// The mean cosine distance (1 − cosine) of each row to its neighbours; 0 for a row without any.
    public static func meanDistances(_ graph: NeighborGraph) -> [Float] {
        (0..<graph.count).map { row in
            let count = graph.neighborCount(of: row)
            guard count > 0 else { return 0 }
            var sum: Float = 0
            for rank in 0..<count { sum += max(0, 1 - graph.similarity(of: row, rank: rank)) }
            return sum / Float(count)
        }
    }
}
