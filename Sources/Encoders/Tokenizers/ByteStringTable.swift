/// Numbers by byte string, for vocabularies of tens of thousands of entries that must load in milliseconds.
///
/// All strings stand one after the other in a single array; the hash is seeded by the process, so that no
/// file can be written to make it slow. Insertion and look-up take constant expected time.
struct ByteStringTable: Sendable {
    private struct Entry {
        let start: UInt32, length: UInt32
        let value: Int32
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    private var slots: [UInt32]  // entry number + 1, 0 where there is none; a power of two of them

    /// An empty table with room for `capacity` entries.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [UInt32](repeating: 0, count: size)
        entries.reserveCapacity(capacity)
        arena.reserveCapacity(capacity * 8)
    }

    /// Number of entries.
    var count: Int { entries.count }

    /// Adds a string; false, and no change, when it is there already or the table is full (4 GiB of strings).
    mutating func insert(_ key: UnsafeRawBufferPointer, _ value: Int32) -> Bool {
        if entries.count * 2 >= slots.count { grow() }
        let slot = self.slot(of: key)
        guard slots[slot] == 0, let start = UInt32(exactly: arena.count),
            let length = UInt32(exactly: key.count)
        else {
            return false
        }
        arena.append(contentsOf: key)
        entries.append(Entry(start: start, length: length, value: value))
        slots[slot] = UInt32(entries.count)
        return true
    }

    /// The number of a string, nil when it is not in the table.
    func find(_ key: UnsafeRawBufferPointer) -> Int32? {
        let entry = slots[slot(of: key)]
        return entry == 0 ? nil : entries[Int(entry) - 1].value
    }

    /// The string of entry `index`, in the order they were inserted, and its number.
    func entry(_ index: Int) -> (key: ArraySlice<UInt8>, value: Int32) {
        let entry = entries[index]
        return (arena[Int(entry.start)..<Int(entry.start) + Int(entry.length)], entry.value)
    }

    /// The slot that holds the key, or the empty one where it belongs.
    private func slot(of key: UnsafeRawBufferPointer) -> Int {
        var hasher = Hasher()
        hasher.combine(bytes: key)
        let mask = slots.count - 1
        var slot = hasher.finalize() & mask
        while true {
            let entry = slots[slot]
            if entry == 0 || matches(entries[Int(entry) - 1], key) { return slot }
            slot = (slot + 1) & mask
        }
    }

    private func matches(_ entry: Entry, _ key: UnsafeRawBufferPointer) -> Bool {
        guard Int(entry.length) == key.count else { return false }
        return arena.withUnsafeBytes { arena in
            for index in 0..<key.count where arena[Int(entry.start) + index] != key[index] { return false }
            return true
        }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for index in entries.indices {
            let slot = Array(entry(index).key).withUnsafeBytes { self.slot(of: $0) }
            slots[slot] = UInt32(index + 1)
        }
    }
}
