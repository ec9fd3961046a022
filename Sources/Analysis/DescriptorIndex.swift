/// Pictures by the descriptors of their local features: tells which share many with another picture.
///
/// Eight tables hold every descriptor under a key of some of its bits; descriptors of one patch, though they differ in
/// a few bits, have at least one key in common more often than not, and pictures have many patches (locality-sensitive
/// hashing by bit sampling: Indyk and Motwani, STOC 1998). What is met under a key is compared in full before it counts.
/// Keys that a great many descriptors have (plain edges, letters, leaves) tell nothing and are passed over.
public struct DescriptorIndex: Sendable {
    /// A picture and how many descriptors it shares with the one asked for.
    public struct Vote: Sendable, Equatable {
        /// The picture's position in the list the index was made from.
        public let position: Int
        /// Descriptors of the other picture that have one near them in this picture.
        public let count: Int
    }

    /// Words of a descriptor.
    public static let words = 4
    /// Descriptors that differ in at most so many of their 256 bits are taken for one patch.
    public static let distance = 60
    private static let tableCount = 8
    private static let largestBucket = 64

    private let pictureCount: Int
    private let descriptors: [UInt64]
    private let owners: [UInt32]
    private let keyBits: Int
    private let tables: [Table]

    /// Entries of one table, sorted by key.
    private struct Table: Sendable {
        var starts: [UInt32]
        var entries: [UInt32]
    }

    /// Indexes pictures given by their descriptors, 4 words each. Takes some 70 bytes a descriptor.
    public init(_ pictures: [[UInt64]]) {
        pictureCount = pictures.count
        let total = pictures.reduce(0) { $0 + $1.count / Self.words }
        var all: [UInt64] = []
        all.reserveCapacity(total * Self.words)
        var owners: [UInt32] = []
        owners.reserveCapacity(total)
        for (position, words) in pictures.enumerated() {
            let count = words.count / Self.words
            all += words.prefix(count * Self.words)
            owners += repeatElement(UInt32(position), count: count)
        }
        descriptors = all
        self.owners = owners
        let bits = max(8, min(22, Int.bitWidth - total.leadingZeroBitCount - 1))
        keyBits = bits
        tables = (0..<Self.tableCount).map { table in
            var starts = [UInt32](repeating: 0, count: (1 << bits) + 1)
            var keys = [UInt32](repeating: 0, count: total)
            all.withUnsafeBufferPointer { all in
                for index in 0..<total {
                    let key = Self.key(all, index * Self.words, table, bits)
                    keys[index] = key
                    starts[Int(key) + 1] += 1
                }
            }
            for key in 0..<(1 << bits) { starts[key + 1] += starts[key] }
            var next = starts
            var entries = [UInt32](repeating: 0, count: total)
            for index in 0..<total {
                let key = Int(keys[index])
                entries[Int(next[key])] = UInt32(index)
                next[key] += 1
            }
            return Table(starts: starts, entries: entries)
        }
    }

    /// One bit of every cell of the descriptor's patch, in directions that go round; with more than 16, bits of the
    /// upper quartile too.
    private static func key(
        _ words: UnsafeBufferPointer<UInt64>, _ start: Int, _ table: Int, _ bits: Int
    ) -> UInt32 {
        var key: UInt32 = 0
        for k in 0..<bits {
            let cell = k < 16 ? k : (5 * k + 3) & 15
            let bit = 8 * cell + (k < 16 ? table + 3 * k : table + 5 * k + 4) & 7
            let word = words[start + (k < 16 ? 0 : 2) + bit / 64]
            key = key << 1 | UInt32(truncatingIfNeeded: (word >> UInt64(bit & 63)) & 1)
        }
        return key
    }

    /// Working memory of one thread.
    public struct Scratch {
        fileprivate var counts: [UInt16] = []
        fileprivate var stamps: [UInt32] = []
        fileprivate var touched: [Int] = []
        fileprivate var stamp: UInt32 = 0

        /// Nothing yet; it grows with the first question.
        public init() {}
    }

    /// The pictures at positions below `end` that share the most descriptors with a picture, at least `least`, best
    /// first, `limit` at most.
    ///
    /// Costs 8 look-ups a descriptor, and a comparison for each descriptor met there.
    public func votes(
        for wanted: [UInt64], below end: Int, least: Int, limit: Int, scratch: inout Scratch
    ) -> [Vote] {
        if scratch.counts.count < pictureCount {
            scratch.counts = [UInt16](repeating: 0, count: pictureCount)
            scratch.stamps = [UInt32](repeating: 0, count: pictureCount)
            scratch.stamp = 0
        }
        var (counts, stamps, touched, stamp) = (
            scratch.counts, scratch.stamps, scratch.touched, scratch.stamp
        )
        scratch = Scratch()  // gives its arrays up, so that they are changed in place
        wanted.withUnsafeBufferPointer { wanted in
            descriptors.withUnsafeBufferPointer { mine in
                for first in stride(from: 0, to: wanted.count / Self.words * Self.words, by: Self.words) {
                    stamp &+= 1
                    if stamp == 0 {  // after 2^32 questions the old stamps would mean something again
                        for index in stamps.indices { stamps[index] = 0 }
                        stamp = 1
                    }
                    for (number, table) in tables.enumerated() {
                        let key = Int(Self.key(wanted, first, number, keyBits))
                        let bucket = Int(table.starts[key])..<Int(table.starts[key + 1])
                        guard bucket.count <= Self.largestBucket else { continue }
                        for place in bucket {
                            let entry = Int(table.entries[place])
                            let owner = Int(owners[entry])
                            guard owner < end, stamps[owner] != stamp else { continue }
                            let other = entry * Self.words
                            let differing =
                                (wanted[first] ^ mine[other]).nonzeroBitCount
                                + (wanted[first + 1] ^ mine[other + 1]).nonzeroBitCount
                                + (wanted[first + 2] ^ mine[other + 2]).nonzeroBitCount
                                + (wanted[first + 3] ^ mine[other + 3]).nonzeroBitCount
                            guard differing <= Self.distance else { continue }
                            stamps[owner] = stamp
                            if counts[owner] == 0 { touched.append(owner) }
                            counts[owner] &+= 1
                        }
                    }
                }
            }
        }
        var found: [Vote] = []
        for owner in touched {
            if Int(counts[owner]) >= least { found.append(Vote(position: owner, count: Int(counts[owner]))) }
            counts[owner] = 0
        }
        touched.removeAll(keepingCapacity: true)
        (scratch.counts, scratch.stamps, scratch.touched, scratch.stamp) = (counts, stamps, touched, stamp)
        found.sort { ($1.count, $0.position) < ($0.count, $1.position) }
        return Array(found.prefix(limit))
    }
}
