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
