/// A row found by a search.
public struct Neighbor: Sendable, Equatable {
    /// The row's number in the snapshot.
    public let row: Int
    /// The row's id.
    public let id: UInt64
    /// Cosine between the query and the stored vector, computed from the vector itself, not from its code.
    public let similarity: Float

    /// A row with its id and similarity.
    public init(row: Int, id: UInt64, similarity: Float) {
        self.row = row
        self.id = id
        self.similarity = similarity
    }

    /// The order of results: more similar first, then the smaller id.
    public static func precedes(_ a: Neighbor, _ b: Neighbor) -> Bool {
        a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id
    }
}

/// The best few of the rows offered to it, as a heap with the worst on top.
struct BestNeighbors {
    let capacity: Int
    private var heap: [Neighbor] = []

    init(capacity: Int, minimum: Float = -.infinity) {
        self.capacity = capacity
        self.minimum = minimum
        heap.reserveCapacity(min(capacity, 1024))
    }

    /// Rows less similar than this are never taken.
    private let minimum: Float

    /// A row must be at least this similar to be taken.
    var threshold: Float { heap.count < capacity ? minimum : heap.first?.similarity ?? .infinity }

    /// Takes a row if it is among the best so far; NaN never is.
    mutating func offer(_ neighbor: Neighbor) {
        guard neighbor.similarity >= minimum else { return }
        if heap.count < capacity {
            heap.append(neighbor)
            var child = heap.count - 1
            while child > 0, Neighbor.precedes(heap[(child - 1) / 2], heap[child]) {
                heap.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
        } else if let worst = heap.first, Neighbor.precedes(neighbor, worst) {
            heap[0] = neighbor
            sink()
        }
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var worst = parent
            let left = 2 * parent + 1
            if left < heap.count, Neighbor.precedes(heap[worst], heap[left]) { worst = left }
            if left + 1 < heap.count, Neighbor.precedes(heap[worst], heap[left + 1]) { worst = left + 1 }
            if worst == parent { return }
            heap.swapAt(parent, worst)
            parent = worst
        }
    }

    /// Whether a row of the snapshot is among the best so far.
    func contains(row: Int) -> Bool { heap.contains { $0.row == row } }

    /// The rows taken, best first.
    func sorted() -> [Neighbor] { heap.sorted(by: Neighbor.precedes) }
}
