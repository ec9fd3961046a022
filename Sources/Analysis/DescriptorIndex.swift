import CKernels

/// Pictures by the descriptors of their local features: tells which share many with another picture.
///
/// Eight tables hold every descriptor under a key of some of its bits; descriptors of one patch, though they differ in
/// a few bits, have at least one key in common more often than not, and pictures have many patches (locality-sensitive
/// hashing by bit sampling: Indyk and Motwani, STOC 1998). What is met under a key is compared in full before it counts.
/// Keys that a great many descriptors have (plain edges, letters, leaves) tell nothing and are passed over.
///
/// Patches of different things are alike by chance, hundreds of them in pictures with many corners. What counts is how
/// many agree on one turn and one change of scale (weak geometric consistency: Jégou, Douze and Schmid, ECCV 2008), and a
/// patch that few pictures have counts more than the edges and letters of many (Sparck Jones 1972).
public struct DescriptorIndex: Sendable {
    /// A picture and how many descriptors it shares with the one asked for.
    public struct Vote: Sendable, Equatable {
        /// The picture's position in the list the index was made from.
        public let position: Int
        /// Descriptors of the other picture that have one near them in this picture, turned and scaled alike, each
        /// counted 1 and once more for each time that the pictures are twice as many as those that have it.
        public let weight: Int

        /// Makes a vote.
        public init(position: Int, weight: Int) { (self.position, self.weight) = (position, weight) }
    }

    /// The patches of a picture.
    public struct Patches: Sendable {
        /// The descriptors, 4 words each.
        public var words: [UInt64]
        /// How each is turned, in 256ths of a circle.
        public var turns: [UInt8]
        /// How large each is: thirds of an octave above some size.
        public var sizes: [UInt8]

        /// Patches of equally many descriptors, turns and sizes.
        public init(words: [UInt64], turns: [UInt8], sizes: [UInt8]) {
            precondition(words.count == DescriptorIndex.words * turns.count && sizes.count == turns.count)
            (self.words, self.turns, self.sizes) = (words, turns, sizes)
        }
    }

    /// Words of a descriptor.
    public static let words = 4
    /// Descriptors that differ in at most so many of their 256 bits are taken for one patch.
    public static let distance = 60

    private let pictureCount: Int
    private let descriptors: [UInt64]
    private let owners: [UInt32]
    /// Where the descriptors of each picture begin, and where the last ones end.
    private let firsts: [UInt32]
    private let turns: [UInt8], sizes: [UInt8]
    private let keyBits: UInt32, masks: ck_key_masks
    /// The tables one after the other, as `ck_meet_descriptors` reads them.
    private let starts: [UInt32], entries: [UInt32]

    /// Indexes pictures given by their patches. Takes some 72 bytes a descriptor.
    public init(_ pictures: [Patches]) {
        pictureCount = pictures.count
        let total = pictures.reduce(0) { $0 + $1.turns.count }
        var all: [UInt64] = []
        all.reserveCapacity(total * Self.words)
        var owners: [UInt32] = [], firsts: [UInt32] = []
        owners.reserveCapacity(total)
        for (position, patches) in pictures.enumerated() {
            firsts.append(UInt32(owners.count))
            all += patches.words
            owners += repeatElement(UInt32(position), count: patches.turns.count)
        }
        self.firsts = firsts + [UInt32(total)]
        turns = pictures.flatMap(\.turns)
        sizes = pictures.flatMap(\.sizes)
        descriptors = all
        self.owners = owners
        let bits = UInt32(max(8, min(22, Int.bitWidth - total.leadingZeroBitCount - 1)))
        keyBits = bits
        var masks = ck_descriptor_key_masks(bits)
        self.masks = masks
        let tables = Int(CK_DESCRIPTOR_TABLES), keyCount = 1 << Int(bits)
        var starts = [UInt32](repeating: 0, count: tables * (keyCount + 1))
        var entries = [UInt32](repeating: 0, count: tables * total)
        var keys = [UInt32](repeating: 0, count: total)
        for table in 0..<tables {
            let start = table * (keyCount + 1)
            all.withUnsafeBufferPointer { all in
                guard let first = all.baseAddress else { return }
                ck_descriptor_keys(first, total, &masks, table, &keys)
            }
            for key in keys { starts[start + Int(key) + 1] += 1 }
            for key in 0..<keyCount { starts[start + key + 1] += starts[start + key] }
            var next = starts[start..<start + keyCount]
            for index in 0..<total {
                let key = start + Int(keys[index])
                entries[table * total + Int(next[key])] = UInt32(index)
                next[key] += 1
            }
        }
        (self.starts, self.entries) = (starts, entries)
    }

