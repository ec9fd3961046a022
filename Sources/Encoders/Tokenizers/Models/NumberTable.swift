/// 64-bit values by 64-bit keys: merges by pair of tokens, trie edges by node and byte.
///
/// Open addressing in one array; the hash is seeded by the process, so that no file can be written to make it
/// slow.
struct NumberTable: Sendable {
    private var slots: [(key: UInt64, value: UInt64)]
    private var mask: Int
    private(set) var count = 0

    private static let empty = UInt64.max
    private static let seed = UInt64.random(in: .min ... .max) | 1

    /// An empty table with room for `capacity` entries.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = Array(repeating: (NumberTable.empty, 0), count: size)
        mask = size - 1
    }

    @inline(__always)
    private func place(_ key: UInt64) -> Int {
        let product = (key ^ NumberTable.seed).multipliedFullWidth(
            by: 0x9E37_79B9_7F4A_7C15 ^ NumberTable.seed)
        var place = Int(truncatingIfNeeded: product.high ^ product.low) & mask
        while slots[place].key != key, slots[place].key != NumberTable.empty { place = (place + 1) & mask }
        return place
    }

    /// The value of a key, nil when there is none. A key must not have all bits set.
    @inline(__always)
    subscript(key: UInt64) -> UInt64? {
        let slot = slots[place(key)]
        return slot.key == NumberTable.empty ? nil : slot.value
    }

    /// Sets a key's value.
    mutating func set(_ key: UInt64, _ value: UInt64) {
        let place = place(key)
        if slots[place].key == NumberTable.empty { count += 1 }
        slots[place] = (key, value)
        guard count * 2 > slots.count else { return }
        let old = slots
        slots = Array(repeating: (NumberTable.empty, 0), count: old.count * 2)
        mask = slots.count - 1
        for slot in old where slot.key != NumberTable.empty { slots[self.place(slot.key)] = slot }
    }
}

/// Byte strings with numbers, looked up by what a text begins with.
struct ByteTrie: Sendable {
    private var edges: NumberTable
    private var values: [Int32] = [-1]

    /// An empty trie with room for `capacity` strings.
    init(capacity: Int) { edges = NumberTable(capacity: capacity * 4) }

    /// Adds a string, or replaces its number.
    mutating func insert(_ key: some Collection<UInt8>, _ value: Int32) {
        var node: UInt64 = 0
        for byte in key {
            let edge = node << 8 | UInt64(byte)
            if let next = edges[edge] {
                node = next
            } else {
                let next = UInt64(values.count)
                values.append(-1)
                edges.set(edge, next)
                node = next
            }
        }
        values[Int(node)] = value
    }

    /// Calls `body` for each string that the text has at `start`, the shortest first.
    @inline(__always)
    func forEachPrefix(
        of text: UnsafeBufferPointer<UInt8>, at start: Int, _ body: (_ end: Int, _ value: Int32) -> Void
    ) {
        var node: UInt64 = 0, offset = start
        while offset < text.count, let next = edges[node << 8 | UInt64(text[offset])] {
            node = next
            offset += 1
            let value = values[Int(node)]
            if value >= 0 { body(offset, value) }
        }
    }
}
