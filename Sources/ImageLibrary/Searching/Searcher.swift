public import Encoders
import GRDB
import SystemPackage
public import VectorIndex

extension LibraryReader {
    /// The files nearest to a question, best first; files with the same score in the order of their paths.
    ///
    /// Vectors whose pictures are gone are passed over. `calibration` turns cosines into the calibrated figure.
    public func find(
        _ query: Query, vector: [Float], snapshot: VectorSnapshot, calibration: ScoreCalibration?
    ) throws
        -> [Hit]
    {
        // The filter chooses pictures; of a picture's names, only those in the folders are told.
        let folders = try query.folders.map { try LibraryPaths.absolute($0) }
        var filter: RowFilter?
        if !query.folders.isEmpty {
            let allowed = try query.folders.reduce(into: Set<UInt64>()) {
                $0.formUnion(try contents(below: $1))
            }
            filter = snapshot.filter { allowed.contains($0) }
        }
        var count = query.top
        while true {
            var options = SearchOptions()
            options.isExact = query.isExact
            options.filter = filter
            options.minimum = query.minimum
            let neighbors = try snapshot.search(vector, count: count, options: options)
            let hits = try hits(
                neighbors, folders: folders, calibration: calibration,
                pair: query.isTextOnly ? .textImage : .imageImage)
            // Missing pictures took places: ask for more until there are enough or nothing is left.
            if hits.count >= query.top || neighbors.count < count || count >= snapshot.count {
                return Array(hits.prefix(query.top))
            }
            count = min(snapshot.count, count * 4)
        }
    }

    private func hits(
        _ neighbors: [Neighbor], folders: [FilePath], calibration: ScoreCalibration?,
        pair: ScoreCalibration.Pair
    ) throws -> [Hit] {
        let catalog = catalog
        return try catalog.read { database in
            var hits: [Hit] = []
            for neighbor in neighbors {
                let score = max(-1, min(1, neighbor.similarity))
                for file in try catalog.files(content: neighbor.id, in: database) {
                    let path = path(of: file)
                    guard folders.isEmpty || folders.contains(where: { path.starts(with: $0) }) else {
                        continue
                    }
                    hits.append(
                        Hit(
                            path: path, score: score,
                            calibrated: calibration?.shareBelow(score, pair),
                            id: neighbor.id))
                }
            }
            return hits
        }
    }
}
