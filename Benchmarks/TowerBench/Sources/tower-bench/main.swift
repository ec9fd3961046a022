// One tower of imgvec as a worker of Benchmarks/towers.py.
//
//     tower-bench MODEL pictures fp32|int8 THREADS BATCH PIXELS.u8 SIDE OUT.f32
//     tower-bench MODEL text fp32 THREADS 1 TEXT - OUT.f32
//
// PIXELS.u8 holds pictures of SIDE x SIDE x 3 bytes. Writes the vectors of all of them (of the text) to OUT.f32, prints a
// line of JSON, then waits: for each line "SECONDS" on standard input it works that long and prints a line of
// JSON with what it did. Every thread encodes batches of its own, as indexing does.
import Encoders
import Foundation
import Imaging
import Synchronization
import SystemPackage

struct Failure: Error, CustomStringConvertible { let description: String }

func clock(_ id: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(id, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

func monotonic() -> Double { clock(CLOCK_MONOTONIC) }

/// The most memory the process ever held, in MiB; nil where the system does not tell it so.
func peakMemory() -> Double? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") })
    else { return nil }
    return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) }.map { $0 / 1024 }
}

func say(_ text: String) {
    print(text)
    fflush(nil)
}

let arguments = CommandLine.arguments
guard arguments.count == 9, let threads = Int(arguments[4]), let batch = Int(arguments[5]) else {
    throw Failure(
        description: "usage: tower-bench MODEL pictures|text fp32|int8 THREADS BATCH PIXELS|TEXT SIDE OUT")
}
let start = monotonic()
guard let numbers = Numbers(rawValue: arguments[3]) else {
    throw Failure(description: "no numbers '\(arguments[3])'")
}
let model = try Model.load(FilePath(arguments[1])).computing(in: numbers)

let work: @Sendable (Int) throws -> Int
let vectors: [Embedding]
if arguments[2] == "text" {
    guard let encoder = try model.textEncoder else { throw Failure(description: "no text tower") }
    let text = arguments[6]
    vectors = try encoder.encode([text])
    work = { _ in try encoder.encode([text]).count }
} else {
    guard let side = Int(arguments[7]), let encoder = try model.imageEncoder else {
        throw Failure(description: "no image tower")
    }
    let bytes = try Data(contentsOf: URL(fileURLWithPath: arguments[6]))
    let size = 3 * side * side
    let pictures = (0..<bytes.count / size).map { index in
        PixelBuffer(width: side, height: side, pixels: Array(bytes[index * size..<(index + 1) * size]))
    }
    // The peers are given pictures of the right size too.
    let prepared = pictures.map { encoder.preprocessing.pixels(from: $0) }
    vectors = try encoder.encode(prepared: prepared)
    work = { number in
        let batch = (0..<batch).map { prepared[(number * batch + $0) % prepared.count] }
        return try encoder.encode(prepared: batch).count
    }
}
let first = monotonic() - start
vectors.flatMap(\.values).withUnsafeBytes {
    FileManager.default.createFile(atPath: arguments[8], contents: Data($0))
}
say(#"{"first": \#(first), "rss": \#(peakMemory() ?? 0)}"#)

while let line = readLine(), let seconds = Double(line) {
    let done = Atomic<Int>(0), failed = Atomic<Bool>(false)
    let begin = monotonic(), used = clock(CLOCK_PROCESS_CPUTIME_ID)
    // As many batches as fit; every thread ends with a whole one, and its own end counts.
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
        var number = thread
        while monotonic() - begin < seconds {
            guard let count = try? work(number) else {
                failed.store(true, ordering: .relaxed)
                return
            }
            done.add(count, ordering: .relaxed)
            number += threads
        }
    }
    if failed.load(ordering: .relaxed) { throw Failure(description: "encoding failed") }
    let elapsed = monotonic() - begin
    say(
        #"{"items": \#(done.load(ordering: .relaxed)), "seconds": \#(elapsed), "#
            + #""cpu": \#(clock(CLOCK_PROCESS_CPUTIME_ID) - used), "rss": \#(peakMemory() ?? 0)}"#)
}
