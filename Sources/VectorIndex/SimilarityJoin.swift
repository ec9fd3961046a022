import CKernels
import Synchronization
import SystemSupport

/// All pairs of rows above a similarity, by bringing together codes that have some bits in common, again and again.
///
/// Each table sorts the codes by the bits at some random positions, and compares those with equal keys; what is near enough is
/// scored exactly. A pair is told of by the first table that brings it together, so that tables can be worked on in any
/// order, and by any thread. Cost: see `JoinPlan`; memory is 64 bytes a row for the codes, and for each
/// thread 8 a row and 4 for each key there can be, 64 MiB at most.
struct SimilarityJoin: Sendable {
    let snapshot: VectorSnapshot
    let plan: JoinPlan
    private let codes: SignCodes
    private let minimum: Float
    /// The positions of each table's bits, and the same as masks.
    private let positions: [UInt32], masks: [UInt64]

    /// Codes of a bucket that are gathered at a time; they stay in the second cache.
    private let tileRows: Int
    /// Passing over what the segments' codes rule out costs so many nanoseconds for each pair of rows.
    private static let scanning = 3.0

    /// A join of the rows that the options leave; nil when another way to find their pairs costs less.
    init?(
        _ snapshot: VectorSnapshot, above minimum: Float, options: SearchOptions, threads: Int,
        tileRows: Int = 2048
    ) {
        let rows = options.filter?.count ?? snapshot.count
        let words = max(8, snapshot.rotation.length / 64)
        // Codes are made only when they could pay: strangers have half of their bits in common at best.
        let hope = JoinPlan.cheapest(
            rows: rows, bits: 64 * words, similarity: minimum, recall: options.recall, strangers: [32 * words]
        )
        let limit = Self.scanning * Double(rows) * Double(rows)
        guard let hope, hope.cost < limit else { return nil }
        let codes = SignCodes(snapshot, filter: options.filter, threads: threads)
        let plan = JoinPlan.cheapest(
            rows: rows, bits: codes.bits, similarity: minimum, recall: options.recall,
            strangers: codes.distancesOfStrangers(100_000))
        guard let plan, plan.cost < limit else { return nil }
        (self.snapshot, self.plan, self.codes, self.minimum) = (snapshot, plan, codes, minimum)
        self.tileRows = tileRows
        var random = SplitMix(state: 0x7AB1_E5)
        var positions: [UInt32] = [], masks = [UInt64](repeating: 0, count: plan.tables * codes.words)
        for table in 0..<plan.tables {
            var drawn = Set<UInt32>()
            while drawn.count < plan.keyBits {
                let position = UInt32(random.next() % UInt64(codes.bits))
                guard drawn.insert(position).inserted else { continue }
                positions.append(position)
                masks[table * codes.words + Int(position / 64)] |= 1 << UInt64(position % 64)
            }
        }
        (self.positions, self.masks) = (positions, masks)
    }

    /// Calls `body` with the number and the pairs of each table, but those that `isDone` names.
    ///
    /// Stopped when the user asked for it meanwhile, or `body` did by returning false; too many when a table has more than `most`
    /// pairs, which `body` is not told of. `progress` is told how many rows that is worth, from one thread at a time.
    func forEachTable(
        except isDone: (Int) -> Bool, threads: Int, most: Int, progress: @escaping @Sendable (Int) -> Void,
        _ body: @Sendable (Int, [SimilarPair]) -> Bool
    ) -> JoinOutcome {
        let open = (0..<plan.tables).filter { !isDone($0) }
        let done = Mutex((tables: plan.tables - open.count, outcome: JoinOutcome.complete))
        @Sendable func tell(_ tables: Int) { progress(snapshot.count * tables / plan.tables) }
        if open.count < plan.tables { tell(plan.tables - open.count) }
        WorkerThreads.forEach(open.count, threads: threads) { index in
            if done.withLock({ $0.outcome != .complete }) { return }
            let pairs = pairs(ofTable: open[index], most: most)
            let outcome: JoinOutcome =
                pairs.count > most
                ? .tooMany
                : Interruption.isRequested || !body(open[index], pairs) ? .stopped : .complete
            done.withLock {
                guard outcome == .complete else { return $0.outcome = outcome }
                $0.tables += 1
                tell($0.tables)
            }
        }
        return done.withLock { $0.outcome }
    }

