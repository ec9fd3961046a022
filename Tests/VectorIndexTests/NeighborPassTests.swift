import SystemPackage
import TestSupport
import Testing

@testable import VectorIndex

/// The steps of the search for the neighbours of every row, and what they are made of.
@Suite struct NeighborPassTests {
    // The last asks for so much that every step is taken.
    @Test(arguments: [(1, 0.99), (4, 0.8), (20, 0.99), (10, 0.99999)] as [(Int, Float)])
    func neighborsAreFoundAsPromised(_ count: Int, _ recalled: Float) throws {
        let seed = UInt64.random(in: .min ... .max)
        let (_, snapshot) = try StoreFixture.withBuckets(3000, seed: seed)
        var options = SearchOptions()
        options.recall = recalled
        let found = lists(of: try snapshot.neighbors(count: count, threads: 2, options: options))
        let truth = lists(of: try snapshot.neighbors(count: count, threads: 2, options: .exact))
        #expect(found.allSatisfy { $0.count == count }, "seed \(seed)")
        // What the sample shows holds with 95 %, for all rows with some tolerance always.
        #expect(recall(truth, found) >= Double(recalled) - 0.01, "seed \(seed)")
        for (row, list) in found.enumerated() {
            #expect(Set(list.map(\.row)).union([row]).count == count + 1, "seed \(seed), row \(row)")
            #expect(list == list.sorted(by: Neighbor.precedes), "seed \(seed), row \(row)")
        }
    }

    @Test func leastSimilarityAndFilterHoldInEveryStep() throws {
        let seed = UInt64.random(in: .min ... .max)
        let (_, snapshot) = try StoreFixture.withBuckets(5000, seed: seed)
        // Half of the rows are too many to be scored one by one, a seventh is not.
        for modulus in [2, 7] as [UInt64] {
            var options = SearchOptions.exact
            options.minimum = 0.8
            options.filter = snapshot.filter { $0 % modulus == 0 }
            let truth = lists(of: try snapshot.neighbors(count: 12, threads: 2, options: options))
            options.isExact = false
            let found = lists(of: try snapshot.neighbors(count: 12, threads: 2, options: options))
            #expect(
                found.allSatisfy { $0.allSatisfy { $0.similarity >= 0.8 && $0.id % modulus == 0 } },
                "seed \(seed)")
            #expect(truth.joined().count > 1000)
            #expect(
                found.enumerated().allSatisfy { row, list in !list.contains { $0.row == row } },
                "seed \(seed)")
            #expect(recall(truth, found) >= 0.98, "seed \(seed), every \(modulus)th")
        }
    }

    /// The file of a finished pass says so, and a block of one step is never taken for one of another.
    @Test func finishedFilesAreOnlyRead() throws {
        let (fixture, snapshot) = try StoreFixture.withBuckets(3000, seed: 3)
        let path = fixture.folder.path.appending("pass")
        let pass = AllRowsPass(snapshot, options: SearchOptions(), threads: 2)
        #expect(try NeighborLists(pass, width: 10, question: 7, path: path).lastStep == nil)
        _ = try snapshot.neighbors(count: 7, threads: 2, file: path)
        let lists = try NeighborLists(pass, width: 10, question: 7, path: path)
        let last = try #require(lists.lastStep)
        #expect(pass.blocks.indices.allSatisfy { lists.has(block: $0, step: last) })
        // A block of one step is none of another, though both have the same place.
        #expect(!pass.blocks.indices.contains { lists.has(block: $0, step: last + 2) })
    }

    @Test func rowSetsForgetAtOnceAndGrow() {
        let set = RowSet()
        for round in 0..<50 {
            set.removeAll()
            let rows = (0..<UInt32(round * 40)).map { $0 &* 2_654_435_761 }
            for row in rows { #expect(set.insert(row)) }
            for row in rows { #expect(!set.insert(row)) }
        }
    }

    @Test func bestEstimatesAreTheLargest() {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let best = BestEstimates(capacity: 20)
        for count in [0, 1, 19, 20, 21, 400] {
            let bounds = (0..<count).map { _ in Float.random(in: 0...1, using: &random) }
            best.begin(above: 0.25)
            for (row, bound) in bounds.enumerated() { best.offer(part: row % 3, row: row, upper: bound) }
            var rows: Set<Int> = []
            best.forEach { part, row, upper in
                #expect(part == row % 3 && upper == bounds[row], "seed \(seed)")
                rows.insert(row)
            }
            let expected = bounds.indices.filter { bounds[$0] > 0.25 }
                .sorted { bounds[$0] > bounds[$1] }.prefix(20)
            #expect(rows == Set(expected), "seed \(seed)")
        }
    }

    @Test func reverseListsHaveTheRowsThatKnowARow() throws {
        let (_, snapshot) = try StoreFixture.withBuckets(1500, seed: 9)
        let pass = AllRowsPass(snapshot, options: .exact, threads: 1)
        let lists = try NeighborLists(pass, width: 3, question: 3, path: nil)
        lists.begin(0)
        for number in pass.blocks.indices {
            var found: [PlacedNeighbors] = []
            pass.forEachRow(ofBlock: number) { query in
                // Every row knows the first one and the one after it.
                let near = [0, (query.row + 1) % snapshot.count].filter { $0 != query.row }
                found.append((query.position.position, near.map { Neighbor(row: $0, id: 0, similarity: 1) }))
            }
            #expect(lists.write(block: number, step: 0, found))
        }
        let reverse = ReverseLists(lists, step: 0)
        func known(_ row: Int) -> [UInt32] {
            var rows: [UInt32] = []
            reverse.forEach(row) { rows.append($0) }
            return rows
        }
        #expect(known(0) == (1...UInt32(ReverseLists.most)).map { $0 })
        for row in 1..<snapshot.count { #expect(known(row) == [UInt32(row - 1)]) }
    }
}