    /// Working memory of one thread.
    public struct Scratch {
        /// What speaks for each picture, by turn and scale, and the most of one turn and scale.
        fileprivate var weights: [UInt16] = [], peaks: [UInt16] = []
        /// The last descriptor that was met in a picture, and in which turns and scales.
        fileprivate var stamps: [UInt32] = [], bins: [SIMD4<UInt64>] = []
        fileprivate var stamp: UInt32 = 0
        /// Where the present descriptor was met: pictures and bins, and how many pictures.
        fileprivate var met: [(owner: UInt32, bin: UInt32)] = [], owners = 0
        /// What was met under the keys of some descriptors.
        fileprivate var meetings = [ck_meeting](
            repeating: ck_meeting(),
            count: Int(CK_DESCRIPTOR_ASKED * CK_DESCRIPTOR_TABLES * CK_DESCRIPTOR_BUCKET))
        /// Pictures that something speaks for.
        fileprivate var touched: [Int] = []

        /// Nothing yet; it grows with the first question, to 450 bytes an indexed picture.
        public init() {}

        fileprivate mutating func prepare(for pictures: Int) {
            guard peaks.count < pictures else { return }
            weights = [UInt16](repeating: 0, count: pictures * DescriptorIndex.binCount)
            peaks = [UInt16](repeating: 0, count: pictures)
            stamps = [UInt32](repeating: 0, count: pictures)
            bins = [SIMD4<UInt64>](repeating: .zero, count: pictures)
            stamp = 0
        }

        /// Begins with the next descriptor.
        fileprivate mutating func advance() {
            met.removeAll(keepingCapacity: true)
            owners = 0
            stamp &+= 1
            if stamp == 0 {  // after 2^32 questions the old stamps would mean something again
                for index in stamps.indices { stamps[index] = 0 }
                stamp = 1
            }
        }

        /// Notes that the present descriptor was met, once for each turn and scale of a picture.
        @inline(__always)
        fileprivate mutating func meet(_ owner: Int, bin: Int) {
            let bit = UInt64(1) << UInt64(bin & 63)
            if stamps[owner] != stamp {
                stamps[owner] = stamp
                bins[owner] = .zero
                owners += 1
            }
            guard bins[owner][bin >> 6] & bit == 0 else { return }
            bins[owner][bin >> 6] |= bit
            met.append((UInt32(owner), UInt32(bin)))
        }

        /// Ends the present descriptor: it speaks for where it was met.
        fileprivate mutating func count(among pictures: Int) {
            guard owners > 0 else { return }
            let rarity = pictures / owners
            let weight = UInt16(Int.bitWidth - rarity.leadingZeroBitCount)
            for (owner, bin) in met {
                let place = Int(owner) * DescriptorIndex.binCount + Int(bin)
                weights[place] = min(weights[place], .max - weight) + weight
                if peaks[Int(owner)] == 0 { touched.append(Int(owner)) }
                if weights[place] > peaks[Int(owner)] { peaks[Int(owner)] = weights[place] }
            }
        }