    /// The pairs that a table is the first to bring together; some more than `most` when there are more.
    private func pairs(ofTable table: Int, most: Int) -> [SimilarPair] {
        let count = codes.count, words = codes.words
        let entries = ScratchMemory<UInt32>(count)
        let starts = sort(table, into: entries)
        let tile = ScratchMemory<UInt64>(tileRows * words)
        let places = ScratchMemory<UInt32>(tileRows + 1)
        var scorer = PairScorer(snapshot: snapshot, codes: codes, minimum: minimum)
        func compare(_ member: Int, _ code: UnsafePointer<UInt64>, from: Int, _ rows: Range<Int>) {
            let found = ck_codes_within(
                code, tile.base + from * words, words, rows.count, UInt32(plan.distance), places.base)
            for i in 0..<found {
                let other = Int(entries.base[rows.lowerBound + Int(places.base[i])])
                if isFirst(table, code, codes.code(other)) { scorer.near.append(UInt32(other)) }
            }
            scorer.score(member)
        }
        for key in 0..<1 << plan.keyBits {
            let bucket = Int(starts.base[key])..<Int(starts.base[key + 1])
            guard bucket.count > 1 else { continue }
            if scorer.pairs.count > most || Interruption.isRequested { break }
            for first in stride(from: bucket.lowerBound, to: bucket.upperBound, by: tileRows) {
                let rows = first..<min(bucket.upperBound, first + tileRows)
                ck_gather_codes(codes.codes.base, words, entries.base + first, rows.count, tile.base)
                for (offset, place) in rows.enumerated() {
                    compare(
                        Int(entries.base[place]), tile.base + offset * words, from: offset + 1,
                        place + 1..<rows.upperBound)
                }
                // Those of a bucket larger than a tile meet each tile before their own.
                for place in rows.upperBound..<bucket.upperBound {
                    let member = Int(entries.base[place])
                    compare(member, codes.code(member), from: 0, rows)
                }
            }
        }
        return scorer.pairs
    }

    /// Sorts the rows by their keys; those of key k stand from the k-th start on.
    private func sort(_ table: Int, into entries: ScratchMemory<UInt32>) -> ScratchMemory<UInt32> {
        let count = codes.count, keys = ScratchMemory<UInt32>(count)
        positions.withUnsafeBufferPointer {
            guard let base = $0.baseAddress else { return }
            ck_join_keys(
                codes.codes.base, codes.words, count, base + table * plan.keyBits, UInt32(plan.keyBits),
                keys.base)
        }
        let starts = ScratchMemory<UInt32>((1 << plan.keyBits) + 1)
        // What follows a key's rows is where they end, and, while they are put in place, where the next one goes.
        for i in 0..<count { starts.base[Int(keys.base[i]) + 1] += 1 }
        for key in 0..<1 << plan.keyBits { starts.base[key + 1] += starts.base[key] }
        for i in stride(from: count - 1, through: 0, by: -1) {
            let key = Int(keys.base[i]) + 1
            starts.base[key] -= 1
            entries.base[Int(starts.base[key])] = UInt32(i)
        }
        // Each place now has the start of the key before it.
        for key in 0..<1 << plan.keyBits { starts.base[key] = starts.base[key + 1] }
        starts.base[1 << plan.keyBits] = UInt32(count)
        return starts
    }

    /// Whether no earlier table brings two codes together.
    private func isFirst(_ table: Int, _ a: UnsafePointer<UInt64>, _ b: UnsafePointer<UInt64>) -> Bool {
        masks.withUnsafeBufferPointer { masks in
            for earlier in 0..<table {
                var rest: UInt64 = 0
                for word in 0..<codes.words {
                    rest |= (a[word] ^ b[word]) & masks[earlier * codes.words + word]
                }
                if rest == 0 { return false }
            }
            return true
        }
    }

    /// What tells the results of this join from those of others with the same question.
    var identity: UInt64 {
        var fields = FieldWriter()
        for value in [plan.keyBits, plan.tables, plan.distance, codes.words] { fields.append(UInt64(value)) }
        return UInt64(Kernels.checksum(fields.bytes))
    }
}

/// How a join ended.
enum JoinOutcome { case complete, stopped, tooMany }

/// Scores pairs exactly that are near by their codes.
private struct PairScorer {
    let snapshot: VectorSnapshot
    let codes: SignCodes
    let minimum: Float
    /// The rows to score one with.
    var near: [UInt32] = []
    private(set) var pairs: [SimilarPair] = []
    private let vector: ScratchMemory<Float>
    private let buffers = ScanBuffers()

    init(snapshot: VectorSnapshot, codes: SignCodes, minimum: Float) {
        (self.snapshot, self.codes, self.minimum) = (snapshot, codes, minimum)
        vector = ScratchMemory(snapshot.space.dimension)
    }

    /// Keeps the pairs that a row makes with those near it.
    mutating func score(_ member: Int) {
        guard !near.isEmpty else { return }
        let row = codes.snapshotRow(member), place = snapshot.locate(row)
        let own = snapshot.parts[place.part].segment
        own.copyVector(ofRow: place.row, to: vector.base)
        // The stored factor, so that the similarity of two rows is the same from both sides.
        let exact = ExactQuery(vector: vector.base, inverseNorm: own.inverseNorm[place.row])
        var first = 0
        let others = near.map { snapshot.locate(codes.snapshotRow(Int($0))) }
        while first < others.count {
            var last = first
            while last < others.count, last - first < ScanBuffers.blockRows,
                others[last].part == others[first].part
            {
                last += 1
            }
            let part = snapshot.parts[others[first].part]
            exact.score(part, rows: others[first..<last].lazy.map { UInt32($0.row) }, buffers: buffers) {
                other, similarity in
                guard similarity >= minimum else { return }
                let other = part.snapshotRow(other)
                pairs.append(SimilarPair(a: min(row, other), b: max(row, other), similarity: similarity))
            }
            first = last
        }
        near.removeAll(keepingCapacity: true)
    }
}
