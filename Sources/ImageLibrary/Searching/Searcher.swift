public import Encoders
import GRDB
import SystemPackage
public import VectorIndex

extension LibraryReader {
    /// The files nearest to a question, best first; files with the same score in the order of their paths.
    ///
    /// Vectors whose pictures are gone are passed over. `scale` turns cosines into the calibrated figure.
    public func find(_ query: Query, vector: [Float], snapshot: VectorSnapshot, scale: ScoreScale?) throws
        -> [Hit]
    {
        var filter: RowFilter?
        if !query.folders.isEmpty {
            let allowed = try query.folders.reduce(into: Set<UInt64>()) {
                $0.formUnion(try contents(below: $1))
            }
            filter = snapshot.filter { allowed.contains($0) }
        }
        var count = query.top
        while true {
            let neighbors = snapshot.search(
                vector, count: count,
                options: SearchOptions(isExact: query.isExact, filter: filter, minimum: query.minimum))
            let hits = try hits(neighbors, scale: scale)
            // Missing pictures took places: ask for more until there are enough or nothing is left.
            if hits.count >= query.top || neighbors.count < count || count >= snapshot.count {
                return Array(hits.prefix(query.top))
            }
            count = min(snapshot.count, count * 4)
        }
    }

    private func hits(_ neighbors: [Neighbor], scale: ScoreScale?) throws -> [Hit] {
        let catalog = catalog
        return try catalog.read { database in
            var hits: [Hit] = []
            for neighbor in neighbors {
                let score = max(-1, min(1, neighbor.similarity))
                for file in try catalog.files(content: neighbor.id, in: database) {
                    hits.append(
                        Hit(
                            path: path(of: file), score: score, calibrated: scale?.share(below: score),
                            id: neighbor.id))
                }
            }
            return hits
        }
    }
}

/// Turns a cosine into the share of random pairs that score lower.
public struct ScoreScale: Sendable {
    private let quantiles: [Float]

    /// Makes a scale from the evenly spaced quantiles (0 % … 100 %) of random pairs' cosines; nil for fewer
    /// than two or ones that are not in ascending order.
    public init?(quantiles: [Float]) {
        guard quantiles.count >= 2, zip(quantiles, quantiles.dropFirst()).allSatisfy({ $0 <= $1 }) else {
            return nil
        }
        self.quantiles = quantiles
    }

    /// The scale that a model's calibration gives for a question: words against pictures, or pictures against
    /// pictures.
    public init?(_ query: Query, calibration: ScoreCalibration) {
        self.init(
            quantiles: query.isTextOnly ? calibration.textImageQuantiles : calibration.imageImageQuantiles)
    }

    /// The share, 0 to 1, interpolated between the quantiles.
    public func share(below score: Float) -> Float {
        guard let above = quantiles.firstIndex(where: { $0 > score }) else { return 1 }
        guard above > 0 else { return 0 }
        let low = quantiles[above - 1], high = quantiles[above]
        let position = Float(above - 1) + (score - low) / max(high - low, .leastNormalMagnitude)
        return position / Float(quantiles.count - 1)
    }
}
