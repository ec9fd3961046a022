/// The merging of a word's symbols that all byte-pair models share.
///
/// Of all neighbouring pairs the one with the lowest rank is merged, the leftmost first, until none is left.
/// Costs n log n for n symbols.
struct WordMerging {
    /// One symbol of a word, linked to its neighbours; `start` is where it begins in the word.
    private struct Symbol {
        var token: Int32
        var start: Int32
        var previous: Int32, next: Int32
        var isAlive = true
    }

    private var symbols: [Symbol] = []

    /// Makes room for a word's symbols.
    init(capacity: Int) { symbols.reserveCapacity(capacity) }

    /// Appends a symbol that begins at an offset of the word.
    mutating func append(_ token: Int32, start: Int) {
        let index = Int32(symbols.count)
        symbols.append(
            Symbol(
                token: token, start: Int32(truncatingIfNeeded: start), previous: index - 1, next: index + 1))
    }

    /// Merges, and appends the tokens that are left. `merge` gives rank and token of the merge of two
    /// neighbours, of which it gets the tokens, and where in the word they begin and end (`end` is the word's length).
    mutating func finish(
        end: Int, into tokens: inout [Int32],
        merge: (_ left: Int32, _ right: Int32, _ start: Int, _ end: Int) -> (rank: Int32, token: Int32)?
    ) {
        guard !symbols.isEmpty else { return }
        symbols[symbols.count - 1].next = -1
        var queue = PairQueue()
        func merged(_ left: Int) -> (rank: Int32, token: Int32)? {
            let right = symbols[left].next
            guard right >= 0 else { return nil }
            let after = symbols[Int(right)].next
            return merge(
                symbols[left].token, symbols[Int(right)].token, Int(symbols[left].start),
                after < 0 ? end : Int(symbols[Int(after)].start))
        }
        func push(_ left: Int32) {
            guard left >= 0, let pair = merged(Int(left)) else { return }
            queue.push(PairQueue.Pair(rank: pair.rank, left: left, token: pair.token))
        }
        for index in symbols.indices { push(Int32(index)) }
        while let pair = queue.pop() {
            let left = Int(pair.left)
            // The pair may have changed since it was queued.
            guard symbols[left].isAlive, merged(left)?.token == pair.token else { continue }
            let right = Int(symbols[left].next)
            symbols[left].token = pair.token
            symbols[left].next = symbols[right].next
            if symbols[right].next >= 0 { symbols[Int(symbols[right].next)].previous = pair.left }
            symbols[right].isAlive = false
            push(symbols[left].previous)
            push(pair.left)
        }
        for symbol in symbols where symbol.isAlive { tokens.append(symbol.token) }
    }
}

/// Pairs by rank, then by place: a binary heap.
private struct PairQueue {
    struct Pair {
        let rank: Int32, left: Int32, token: Int32
        static func < (a: Pair, b: Pair) -> Bool { a.rank != b.rank ? a.rank < b.rank : a.left < b.left }
    }

    private var heap: [Pair] = []

    mutating func push(_ pair: Pair) {
        heap.append(pair)
        var child = heap.count - 1
        while child > 0, heap[child] < heap[(child - 1) / 2] {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Pair? {
        guard let top = heap.first, let last = heap.popLast() else { return nil }
        if heap.isEmpty { return top }
        heap[0] = last
        var parent = 0
        while true {
            var smallest = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child] < heap[smallest] {
                smallest = child
            }
            if smallest == parent { return top }
            heap.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
