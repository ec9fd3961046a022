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
        // The filter chooses pictures; of a picture's names, only those that satisfy it are told.
        let condition = try condition(of: query.filter)
        let catalog = catalog
        let filter = try condition.map { condition in
            let allowed = try catalog.read { try catalog.contents(where: condition, in: $0) }
            return snapshot.filter { allowed.contains($0) }
        }
        var count = query.top
        while true {
            var options = SearchOptions()
            options.isExact = query.isExact
            options.filter = filter
            options.minimum = query.minimum
            let neighbors = try snapshot.search(vector, count: count, options: options)
            let hits = try hits(
                neighbors, where: condition, calibration: calibration,
                pair: query.isTextOnly ? .textImage : .imageImage)
            // Missing pictures took places: ask for more until there are enough or nothing is left.
            if hits.count >= query.top || neighbors.count < count || count >= snapshot.count {
                return Array(hits.prefix(query.top))
            }
            count = min(snapshot.count, count * 4)
        }
    }

    /// What a filter means in the catalog; nil when it accepts everything.
    private func condition(of filter: PictureFilter) throws -> FileCondition? {
        if filter.isEmpty { return nil }
        let folders = try filter.folders.map { try LibraryPaths.absolute($0) }
        return FileCondition(filter, folders: folders, roots: roots.values.sorted { $0.id < $1.id })
    }

    private func hits(
        _ neighbors: [Neighbor], where condition: FileCondition?, calibration: ScoreCalibration?,
        pair: ScoreCalibration.Pair
    ) throws -> [Hit] {
        let catalog = catalog
        return try catalog.read { database in
            var hits: [Hit] = []
            for neighbor in neighbors {
                let score = max(-1, min(1, neighbor.similarity))
                let files =
                    try condition.map {
                        try catalog.files(content: neighbor.id, where: $0, in: database)
                    } ?? catalog.files(content: neighbor.id, in: database)
                for file in files {
                    hits.append(
                        Hit(
                            path: path(of: file), score: score,
                            calibrated: calibration?.shareBelow(score, pair),
                            id: neighbor.id))
                }
            }
            return hits
        }
    }
}
