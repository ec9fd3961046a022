import CKernels

/// Which rows have a row among their neighbours; the first few of them in the order of their numbers.
final class ReverseLists: Sendable {
    /// Rows that are known at most: a row that is near to very many is told of no more.
    static let most = 10
    private let rows: ScratchMemory<UInt32>
    private let counts: ScratchMemory<UInt8>

    /// Turns the lists that a step has left around. Cost: 41 bytes a row.
    init(_ lists: NeighborLists, step: Int) {
        let count = lists.count
        rows = ScratchMemory(count * Self.most)
        counts = ScratchMemory(count)
        for row in 0..<count {
            lists.forEachNeighbor(of: row, step: step) { other in
                let known = Int(counts.base[other])
                guard known < Self.most else { return }
                rows.base[other * Self.most + known] = UInt32(row)
                counts.base[other] += 1
            }
        }
    }

    /// Calls `body` with each row that has `row` as a neighbour.
    func forEach(_ row: Int, _ body: (UInt32) -> Void) {
        let first = rows.base + row * Self.most
        for index in 0..<Int(counts.base[row]) { body(first[index]) }
    }

    /// Asks for what is known about a row to be brought into the cache.
    func prefetch(_ row: Int) {
        ck_prefetch(rows.base + row * Self.most, Self.most * MemoryLayout<UInt32>.stride)
        ck_prefetch(counts.base + row, 1)
    }
}
