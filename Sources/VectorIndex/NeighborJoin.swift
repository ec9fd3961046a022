import CKernels

/// Improves the lists of neighbours by looking at the neighbours of neighbours, both ways (NN-descent: Dong, Charikar and
/// Li, WWW 2011). One a thread.
final class NeighborJoin: @unchecked Sendable {
    // Unchecked: only the thread that has taken it uses it.

    private let snapshot: VectorSnapshot
    private let options: SearchOptions
    private let lists: NeighborLists
    /// The step whose lists are read.
    private let step: Int
    private let reverse: ReverseLists
    private let buffers = ScanBuffers()
    private let seen = RowSet()
    /// The rows that a row knows or that know it.
    private let around: ScratchMemory<UInt32>
    /// The rows to be scored, in the order in which they were found.
    private let found: ScratchMemory<UInt32>

    init(
        _ snapshot: VectorSnapshot, options: SearchOptions, lists: NeighborLists, step: Int,
        reverse: ReverseLists
    ) {
        self.snapshot = snapshot
        self.options = options
        self.lists = lists
        self.step = step
        self.reverse = reverse
        let length = lists.width + ReverseLists.most
        around = ScratchMemory(length)
        found = ScratchMemory(length * (length + 1))
    }

    /// The nearest rows among a row's neighbours, their neighbours, and the rows that have one of these as a neighbour.
    func nearest(_ query: AllRowsPass.Query) -> [Neighbor] {
        let lists = lists, step = step, reverse = reverse, seen = seen
        let around = around.base, found = found.base
        var best = BestNeighbors(capacity: lists.width, minimum: options.minimum ?? -.infinity)
        var aroundCount = 0, foundCount = 0
        seen.removeAll()
        _ = seen.insert(UInt32(query.row))
        for neighbor in lists.neighbors(of: query.row, step: step) {
            guard seen.insert(UInt32(neighbor.row)) else { continue }
            best.offer(neighbor)
            around[aroundCount] = UInt32(neighbor.row)
            aroundCount += 1
        }
        reverse.forEach(query.row) { other in
            guard seen.insert(other) else { return }
            around[aroundCount] = other
            aroundCount += 1
            found[foundCount] = other
            foundCount += 1
        }
        for index in 0..<aroundCount {
            lists.prefetch(Int(around[index]), step: step)
            reverse.prefetch(Int(around[index]))
        }
        for index in 0..<aroundCount {
            let row = Int(around[index])
            lists.forEachNeighbor(of: row, step: step) { other in
                guard seen.insert(UInt32(other)) else { return }
                found[foundCount] = UInt32(other)
                foundCount += 1
            }
            reverse.forEach(row) { other in
                guard seen.insert(other) else { return }
                found[foundCount] = other
                foundCount += 1
            }
        }
        snapshot.offer(
            UnsafeBufferPointer(start: found, count: foundCount), query.exact, options.filter,
            buffers: buffers, to: &best)
        return best.sorted()
    }
}

extension VectorSnapshot {
    /// Scores some rows of the snapshot and offers those that may be among the best, are not yet, and count.
    func offer(
        _ found: UnsafeBufferPointer<UInt32>, _ exact: ExactQuery, _ filter: RowFilter?, buffers: ScanBuffers,
        to best: inout BestNeighbors
    ) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: ScanBuffers.blockRows) { chosen in
            for (index, part) in parts.enumerated() {
                let rows = part.firstRow..<part.firstRow + part.liveCount
                var count = 0
                func scoreChosen() {
                    exact.offer(
                        part, rows: UnsafeBufferPointer(rebasing: chosen[..<count]), buffers: buffers,
                        to: &best)
                    count = 0
                }
                for row in found where rows.contains(Int(row)) {
                    let place = part.segmentRow(Int(row) - part.firstRow)
                    if let filter, !filter.parts[index].contains(place) { continue }
                    chosen[count] = UInt32(place)
                    count += 1
                    if count == chosen.count { scoreChosen() }
                }
                scoreChosen()
            }
        }
    }
}

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

/// A set of row numbers that is emptied in no time.
final class RowSet {
    private var slots = ScratchMemory<UInt64>(1024)
    /// The set's turn: what was put in before it does not count.
    private var turn: UInt32 = 1
    private var count = 0

    /// Empties the set.
    func removeAll() {
        count = 0
        turn &+= 1
        guard turn == 0 else { return }
        turn = 1
        for index in 0..<slots.count { slots.base[index] = 0 }
    }

    /// Puts a row in; false when it was there.
    func insert(_ row: UInt32) -> Bool {
        if 2 * count >= slots.count { grow() }
        let base = slots.base, mask = slots.count - 1
        let entry = UInt64(turn) << 32 | UInt64(row)
        var place = Int((row &* 0x9E37_79B1) >> 8) & mask
        while base[place] >> 32 == UInt64(turn) {
            if base[place] == entry { return false }
            place = (place + 1) & mask
        }
        base[place] = entry
        count += 1
        return true
    }

    private func grow() {
        let before = slots
        slots = ScratchMemory(2 * before.count)
        count = 0
        for index in 0..<before.count where before.base[index] >> 32 == UInt64(turn) {
            _ = insert(UInt32(truncatingIfNeeded: before.base[index]))
        }
    }
}
