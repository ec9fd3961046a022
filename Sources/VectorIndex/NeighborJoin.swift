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
