import SystemPackage
import SystemSupport
import TestSupport
import Testing
import VectorIndex

/// A store in a temporary folder.
struct StoreFixture {
    let folder: TemporaryFolder
    let space: VectorSpace
    /// Segments get buckets from so many rows on.
    var bucketsFromRows: Int?
    var path: FilePath { folder.path.appending("vectors") }

    init(
        dimension: Int, fingerprint: String = "0123456789abcdef", bucketsFromRows: Int? = nil
    ) throws {
        self.bucketsFromRows = bucketsFromRows
        folder = try TemporaryFolder()
        space = VectorSpace(dimension: dimension, fingerprint: fingerprint)
    }

    func store(_ precision: VectorSpace.Precision = .float16) throws -> VectorStore {
        let store = try VectorStore(folder: path, space: space, precision: precision)
        if let bucketsFromRows {
            store.buckets.leastRows = bucketsFromRows
            store.buckets.rowsPerBucket = 32
        }
        return store
    }

    func snapshot() throws -> VectorSnapshot { try VectorSnapshot.open(folder: path, space: space) }

    /// Writes vectors with ids 1, 2, … in one commit per `batch` rows.
    func fill(_ vectors: [[Float]], batch: Int = .max, precision: VectorSpace.Precision = .float16) throws {
        let store = try store(precision)
        for (index, vector) in vectors.enumerated() {
            try store.append(id: UInt64(index + 1), vector: vector)
            if (index + 1) % batch == 0 { try store.commit() }
        }
        try store.commit()
    }
}

extension StoreFixture {
    /// A store with a segment that has buckets, a smaller one that may have none, and deleted rows among them.
    static func withBuckets(_ count: Int, seed: UInt64) throws -> (StoreFixture, VectorSnapshot) {
        var vectors = SyntheticVectors(dimension: 64, seed: seed)
        let fixture = try StoreFixture(dimension: 64, bucketsFromRows: 900)
        try fixture.fill(vectors.next(count), batch: count * 3 / 4)
        let store = try fixture.store()
        try store.remove((0..<UInt64(count / 20)).map { $0 * 17 })
        try store.commit()
        return (fixture, try fixture.snapshot())
    }
}

/// The neighbours of each row.
func lists(of graph: NeighborGraph) -> [[Neighbor]] { (0..<graph.count).map(graph.neighbors(of:)) }

/// The share of the first results' rows that the second ones hold.
func recall(_ exact: [[Neighbor]], _ found: [[Neighbor]]) -> Double {
    var hits = 0
    var total = 0
    for (truth, result) in zip(exact, found) {
        // A row as similar as the last true one is as good as it.
        let last = truth.last?.similarity ?? 2
        hits += min(truth.count, result.filter { $0.similarity >= last - 1e-6 }.count)
        total += truth.count
    }
    return total == 0 ? 1 : Double(hits) / Double(total)
}
