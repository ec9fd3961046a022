import SystemPackage
import SystemSupport

/// The search for the neighbours of every row: steps over all rows, until a sample shows that enough were found.
///
/// Most near rows are found by a careless search, and nearly all others among the neighbours of neighbours, which
/// costs far less than a search that finds them by itself. How much each step finds depends on the vectors, so it is
/// measured.
struct NeighborPass {
    /// What is done for every row.
    enum Step {
        /// Every row that counts is scored.
        case scoreAll
        /// Near rows are looked for in buckets.
        case seed
        /// They are looked for more carefully.
        case seedAgain
        /// The neighbours of neighbours are looked at.
        case join
        /// A search that promises the recall by itself.
        case search
    }

    /// Lists shorter than this tell too little of what is around a row.
    private static let leastWidth = 10
    private static let approximate: [Step] = [.seed, .join, .join, .seedAgain, .join, .search]
    /// The shares of a bucket's rows for which it may be looked through, the least careful first.
    private static let shares: [Float] = (0..<10).map { 0.008 / Float(1 << $0) }

    /// So much more than the recall allows may be missing where rows that have a row as a neighbour are not known yet:
    /// by them less than half of it is found.
    private static let patience = 1.5
    /// So much smaller a share of its rows is enough to look through a bucket the second time.
    private static let carefulness: Float = 8

    private let pass: AllRowsPass
    /// Neighbours that are wanted.
    private let width: Int
    private let progress: @Sendable (Int) -> Void
    private let steps: [Step]

    init(_ pass: AllRowsPass, width: Int, progress: @escaping @Sendable (Int) -> Void) {
        self.pass = pass
        self.width = width
        self.progress = progress
        let count = pass.snapshot.count
        let candidates = pass.options.filter?.count ?? count
        if pass.options.wantsEveryRow || candidates <= VectorSnapshot.smallCount || 4 * width >= count {
            steps = [.scoreAll]
        } else if pass.snapshot.parts.allSatisfy({ $0.segment.partition == nil }) {
            // All codes are looked at anyway.
            steps = [.search]
        } else {
            steps = Self.approximate
        }
    }

    /// Goes over the rows, and returns the lists with the number of the step that left the last ones.
    func run(file: FilePath?) throws(IndexError) -> (NeighborLists, step: Int) {
        let length = steps.count == 1 ? width : max(width, min(Self.leastWidth, pass.snapshot.count - 1))
        let lists = try NeighborLists(pass, width: length, question: UInt64(width), path: file)
        // What a killed pass has finished; the steps after it are gone on with.
        let finished = steps.indices.last { step in
            pass.blocks.indices.allSatisfy { lists.has(block: $0, step: step) }
        }
        if let finished, finished == lists.lastStep {
            progress(pass.snapshot.count)
            return (lists, finished)
        }
        if steps.count == 1 {
            try run(0, of: lists, sample: nil)
            try lists.end(0)
            return (lists, 0)
        }
        guard let sample = NeighborSample(pass, lists, count: width) else { throw .interrupted }
        var step = finished ?? 0
        if finished == nil { try run(0, of: lists, sample: sample) }
        while step + 1 < steps.count, !sample.shows(pass.options.recall, step: step) {
            step += 1
            try run(step, of: lists, sample: sample)
        }
        try lists.end(step)
        progress(pass.snapshot.count)
        return (lists, step)
    }

    /// The share of a bucket's rows for which it has to be looked through, so that enough is found after the neighbours
    /// of neighbours were looked at: tried on the sample.
    private func share(_ sample: NeighborSample?, _ lists: NeighborLists) -> Float {
        guard let sample else { return Self.shares[0] }
        let missable = Self.patience * (1 - Double(pass.options.recall))
        return Self.shares.dropLast().first {
            Interruption.isRequested || 1 - recall(sample, lists, share: $0) <= missable
        } ?? Self.shares[Self.shares.count - 1]
    }

    /// What rows of the sample, their near rows, and those near to these have to tell of a row's neighbours.
    private func recall(_ sample: NeighborSample, _ lists: NeighborLists, share: Float) -> Double {
        let snapshot = pass.snapshot, options = pass.options, buffers = ScanBuffers(), seen = RowSet()
        let seeding = NeighborSeeding(snapshot, options: options, share: share, width: lists.width)
        return sample.recall { query in
            let near = seeding.nearest(query)
            var best = BestNeighbors(capacity: lists.width)
            seen.removeAll()
            _ = seen.insert(UInt32(query.row))
            for neighbor in near where seen.insert(UInt32(neighbor.row)) { best.offer(neighbor) }
            var others: [UInt32] = []
            for neighbor in near {
                let beyond = pass.withQuery(lists.position(of: neighbor.row), seeding.nearest) ?? []
                others += beyond.lazy.map { UInt32($0.row) }.filter(seen.insert)
            }
            others.withUnsafeBufferPointer {
                snapshot.offer($0, query.exact, options.filter, buffers: buffers, to: &best)
            }
            return best.sorted()
        }
    }