        /// The most weight of two turns and two scales that stand beside each other.
        private func weight(of owner: Int) -> Int {
            let (turns, scales) = (DescriptorIndex.turnBins, DescriptorIndex.scaleBins)
            var best = 0
            for turn in 0..<turns {
                let first = owner * turns * scales + turn * scales
                let second = owner * turns * scales + (turn + 1) % turns * scales
                for scale in 0..<scales - 1 {
                    let sum =
                        Int(weights[first + scale]) + Int(weights[first + scale + 1])
                        + Int(weights[second + scale]) + Int(weights[second + scale + 1])
                    best = max(best, sum)
                }
            }
            return best
        }

        /// What speaks for the pictures with the highest peaks, some `limit` of them; then all is forgotten.
        fileprivate mutating func votes(least: Int, limit: Int) -> [Vote] {
            var sorted = touched.map { peaks[$0] }
            sorted.sort(by: >)
            // Two turns and two scales have four times the peak at most.
            let lowest = max(Int(limit < sorted.count ? sorted[limit] : 0), (least + 3) / 4)
            var found: [Vote] = []
            for owner in touched {
                if Int(peaks[owner]) >= lowest {
                    let weight = weight(of: owner)
                    if weight >= least { found.append(Vote(position: owner, weight: weight)) }
                }
                peaks[owner] = 0
                let start = owner * DescriptorIndex.binCount
                for place in start..<start + DescriptorIndex.binCount { weights[place] = 0 }
            }
            touched.removeAll(keepingCapacity: true)
            return found.sorted { ($1.weight, $0.position) < ($0.weight, $1.position) }
        }
    }

    fileprivate static let turnBins = 16, scaleBins = 13
    fileprivate static let binCount = turnBins * scaleBins
    /// So many pictures are looked at closer than by their peaks.
    private static let shortlist = 96

    /// The pictures at positions below `end` that most speaks for, `least` at least, best first, `limit` at most.
    ///
    /// Costs 8 look-ups a descriptor, and a comparison for each descriptor met there.
    public func votes(
        for wanted: Patches, below end: Int, least: Int, limit: Int, scratch: inout Scratch
    ) -> [Vote] {
        scratch.prepare(for: pictureCount)
        let end = max(0, min(end, pictureCount)), count = wanted.turns.count
        for first in stride(from: 0, to: count, by: Int(CK_DESCRIPTOR_ASKED)) {
            let asked = first..<min(first + Int(CK_DESCRIPTOR_ASKED), count)
            let met = meet(asked, of: wanted, below: firsts[end], &scratch.meetings)
            var next = 0
            for index in asked {
                scratch.advance()
                while next < met, first + Int(scratch.meetings[next].asked) == index {
                    let entry = Int(scratch.meetings[next].entry)
                    let turn = Int((wanted.turns[index] &- turns[entry] &+ 8) >> 4)
                    let scale = (Int(wanted.sizes[index]) - Int(sizes[entry]) + Self.scaleBins) / 2
                    scratch.meet(
                        Int(owners[entry]),
                        bin: turn * Self.scaleBins + max(0, min(Self.scaleBins - 1, scale)))
                    next += 1
                }
                scratch.count(among: end)
            }
        }
        return Array(scratch.votes(least: least, limit: max(limit, Self.shortlist)).prefix(limit))
    }

    /// Meets the indexed descriptors near some of those that are wanted; returns how many there are.
    private func meet(
        _ asked: Range<Int>, of wanted: Patches, below end: UInt32, _ meetings: inout [ck_meeting]
    ) -> Int {
        starts.withUnsafeBufferPointer { starts in
            entries.withUnsafeBufferPointer { entries in
                descriptors.withUnsafeBufferPointer { descriptors in
                    wanted.words.withUnsafeBufferPointer { words in
                        guard let starts = starts.baseAddress, let entries = entries.baseAddress,
                            let mine = descriptors.baseAddress, let words = words.baseAddress
                        else { return 0 }
                        var tables = ck_descriptor_tables(
                            starts: starts, entries: entries, descriptors: mine, count: owners.count,
                            key_bits: keyBits, masks: masks)
                        return ck_meet_descriptors(
                            &tables, words + asked.lowerBound * Self.words, asked.count, end,
                            UInt32(Self.distance), &meetings)
                    }
                }
            }
        }
    }
}
