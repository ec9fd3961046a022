// Times the vector index for Benchmarks/index.py, one thing a run; prints a line of JSON.
//
//     index-bench build FOLDER VECTORS.f32 DIMENSION [ROWS PER COMMIT]
//     index-bench query FOLDER QUERIES.f32 DIMENSION RECALL OUT.i64 [ROUNDS]
//     index-bench filtered FOLDER QUERIES.f32 DIMENSION RECALL LEFT_OUT
//     index-bench neighbors FOLDER DIMENSION THREADS RECALL OUT.i64
//     index-bench pairs FOLDER DIMENSION THREADS RECALL SIMILARITY OUT.i64
//     index-bench add FOLDER VECTORS.f32 DIMENSION
//
// Files are raw little-endian arrays, row after row; row i has the id i + 1.
import Foundation
import Synchronization
import SystemPackage
import VectorIndex

struct Failure: Error, CustomStringConvertible { let description: String }

/// A mapped file of floats.
struct Floats {
    private let data: Data
    let count: Int

    init(_ path: String) throws {
        data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
        count = data.count / MemoryLayout<Float>.stride
    }

    func withBuffer<T>(_ body: (UnsafeBufferPointer<Float>) throws -> T) rethrows -> T {
        try data.withUnsafeBytes { try body($0.bindMemory(to: Float.self)) }
    }

    subscript(range: Range<Int>) -> [Float] { withBuffer { Array($0[range]) } }
}

func space(_ dimension: String) throws -> VectorSpace {
    guard let dimension = Int(dimension) else { throw Failure(description: "'\(dimension)' is no dimension") }
    return VectorSpace(dimension: dimension, fingerprint: "benchmark")
}

/// Seconds of CPU time of the whole process: other programs on the machine change it less than wall time.
func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// The most memory the process ever held, in MiB, mapped files included; nil where the system does not tell it so.
func peakMemory() -> Double? { memory("VmHWM:") }

/// What `body` takes in seconds, and the most the process holds meanwhile but for mapped files, in MiB ("own_mib"), looked
/// at a hundred times a second.
func watched(_ body: () throws -> Void) throws -> [String: Double] {
    let most = Mutex(0.0), isDone = Atomic(false)
    let watch = Thread {
        while !isDone.load(ordering: .relaxed) {
            if let now = memory("RssAnon:") { most.withLock { $0 = max($0, now) } }
            usleep(10_000)
        }
    }
    watch.start()
    defer { isDone.store(true, ordering: .relaxed) }
    var result = try timed(body)
    result["own_mib"] = most.withLock { $0 }
    return result
}

func memory(_ name: String) -> Double? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) })
    else { return nil }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map {
        $0 / 1024
    }
}

func timed(_ body: () throws -> Void) rethrows -> [String: Double] {
    let clock = ContinuousClock(), cpu = processorTime()
    let wall = try clock.measure(body)
    let parts = wall.components
    return [
        "wall": Double(parts.seconds) + Double(parts.attoseconds) * 1e-18, "cpu": processorTime() - cpu,
    ]
}

func write(_ ids: [Int64], to path: String) throws {
    try ids.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: path)) }
}