    /// Does one step for all rows whose lists it has not left yet.
    private func run(_ step: Int, of lists: NeighborLists, sample: NeighborSample?) throws(IndexError) {
        let snapshot = pass.snapshot, options = pass.options, width = lists.width
        lists.begin(step)
        func forEachRow<Worker: Sendable>(
            worker: @Sendable () -> Worker, _ nearest: @Sendable (AllRowsPass.Query, Worker) -> [Neighbor]
        ) -> Bool {
            pass.forEachBlock(
                except: { lists.has(block: $0, step: step) }, progress: progress(ofStep: step), worker: worker
            ) { number, worker in
                var found: [PlacedNeighbors] = []
                pass.forEachRow(ofBlock: number) { found.append(($0.position.position, nearest($0, worker))) }
                return lists.write(block: number, step: step, found)
            }
        }
        let isComplete: Bool
        switch steps[step] {
        case .scoreAll:
            isComplete = forEachRow(worker: { ScanBuffers() }) { scoreAll($0, $1, count: width) }
        case .seed:
            let share = share(sample, lists)
            isComplete = forEachRow(
                worker: { NeighborSeeding(snapshot, options: options, share: share, width: width) }
            ) { $1.nearest($0) }
        case .seedAgain:
            let share = share(sample, lists) / Self.carefulness
            isComplete = forEachRow(
                worker: { NeighborSeeding(snapshot, options: options, share: share, width: width) }
            ) { merged($1.nearest($0), of: $0.row, lists, before: step) }
        case .join:
            let reverse = ReverseLists(lists, step: step - 1)
            isComplete = forEachRow(
                worker: {
                    NeighborJoin(snapshot, options: options, lists: lists, step: step - 1, reverse: reverse)
                }
            ) { $1.nearest($0) }
        case .search:
            isComplete = forEachRow(worker: { SnapshotSearch(snapshot, options: options) }) { query, search in
                var best = emptyList(width)
                search.findNearest(query.exact, count: width, excluded: query.place, best: &best)
                return merged(best.sorted(), of: query.row, lists, before: step)
            }
        }
        try lists.check()
        guard isComplete else { throw .interrupted }
    }

    private func emptyList(_ width: Int) -> BestNeighbors {
        BestNeighbors(capacity: width, minimum: pass.options.minimum ?? -.infinity)
    }

    /// The best of what was found and what the step before has left.
    private func merged(
        _ found: [Neighbor], of row: Int, _ lists: NeighborLists, before step: Int
    ) -> [Neighbor] {
        guard step > 0 else { return found }
        var best = emptyList(lists.width)
        for neighbor in found { best.offer(neighbor) }
        for neighbor in lists.neighbors(of: row, step: step - 1) where !best.contains(row: neighbor.row) {
            best.offer(neighbor)
        }
        return best.sorted()
    }

    private func scoreAll(_ query: AllRowsPass.Query, _ buffers: ScanBuffers, count: Int) -> [Neighbor] {
        let snapshot = pass.snapshot, options = pass.options
        var best = emptyList(count)
        if let filter = options.filter, filter.count <= VectorSnapshot.smallCount {
            snapshot.scoreChosen(
                filter, query.exact, excluded: query.place, buffers: buffers, best: &best)
            return best.sorted()
        }
        for (index, part) in snapshot.parts.enumerated() {
            query.exact.scoreAll(
                part, allowed: snapshot.allowed(index, options.filter),
                excluded: index == query.place.part ? query.place.row : -1, buffers: buffers, best: &best)
        }
        return best.sorted()
    }

    /// What a step says of its progress: all of what is to be done if it is the only one, half of what is left otherwise.
    private func progress(ofStep step: Int) -> @Sendable (Int) -> Void {
        let count = pass.snapshot.count, isOnly = steps.count == 1, progress = progress
        return { rows in
            let before = isOnly ? 0 : count - count >> step
            progress(isOnly ? rows : before + (rows >> (step + 1)))
        }
    }
}

/// The position of a row and its neighbours, best first.
typealias PlacedNeighbors = (position: Int, neighbors: [Neighbor])
