public import VectorIndex

// Breunig, Kriegel, Ng, Sander: LOF: Identifying Density-Based Local Outliers, SIGMOD 2000.
extension Anomalies {
    /// The local outlier factor of each row: the mean density around its neighbours divided by the density around
    /// itself.
    ///
    /// Distances are Euclidean ones between unit vectors, √(2 − 2·cosine). With `minimumReach` 0 the factors are
    /// those of the paper (and of scikit-learn, which adds 1e-10 to each mean distance, as is done here); a larger
    /// one keeps copies from being infinitely dense. A row without neighbours gets 1. Cost: O(n·k).
    public static func localOutlierFactors(_ graph: NeighborGraph, minimumReach: Float = 0) -> [Float] {
        let radii = neighborhoodRadii(graph)
        let densities = (0..<graph.count).map { row -> Double in
            let count = graph.neighborCount(of: row)
            guard count > 0 else { return 0 }
            var sum = 0.0
            for rank in 0..<count {
                let neighbor = graph.neighborRow(of: row, rank: rank)
                let reach = max(euclidean(graph, row, rank), radii[neighbor], minimumReach)
                sum += Double(reach)
            }
            return 1 / (sum / Double(count) + 1e-10)
        }
        return (0..<graph.count).map { row in
            let count = graph.neighborCount(of: row)
            guard count > 0 else { return 1 }
            var sum = 0.0
            for rank in 0..<count { sum += densities[graph.neighborRow(of: row, rank: rank)] }
            return Float(sum / Double(count) / densities[row])
        }
    }

    /// The Euclidean distance of each row to the last of its neighbours; 0 for a row without any.
    static func neighborhoodRadii(_ graph: NeighborGraph) -> [Float] {
        (0..<graph.count).map { row in
            let count = graph.neighborCount(of: row)
            return count == 0 ? 0 : euclidean(graph, row, count - 1)
        }
    }

    private static func euclidean(_ graph: NeighborGraph, _ row: Int, _ rank: Int) -> Float {
        max(0, 2 - 2 * graph.similarity(of: row, rank: rank)).squareRoot()
    }
}
