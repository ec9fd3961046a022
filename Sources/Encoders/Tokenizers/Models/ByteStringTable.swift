/// Numbers by byte string, for vocabularies of tens of thousands of entries that must load in milliseconds.
///
/// All strings stand one after the other in a single array; the hash is seeded by the process, so that no
/// file can be written to make it slow. Insertion and look-up take constant expected time.
struct ByteStringTable: Sendable {
    private struct Entry {
        let start: UInt32, length: UInt32
        var value: Int32
        let hash: UInt32
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    private var slots: [UInt32]  // entry number + 1, 0 where there is none; a power of two of them

    private static let seed = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max) | 1)

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
        let hash = ByteStringTable.hash(key)
        let slot = self.slot(of: key, hash)
        guard slots[slot] == 0, let start = UInt32(exactly: arena.count),
            let length = UInt32(exactly: key.count)
        else {
            return false
        }
        arena.append(contentsOf: key)
        entries.append(
            Entry(start: start, length: length, value: value, hash: UInt32(truncatingIfNeeded: hash)))
        slots[slot] = UInt32(entries.count)
        return true
    }

    /// The number of a string, nil when it is not in the table.
    func find(_ key: UnsafeRawBufferPointer) -> Int32? {
        let entry = slots[slot(of: key, ByteStringTable.hash(key))]
        return entry == 0 ? nil : entries[Int(entry) - 1].value
    }

    /// The string of entry `index`, in the order they were inserted, and its number.
    func entry(_ index: Int) -> (key: ArraySlice<UInt8>, value: Int32) {
        let entry = entries[index]
        return (arena[Int(entry.start)..<Int(entry.start) + Int(entry.length)], entry.value)
    }

    /// Whether the string of entry `index` is these two, one after the other.
    func isEntry(
        _ index: Int, _ first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        let entry = entries[index]
        guard Int(entry.length) == first.count + second.count else { return false }
        return arena.withUnsafeBufferPointer { arena in
            let middle = Int(entry.start) + first.count
            for index in 0..<first.count where arena[Int(entry.start) + index] != first[index] {
                return false
            }
            for index in 0..<second.count where arena[middle + index] != second[index] { return false }
            return true
        }
    }

    /// The number of entry `index`.
    func value(_ index: Int) -> Int32 { entries[index].value }

    /// Folded multiplications of eight bytes at a time with secret numbers (after Wang Yi's wyhash).
    @inline(__always)
    private static func hash(_ key: UnsafeRawBufferPointer) -> UInt64 {
        func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
            let product = a.multipliedFullWidth(by: b)
            return product.high ^ product.low
        }
        var state = seed.0 ^ UInt64(truncatingIfNeeded: key.count)
        var offset = 0
        while key.count - offset >= 8 {
            state = fold(state ^ key.loadUnaligned(fromByteOffset: offset, as: UInt64.self), seed.1)
            offset += 8
        }
        // The rest in one or two loads that may overlap what was read; the length tells strings apart.
        let rest: UInt64
        switch key.count - offset {
        case 0: rest = 0
        case 1...3:
            let middle = key[offset + (key.count - offset) / 2]
            rest = UInt64(key[offset]) << 16 | UInt64(middle) << 8 | UInt64(key[key.count - 1])
        default:
            let first = key.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            rest =
                UInt64(first) << 32
                | UInt64(key.loadUnaligned(fromByteOffset: key.count - 4, as: UInt32.self))
        }
        return fold(state ^ rest, seed.1 ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The slot that holds the key, or the empty one where it belongs.
    private func slot(of key: UnsafeRawBufferPointer, _ hash: UInt64) -> Int {
        let mask = slots.count - 1
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let entry = slots[slot]
            if entry == 0 || matches(entries[Int(entry) - 1], key, hash) { return slot }
            slot = (slot + 1) & mask
        }
    }

    private func matches(_ entry: Entry, _ key: UnsafeRawBufferPointer, _ hash: UInt64) -> Bool {
        guard entry.hash == UInt32(truncatingIfNeeded: hash), Int(entry.length) == key.count else {
            return false
        }
        return arena.withUnsafeBytes { arena in
            for index in 0..<key.count where arena[Int(entry.start) + index] != key[index] { return false }
            return true
        }
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: slots.count * 2)
        for index in entries.indices {
            // Keys differ, so the first free slot is theirs.
            let mask = slots.count - 1
            let key = entry(index).key
            var slot = Int(truncatingIfNeeded: key.withUnsafeBytes { ByteStringTable.hash($0) }) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(index + 1)
        }
    }
}
