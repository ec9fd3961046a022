/// The rows with the largest upper bounds among those offered, at most so many; a heap with the smallest on top.
final class BestEstimates {
    private let capacity: Int
    private let bounds: ScratchMemory<Float>
    private let rows: ScratchMemory<UInt64>
    private(set) var count = 0
    /// A bound must be above this to be among the largest.
    private(set) var limit: Float = -.infinity
    private var least: Float = -.infinity

    init(capacity: Int) {
        self.capacity = max(1, capacity)
        bounds = ScratchMemory(self.capacity)
        rows = ScratchMemory(self.capacity)
    }

    /// Forgets all rows; from now on only bounds above `least` count.
    func begin(above least: Float) {
        count = 0
        self.least = least
        limit = least
    }

    /// Takes a row if its bound is among the largest so far.
    func offer(part: Int, row: Int, upper: Float) {
        guard upper > limit else { return }
        let place = UInt64(UInt32(part)) << 32 | UInt64(UInt32(row))
        if count < capacity {
            var child = count
            count += 1
            while child > 0, bounds.base[(child - 1) / 2] > upper {
                move((child - 1) / 2, to: child)
                child = (child - 1) / 2
            }
            (bounds.base[child], rows.base[child]) = (upper, place)
        } else {
            var parent = 0
            while true {
                var child = 2 * parent + 1
                guard child < count else { break }
                if child + 1 < count, bounds.base[child + 1] < bounds.base[child] { child += 1 }
                guard bounds.base[child] < upper else { break }
                move(child, to: parent)
                parent = child
            }
            (bounds.base[parent], rows.base[parent]) = (upper, place)
        }
        if count == capacity { limit = max(least, bounds.base[0]) }
    }

    private func move(_ from: Int, to: Int) {
        (bounds.base[to], rows.base[to]) = (bounds.base[from], rows.base[from])
    }

    /// Calls `body` with each row, rather those with large bounds first.
    func forEach(_ body: (_ part: Int, _ row: Int, _ upper: Float) -> Void) {
        // The leaves of the heap come last.
        for index in (0..<count).reversed() {
            body(
                Int(rows.base[index] >> 32), Int(UInt32(truncatingIfNeeded: rows.base[index])),
                bounds.base[index])
        }
    }
}
