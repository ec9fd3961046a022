import Analysis
import Foundation
import SystemPackage
import TestSupport
import Testing
import VectorIndex

@Suite struct AnomaliesTests {
    private struct Golden: Decodable {
        let vectors: [[Float]]
        let factors: [String: [Float]]
    }

    /// The exact neighbour graph of some vectors.
    private func graph(_ vectors: [[Float]], neighbors: Int) throws -> NeighborGraph {
        let folder = try TemporaryFolder()
        let space = VectorSpace(dimension: vectors[0].count, fingerprint: "test")
        let store = try VectorStore(folder: folder.path, space: space, precision: .float32)
        for (index, vector) in vectors.enumerated() {
            try store.append(id: UInt64(index + 100), vector: vector)
        }
        try store.commit()
        return try VectorSnapshot.open(folder: folder.path, space: space)
            .neighbors(count: neighbors, threads: 2, options: .exact)
    }

    @Test func localOutlierFactorsAreThoseOfScikitLearn() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("analysis/lof.json").string))
        let golden = try JSONDecoder().decode(Golden.self, from: data)
        #expect(golden.factors.count == 3)
        for (neighbors, expected) in golden.factors {
            let factors = Anomalies.localOutlierFactors(
                try graph(golden.vectors, neighbors: try #require(Int(neighbors))))
            #expect(factors.count == expected.count)
            for (a, b) in zip(factors, expected) {
                #expect(abs(a - b) < 1e-3 * b, "k = \(neighbors): \(a) \(b)")
            }
        }
    }

    private func unit(_ x: [Float]) -> [Float] {
        let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return x.map { $0 / norm }
    }

    /// 400 rows in two clusters of different width, some of them copies, then 12 single odd ones and a trio.
    private func collection(seed: UInt64) -> [[Float]] {
        var random = SeededRandom(seed: seed)
        func direction() -> [Float] { unit((0..<32).map { _ in random.normal() }) }
        func near(_ centre: [Float], _ spread: Float) -> [Float] {
            unit(zip(centre, direction()).map { $0 + spread * $1 })
        }
        let centres = [direction(), direction()]
        var rows = (0..<400).map { near(centres[$0 % 2], $0 % 2 == 0 ? 0.3 : 0.6) }
        for i in 0..<40 { rows[i] = rows[i / 8 * 8] }
        rows += (0..<12).map { _ in direction() }
        let odd = direction()
        rows += (0..<3).map { _ in near(odd, 0.1) }
        return rows
    }

    @Test(arguments: Anomalies.Method.allCases) func oddRowsComeFirst(_ method: Anomalies.Method) throws {
        for seed in UInt64(1)...3 {
            let graph = try graph(collection(seed: seed), neighbors: Anomalies.usualNeighborCount)
            let scores = Anomalies.scores(of: graph, method: method)
            #expect(scores.count == 415)
            #expect(Set(scores.map(\.row)).count == 415)
            #expect(zip(scores, scores.dropFirst()).allSatisfy { $0.score >= $1.score })
            #expect(scores.allSatisfy { $0.id == UInt64($0.row + 100) && $0.neighbors.count == 20 })
            let odd = scores.prefix(15).filter { $0.row >= 400 }
            #expect(odd.count >= 14, "seed \(seed): \(odd.count)")
            for score in scores {
                #expect((score.reason == .ordinary) == (score.score < Anomalies.usualThreshold))
            }
            #expect(scores.filter { $0.row < 400 && $0.reason != .ordinary }.count <= 20, "seed \(seed)")
            // By distance alone the wide cluster is most of the spread, and little stands out from it.
            if method == .distance { continue }
            let trio = scores.filter { $0.row >= 412 }
            #expect(
                trio.allSatisfy { $0.reason == .smallGroup(size: 3) }, "seed \(seed): \(trio.map(\.reason))")
            let single = try #require(scores.first { (400..<412).contains($0.row) })
            switch single.reason {
            case .farFromEverything(let nearest): #expect(nearest == single.neighbors[0].similarity)
            case .thinnerThanNeighbors(let factor): #expect(factor == single.localOutlierFactor && factor > 1)
            default: Issue.record("seed \(seed): \(single.reason)")
            }
        }
    }

    @Test func degenerateCollections() throws {
        #expect(Anomalies.scores(of: NeighborGraph(ids: [], width: 0, neighbors: [])) == [])
        let one = Anomalies.scores(of: NeighborGraph(ids: [7], width: 0, neighbors: [[]]))
        #expect(one.map(\.score) == [0] && one.map(\.reason) == [.ordinary])
        let equal = try graph([[Float]](repeating: [1, 2, 2], count: 30), neighbors: 5)
        let scores = Anomalies.scores(of: equal)
        #expect(scores.count == 30 && scores.allSatisfy { abs($0.score) < 1 && $0.reason == .ordinary })
        // All the same but one.
        let last = try graph([[Float]](repeating: [1, 2, 2], count: 30) + [[2, -2, 1]], neighbors: 5)
        let first = try #require(Anomalies.scores(of: last).first)
        #expect(first.row == 30 && first.score > Anomalies.usualThreshold)
    }
}
