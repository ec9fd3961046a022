// What finding candidates for copies costs: swift run -c release --package-path Benchmarks/CopyScale copy-scale ROWS [STEP …]
//
// Steps: hashes, turned, features, vectors (default: all). Every picture gets a random hash, seven for the turned ones,
// as many descriptors as the search gives it at that size, and a vector of 256 numbers from one of ROWS / 50 clusters;
// every tenth picture is a copy of the one before with some bits changed. A third of the descriptors is drawn from 4,096 common patterns with a
// quarter of their bits changed, so that keys are as unevenly used as those of photographs.
import Analysis
import Foundation
import SystemPackage
import VectorIndex

struct Random: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    /// A word in which each bit is set with the chance of a quarter, or an eighth.
    mutating func sparse(_ halvings: Int) -> UInt64 { (0..<halvings).reduce(~0) { word, _ in word & next() } }
}

func usage() -> rusage {
    var usage = rusage()
    #if canImport(Glibc)
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    #else
        getrusage(RUSAGE_SELF, &usage)
    #endif
    return usage
}

/// What other programs do matters less to it than to the clock on the wall.
func processorSeconds() -> Double {
    let used = usage()
    return Double(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
        + Double(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6
}

/// Prints a line at once, also into a file or a pipe: a step may take minutes.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

func measured(_ name: String, _ body: () throws -> Int) rethrows {
    let start = Date(), used = processorSeconds()
    let found = try body()
    let seconds = Date().timeIntervalSince(start), processor = processorSeconds() - used
    say(
        "\(name): \(Int(seconds * 1000)) ms, CPU \(Int(processor * 1000)) ms, \(found) pairs, peak memory \(Int(usage().ru_maxrss) / 1024) MB"
    )
}

let arguments = CommandLine.arguments.dropFirst()
guard let rows = arguments.first.flatMap({ Int($0) }), rows > 1 else {
    say("usage: CopyScale ROWS [hashes|turned|features|vectors ...]")
    exit(2)
}
let steps =
    arguments.dropFirst().isEmpty
    ? ["hashes", "turned", "features", "vectors"] : Array(arguments.dropFirst())
let threads = ProcessInfo.processInfo.activeProcessorCount
say("\(rows) rows, \(threads) threads")

func hashes(_ seed: UInt64) -> [SIMD4<UInt64>] {
    var random = Random(state: seed)
    var list: [SIMD4<UInt64>] = []
    for row in 0..<rows {
        if row % 10 == 9, let last = list.last {
            list.append(last ^ SIMD4(random.sparse(4), random.sparse(4), random.sparse(4), random.sparse(5)))
        } else {
            list.append(SIMD4(random.next(), random.next(), random.next(), random.next()))
        }
    }
    return list
}

/// The patches of a picture, always the same; a copy is turned by a right angle and half as large.
func patches(_ row: Int, _ count: Int) -> DescriptorIndex.Patches {
    let isCopy = row % 10 == 9
    var random = Random(state: UInt64(isCopy ? row - 1 : row) ^ 0x5DEE_CE66)
    var turns: [UInt8] = [], sizes: [UInt8] = []
    for _ in 0..<count {
        let word = random.next()
        turns.append(UInt8(truncatingIfNeeded: word) &+ (isCopy ? 64 : 0))
        sizes.append(UInt8((word >> 8) % 8) + (isCopy ? 3 : 0))
    }
    return DescriptorIndex.Patches(words: descriptors(row, count), turns: turns, sizes: sizes)
}

/// The descriptors of a picture, always the same.
func descriptors(_ row: Int, _ count: Int) -> [UInt64] {
    let isCopy = row % 10 == 9
    var random = Random(state: UInt64(isCopy ? row - 1 : row) &* 0x1000_0001)
    var words: [UInt64] = []
    for _ in 0..<count {
        if random.next() % 3 == 0 {
            var pattern = Random(state: random.next() % 4096)
            for _ in 0..<4 { words.append(pattern.next() ^ random.sparse(2)) }
        } else {
            for _ in 0..<4 { words.append(random.next()) }
        }
    }
    guard isCopy else { return words }
    // Two in five corners are found again, with an eighth of the bits changed.
    var change = Random(state: UInt64(row))
    for index in 0..<count {
        let isFound = change.next() % 5 < 2
        for word in 0..<4 {
            words[4 * index + word] = isFound ? words[4 * index + word] ^ change.sparse(3) : change.next()
        }
    }
    return words
}

if steps.contains("hashes") {
    let list = hashes(1)
    measured("hash join, one thread") { HashJoin.pairs(list, within: 31).count }
}
if steps.contains("turned") {
    let list = hashes(1)
    // Five ways that undo themselves, and one of the two quarter turns.
    measured("hash joins of six orientations, one thread") {
        (1...6).reduce(0) { sum, way in
            sum + HashJoin.pairs(list, with: hashes(UInt64(way)), within: 31, isSymmetric: way < 6).count
        }
    }
}
if steps.contains("features") {
    let corners = max(64, Int(640 * (10_000 / Double(max(rows, 10_000))).squareRoot()))
    let part = max(1, 3_000_000 / corners)
    measured("shared patches, \(corners) corners a picture, one thread") {
        var pairs = 0, right = 0, copies = 0
        var total = 0.0, making = 0.0
        var scratch = DescriptorIndex.Scratch()
        for start in stride(from: 0, to: rows, by: part) {
            let end = min(start + part, rows)
            let material = (start..<end).map { patches($0, corners) }
            var began = processorSeconds()
            let index = DescriptorIndex(material)
            making += processorSeconds() - began
            // Of each part's questions some 500 are asked, and the time is told for all.
            let asked = (0..<500).map { start + Int(Double(rows - start) * (Double($0) + 0.5) / 500) }
            let questions = asked.map { patches($0, corners) }
            began = processorSeconds()
            for (row, asking) in zip(asked, questions) {
                var best: Int?
                for _ in 0..<2 {  // as it is, and mirrored
                    let votes = index.votes(
                        for: asking, below: min(row - start, end - start), least: 16, limit: 24,
                        scratch: &scratch)
                    pairs += votes.count
                    best = votes.first?.position
                }
                if row % 10 == 9, row - 1 < end {
                    copies += 1
                    if best == row - 1 - start { right += 1 }
                }
            }
            let seconds = (processorSeconds() - began) / Double(asked.count)
            total += seconds * Double(rows - start)
            say(
                "  part of \(end - start): \(Int(seconds * 1_000_000)) µs CPU a picture that asks, \(rows - start) of them"
            )
        }
        say(
            "  making the parts takes \(Int(making)) s of CPU, all questions would take \(Int(total)) s; of \(copies) copies asked for, \(right) come first"
        )
        return pairs
    }
}
if steps.contains("vectors") {
    let folder = FilePath(FileManager.default.temporaryDirectory.path).appending("copy-scale-\(getpid())")
    defer { try? FileManager.default.removeItem(atPath: folder.string) }
    let space = VectorSpace(dimension: 256, fingerprint: "0123456789abcdef")
    let store = try VectorStore(folder: folder, space: space, precision: .float16)
    var random = Random(state: 3)
    let clusters = max(1, rows / 50)
    for row in 0..<rows {
        var centre = Random(state: random.next() % UInt64(clusters))
        let vector = (0..<256).map { _ in
            Float(Int64(bitPattern: centre.next()) >> 40) + Float(Int64(bitPattern: random.next()) >> 40)
        }
        try store.append(id: UInt64(row + 1), vector: vector)
        if row % 100_000 == 99_999 { try store.commit() }
    }
    try store.commit()
    try store.close()
    let snapshot = try VectorSnapshot.open(folder: folder, space: space)
    try measured("16 nearest neighbours of every vector") {
        try snapshot.neighbors(count: 16, threads: threads).count
    }
}