func run(_ words: [String]) throws -> [String: Double] {
    guard words.count >= 3 else {
        throw Failure(description: "see the head of this program for its arguments")
    }
    let folder = FilePath(words[1])
    switch (words[0], words.count) {
    case ("build", 4...5), ("add", 4):
        let space = try space(words[3]), values = try Floats(words[2])
        let rows = values.count / space.dimension
        let batch = words.count > 4 ? Int(words[4]) ?? rows : rows
        return try timed {
            let store = try VectorStore(folder: folder, space: space)
            let first = store.highestID
            try values.withBuffer { values in
                for row in 0..<rows {
                    let vector = UnsafeBufferPointer(
                        rebasing: values[row * space.dimension..<(row + 1) * space.dimension])
                    try store.append(id: first + UInt64(row + 1), vector: vector)
                    if (row + 1) % batch == 0 { try store.commit() }
                }
            }
            try store.commit()
            if words[0] == "build" { _ = try store.compact() }
            try store.close()
        }
    case ("query", 6...7):
        let space = try space(words[3]), values = try Floats(words[2])
        var options = SearchOptions()
        options.recall = Float(words[4]) ?? 0.99
        let count = values.count / space.dimension
        let queries = (0..<count).map {
            values[$0 * space.dimension..<($0 + 1) * space.dimension]
        }
        var result: [String: Double] = [:]
        var snapshot: VectorSnapshot?
        let opening = try timed {
            let opened = try VectorSnapshot.open(folder: folder, space: space)
            _ = try opened.search(queries[0], count: 10, options: options)
            snapshot = opened
        }
        guard let snapshot else { return [:] }
        result["first_mib"] = peakMemory()
        var ids = [Int64](repeating: 0, count: count * 10)
        let rounds = words.count > 6 ? Int(words[6]) ?? 1 : 1
        var times: [Duration] = []
        func askAll() throws {
            times.removeAll(keepingCapacity: true)
            for (index, query) in queries.enumerated() {
                var hits: [Neighbor] = []
                times.append(
                    try ContinuousClock().measure {
                        hits = try snapshot.search(query, count: 10, options: options)
                    })
                for (rank, hit) in hits.enumerated() { ids[index * 10 + rank] = Int64(hit.id) - 1 }
            }
        }
        // Not timed: what is mapped becomes part of the process at its first use, as a peer's file when it is loaded.
        try askAll()
        let all = try timed { for _ in 0..<rounds { try askAll() } }
        try write(ids, to: words[5])
        for (name, value) in all { result[name] = value / Double(rounds * count) }
        result["first"] = opening["wall"]
        times.sort()
        for (name, share) in [("p50", 0.5), ("p95", 0.95)] {
            let parts = times[min(times.count - 1, Int(share * Double(times.count)))].components
            result[name] = Double(parts.seconds) + Double(parts.attoseconds) * 1e-18
        }
        return result
    case ("filtered", 6):
        // Without the rows nearest to each query, as a filter may leave out just those.
        let space = try space(words[3]), values = try Floats(words[2])
        let snapshot = try VectorSnapshot.open(folder: folder, space: space)
        let leftOut = Int(words[5]) ?? 1000, count = values.count / space.dimension
        var options = SearchOptions(), hits = 0, cpu = 0.0
        options.recall = Float(words[4]) ?? 0.99
        for index in 0..<count {
            let query = values[index * space.dimension..<(index + 1) * space.dimension]
            let all = try snapshot.search(query, count: leftOut + 10, options: .exact)
            let nearest = Set(all.prefix(leftOut).map(\.id)), wanted = Set(all.dropFirst(leftOut).map(\.id))
            options.filter = snapshot.filter { !nearest.contains($0) }
            var found: [Neighbor] = []
            cpu += try timed { found = try snapshot.search(query, count: 10, options: options) }["cpu"] ?? 0
            hits += found.count { wanted.contains($0.id) }
        }
        return ["recall": Double(hits) / Double(count * 10), "cpu": cpu / Double(count)]
    case ("neighbors", 6):
        let snapshot = try VectorSnapshot.open(folder: folder, space: try space(words[2]))
        var graph: NeighborGraph?, options = SearchOptions()
        options.recall = Float(words[4]) ?? 0.99
        var time = try watched {
            graph = try snapshot.neighbors(count: 10, threads: Int(words[3]) ?? 1, options: options)
        }
        guard let graph else { return [:] }
        time["peak_mib"] = peakMemory()
        var ids = [Int64](repeating: -1, count: graph.count * 10)
        for row in 0..<graph.count {
            for rank in 0..<graph.neighborCount(of: row) {
                ids[row * 10 + rank] = Int64(graph.ids[graph.neighborRow(of: row, rank: rank)]) - 1
            }
        }
        try write(ids, to: words[5])
        return time
    case ("pairs", 7):
        let snapshot = try VectorSnapshot.open(folder: folder, space: try space(words[2]))
        var found: [SimilarPair] = [], options = SearchOptions()
        options.recall = Float(words[4]) ?? 0.99
        var time = try watched {
            found = try snapshot.pairs(
                above: Float(words[5]) ?? 0.95, threads: Int(words[3]) ?? 1, options: options)
        }
        time["peak_mib"] = peakMemory()
        let ids = found.flatMap {
            [snapshot.id(ofRow: $0.a), snapshot.id(ofRow: $0.b)].map { Int64($0) - 1 }
        }
        try write(ids, to: words[6])
        time["pairs"] = Double(found.count)
        return time
    default: throw Failure(description: "'\(words.joined(separator: " "))' is no known measurement")
    }
}

do {
    var result = try run(Array(CommandLine.arguments.dropFirst()))
    result["peak_mib"] = result["peak_mib"] ?? peakMemory()
    let line = try JSONSerialization.data(withJSONObject: result, options: [.sortedKeys])
    print(String(decoding: line, as: UTF8.self))
} catch {
    FileHandle.standardError.write(Data("index-bench: \(error)\n".utf8))
    exit(2)
}
