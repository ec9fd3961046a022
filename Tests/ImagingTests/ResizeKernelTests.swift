import CKernels
import TestSupport
import Testing

/// The passes of a resize, in all versions the processor runs, beside the sums that they are.
@Suite struct ResizeKernelTests {
    /// Random inputs and weights of each output, not those of a filter: up to thousands, and some outputs overshoot.
    private struct Weights {
        var starts: [Int32] = [], counts: [Int32] = [], values: [Int32] = []
        let taps: Int

        init(inputs: Int, outputs: Int, most: Int, using random: inout SeededRandom) {
            taps = min(inputs, most)
            for _ in 0..<outputs {
                let count = Int.random(in: 1...taps, using: &random)
                starts.append(Int32(Int.random(in: 0...inputs - count, using: &random)))
                counts.append(Int32(count))
                let largest = Int32(3 << (CK_RESIZE_PRECISION_BITS - 1)) / Int32(count)
                for _ in 0..<taps { values.append(Int32.random(in: -largest / 2...largest, using: &random)) }
            }
            starts.sort()
            for (output, start) in starts.enumerated() {
                counts[output] = min(counts[output], Int32(inputs) - start)
            }
            // What follows the last may be anything.
            for _ in 0..<CK_RESIZE_PADDING {
                values.append(Int32.random(in: -9...9, using: &random) * 99_999)
            }
        }

        func withFilter<R>(_ body: (UnsafePointer<ck_resize_filter>) -> R) -> R? {
            starts.withUnsafeBufferPointer { starts in
                counts.withUnsafeBufferPointer { counts in
                    values.withUnsafeBufferPointer { values in
                        guard let first = starts.baseAddress, let count = counts.baseAddress,
                            let value = values.baseAddress
                        else { return nil }
                        let filter = ck_resize_filter(
                            output_count: starts.count, taps: taps, starts: first, counts: count,
                            coefficients: value)
                        return withUnsafePointer(to: filter, body)
                    }
                }
            }
        }

        /// What an output is, of inputs that lie `stride` apart.
        func sum(_ output: Int, of bytes: [UInt8], from first: Int, stride: Int) -> UInt8 {
            var sum: Int64 = 1 << Int64(CK_RESIZE_PRECISION_BITS - 1)
            for tap in 0..<Int(counts[output]) {
                let input = bytes[first + (Int(starts[output]) + tap) * stride]
                sum += Int64(input) * Int64(values[output * taps + tap])
            }
            return UInt8(clamping: sum >> Int64(CK_RESIZE_PRECISION_BITS))
        }
    }

    private static let versions = (0...9).compactMap { ck_resize_version($0) }.map(\.pointee)

    @Test(arguments: [1, 3]) func passesAreTheirSums(channels: Int) throws {
        var random = SeededRandom(seed: 23)
        print("passesAreTheirSums: seed 23, \(Self.versions.count) versions")
        for round in 0..<24 {
            // Now and then long rows, or many outputs.
            let width = Int.random(in: round % 8 == 0 ? 2000...3000 : 1...150, using: &random)
            let height = Int.random(in: 1...(round % 8 < 2 ? 18 : 40), using: &random)
            let outputs = Int.random(in: 1...(round % 8 == 1 ? 600 : 20), using: &random)
            let bytes = (0..<width * height * channels).map { _ in UInt8.random(in: 0...255, using: &random) }
            let most = [3000, 1, 7, 40][round % 4]
            let across = Weights(inputs: width, outputs: outputs, most: most, using: &random)
            let down = Weights(inputs: height, outputs: outputs, most: most, using: &random)
            let rowBytes = width * channels
            let wide = (0..<height).flatMap { row in
                (0..<outputs * channels).map {
                    across.sum(
                        $0 / channels, of: bytes, from: row * rowBytes + $0 % channels, stride: channels)
                }
            }
            let high = (0..<outputs).flatMap { row in
                (0..<rowBytes).map { down.sum(row, of: bytes, from: $0, stride: rowBytes) }
            }
            for (number, version) in Self.versions.enumerated() {
                var (found, other) = (
                    [UInt8](repeating: 7, count: wide.count), [UInt8](repeating: 7, count: high.count)
                )
                across.withFilter { version.horizontal(bytes, height, width, channels, $0, &found) }
                down.withFilter { version.vertical(bytes, rowBytes, $0, &other) }
                try #require(found == wide, "round \(round), version \(number), across")
                try #require(other == high, "round \(round), version \(number), down")
            }
        }
    }
}
