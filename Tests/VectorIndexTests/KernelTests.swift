#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import CKernels
import TestSupport
import Testing

/// Every instruction set gives what the portable kernels give.
@Suite struct KernelTests {
    static let levels: [ck_simd_level] = [ck_simd_avx2, ck_simd_avx512, ck_simd_neon].filter {
        ck_simd_supports($0)
    }

    private func both(_ level: ck_simd_level) throws -> (portable: ck_index_kernels, other: ck_index_kernels)
    {
        (
            try #require(ck_index_kernels_for(ck_simd_portable)).pointee,
            try #require(ck_index_kernels_for(level)).pointee
        )
    }

    @Test(arguments: levels) func estimatesAgree(_ level: ck_simd_level) throws {
        let (portable, other) = try both(level)
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            let words = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 24, 31][Int.random(in: 0..<12, using: &random)]
            let rows = Int.random(in: 1...70, using: &random)
            let planes = (0..<4 * words).map { _ in random.next() }
            let codes = (0..<rows * words).map { _ in random.next() }
            let scale = (0..<rows).map { _ in random.normal() }
            let offset = (0..<rows).map { _ in random.normal() }
            let error = (0..<rows).map { _ in abs(random.normal()) }
            // One more than needed, to see that nothing is written past the end.
            var a = [Float](repeating: -77, count: rows + 1), aUpper = a, b = a, bUpper = a
            planes.withUnsafeBufferPointer { planes in
                guard let base = planes.baseAddress else { return }
                var query = ck_code_query(
                    planes: base, words: words, step: 0.013, base: 0.2, margin: 1.7, noise: 1)
                portable.estimate(&query, codes, scale, offset, error, rows, &a, &aUpper)
                other.estimate(&query, codes, scale, offset, error, rows, &b, &bUpper)
            }
            #expect(b[rows] == -77 && bUpper[rows] == -77, "seed \(seed)")
            for row in 0..<rows {
                #expect(
                    abs(a[row] - b[row]) <= 1e-5 * max(1, abs(a[row])),
                    "seed \(seed) words \(words) row \(row)")
                #expect(abs(aUpper[row] - bUpper[row]) <= 1e-5 * max(1, abs(aUpper[row])), "seed \(seed)")
            }
        }
    }

    /// Every level, the portable one too, against what the header says.
    @Test(arguments: levels + [ck_simd_portable]) func bucketsWithinReachAreListed(_ level: ck_simd_level)
        throws
    {
        let kernels = try #require(ck_index_kernels_for(level)).pointee
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        for count in [0, 1, 7, 16, 33, 500] {
            var products = (0..<count).map { _ in random.normal() }
            var spreads = (0..<count).map { _ in abs(random.normal()) }
            let errors = (0..<count).map { _ in abs(random.normal()) / 5 }
            var starts: [UInt32] = [5]
            for _ in 0..<count { starts.append((starts.last ?? 0) + .random(in: 0...3, using: &random)) }
            if count > 30 {
                (products[3], spreads[4], products[5], products[6]) = (.nan, .nan, .infinity, -.infinity)
                for i in 3..<6 where starts[i] == starts[i + 1] {
                    for j in i + 1...count { starts[j] += 1 }
                }
            }
            var terms = ck_expectation(similarity: 0.7, deviation: 0.4, noise: 0.3, reach: 2)
            let room = (count + 15) / 16 * 16
            var numbers = [UInt32](repeating: 99, count: room + 1)
            var means = [Float](repeating: -77, count: room + 1)
            var (variances, sizes) = (means, means)
            let found = numbers.withUnsafeMutableBufferPointer { numbers in
                means.withUnsafeMutableBufferPointer { means in
                    variances.withUnsafeMutableBufferPointer { variances in
                        sizes.withUnsafeMutableBufferPointer { sizes in
                            guard let a = numbers.baseAddress, let b = means.baseAddress,
                                let c = variances.baseAddress, let d = sizes.baseAddress
                            else { return -1 }
                            var list = ck_reached_buckets(numbers: a, products: b, variances: c, sizes: d)
                            return kernels.reach(&terms, products, spreads, errors, starts, count, &list)
                        }
                    }
                }
            }
            #expect(numbers[room] == 99 && means[room] == -77 && variances[room] == -77 && sizes[room] == -77)
            var next = 0
            for i in 0..<count where starts[i] < starts[i + 1] {
                let (a, b) = (0.4 * spreads[i], 0.3 * errors[i])
                let variance = a * a + b * b
                let reached = products[i] + 2 * variance.squareRoot() - 0.7
                // What rounding decides may be listed or not.
                if abs(reached) < 1e-4, next >= found || Int(numbers[next]) != i { continue }
                if reached < -1e-4 { continue }
                try #require(next < found && Int(numbers[next]) == i, "seed \(seed) bucket \(i)")
                #expect(sizes[next] == Float(starts[i + 1] - starts[i]))
                #expect(means[next] == products[i] || products[i].isNaN)
                #expect(abs(variances[next] - variance) <= 1e-5 * variance || variance.isNaN)
                next += 1
            }
            #expect(next == found, "seed \(seed)")
        }
    }

    /// Every level, the portable one too, against the C library's normal distribution.
    @Test(arguments: levels + [ck_simd_portable]) func sharesAreThoseOfANormalDistribution(
        _ level: ck_simd_level
    ) throws {
        let kernels = try #require(ck_index_kernels_for(level)).pointee
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        for count in [0, 1, 7, 33, 500] {
            var products = (0..<count).map { _ in random.normal() }
            var variances = (0..<count).map { _ in abs(random.normal()) }
            let sizes = (0..<count).map { _ in Float(Int.random(in: -300...300, using: &random)) }
            if count > 30 {
                (products[3], variances[4], products[5], variances[6]) = (.nan, .nan, .infinity, 0)
            }
            var shares = [Float](repeating: -77, count: count + 1)
            var masses = ck_masses()
            kernels.shares(0.7, products, variances, sizes, count, &shares, &masses)
            #expect(shares[count] == -77)
            var (scanned, left, rows) = (0.0, 0.0, 0.0)
            for i in 0..<count {
                if sizes[i] < 0 {
                    scanned -= Double(shares[i] * sizes[i])
                } else {
                    left += Double(shares[i] * sizes[i])
                    rows += Double(sizes[i])
                }
                if products[i].isNaN || products[i] == .infinity {
                    #expect(shares[i] == 1)
                } else if !variances[i].isNaN {
                    let reach = max(1e-6, variances[i].squareRoot())
                    let share = Float(erfc(Double((0.7 - products[i]) / reach) / 2.0.squareRoot()) / 2)
                    #expect(abs(shares[i] - share) <= 2e-5 + 1e-3 * share, "seed \(seed)")
                }
            }
            for (sum, found) in [(scanned, masses.scanned), (left, masses.left), (rows, masses.rows)] {
                #expect(abs(Double(found) - sum) <= 1e-3 + 1e-4 * sum, "seed \(seed)")
            }
        }
    }

    @Test(arguments: levels) func selectionAgrees(_ level: ck_simd_level) throws {
        let (portable, other) = try both(level)
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            let count = Int.random(in: 0...90, using: &random)
            var values = (0..<count).map { _ in random.normal() }
            if count > 3 { values[1] = .nan; values[2] = 0.5 }
            for threshold: Float in [-.infinity, 0.5, 1.5, .infinity] {
                var a = [UInt32](repeating: 0, count: (count + 15) / 16 * 16 + 16), b = a
                let found = portable.select(values, count, threshold, &a)
                let same = other.select(values, count, threshold, &b)
                #expect(found == same && a.prefix(found) == b.prefix(found), "seed \(seed)")
                let expected = values.indices.filter { values[$0] >= threshold }
                #expect(a.prefix(found).map(Int.init) == expected, "seed \(seed)")
            }
        }
    }

    @Test(arguments: levels) func productsAgree(_ level: ck_simd_level) throws {
        let (portable, other) = try both(level)
        for seed in UInt64(1)...60 {
            var random = SeededRandom(seed: seed)
            let dimension = Int.random(in: 1...200, using: &random)
            let rows = Int.random(in: 1...9, using: &random)
            let query = (0..<dimension).map { _ in random.normal() }
            let floats = (0..<rows * dimension).map { _ in random.normal() }
            var halves = [UInt16](repeating: 0, count: floats.count)
            portable.narrow(floats, floats.count, &halves)
            let picks = (0..<5).map { _ in UInt32.random(in: 0..<UInt32(rows), using: &random) }
            var a = [Float](repeating: 0, count: rows), b = a
            portable.dot_f32(query, dimension, floats, nil, rows, &a)
            other.dot_f32(query, dimension, floats, nil, rows, &b)
            for row in 0..<rows {
                let exact = (0..<dimension).reduce(0.0) {
                    $0 + Double(query[$1]) * Double(floats[row * dimension + $1])
                }
                #expect(abs(Double(a[row]) - exact) < 1e-4, "seed \(seed)")
                #expect(abs(Double(b[row]) - exact) < 1e-4, "seed \(seed)")
            }
            portable.dot_f16(query, dimension, halves, nil, rows, &a)
            other.dot_f16(query, dimension, halves, nil, rows, &b)
            for row in 0..<rows { #expect(abs(a[row] - b[row]) < 1e-4, "seed \(seed)") }
            var c = [Float](repeating: 0, count: 5), d = c, e = c
            portable.dot_f16(query, dimension, halves, picks, 5, &c)
            other.dot_f16(query, dimension, halves, picks, 5, &d)
            other.dot_f32(query, dimension, floats, picks, 5, &e)
            for (i, pick) in picks.enumerated() {
                #expect(c[i] == a[Int(pick)] && d[i] == b[Int(pick)], "seed \(seed)")
                #expect(abs(e[i] - d[i]) < 0.05, "seed \(seed)")
            }
        }
    }

    @Test(arguments: levels) func conversionsAgree(_ level: ck_simd_level) throws {
        let (portable, other) = try both(level)
        let halves = (0...UInt16.max).map { $0 }
        var a = [Float](repeating: 0, count: halves.count), b = a
        portable.widen(halves, halves.count, &a)
        other.widen(halves, halves.count, &b)
        #expect(halves.allSatisfy { a[Int($0)].bitPattern == b[Int($0)].bitPattern || a[Int($0)].isNaN })
        var random = SeededRandom(seed: 5)
        var floats = (0..<20_001).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next())) }
        floats += [
            0, -0, 65_504, 65_519.99, 65_520, -65_520, 0x1p-14, 0x1p-24, 0x1p-25, 0x1.8p-25, .infinity,
        ]
        var c = [UInt16](repeating: 0, count: floats.count), d = c
        portable.narrow(floats, floats.count, &c)
        other.narrow(floats, floats.count, &d)
        #expect(floats.indices.first { !floats[$0].isNaN && c[$0] != d[$0] } == nil)
    }

    @Test func portableConversionIsRight() throws {
        #if !(os(macOS) && arch(x86_64))
            let kernels = try #require(ck_index_kernels_for(ck_simd_portable)).pointee
            let halves = (0...UInt16.max).map { $0 }
            var floats = [Float](repeating: 0, count: halves.count)
            kernels.widen(halves, halves.count, &floats)
            for (half, float) in zip(halves, floats) where !float.isNaN {
                #expect(float == Float(Float16(bitPattern: half)))
            }
            var random = SeededRandom(seed: 6)
            let values = (0..<20_000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
            }
            var narrowed = [UInt16](repeating: 0, count: values.count)
            kernels.narrow(values, values.count, &narrowed)
            for (value, half) in zip(values, narrowed) where !value.isNaN {
                #expect(half == Float16(value).bitPattern, "\(value)")
            }
        #endif
    }

    @Test(arguments: levels) func rotationsAgree(_ level: ck_simd_level) throws {
        let (portable, other) = try both(level)
        for length in [64, 128, 192, 256, 320, 384, 512, 768, 1024] {
            var random = SeededRandom(seed: UInt64(length))
            let signs = (0..<4 * length / 64).map { _ in random.next() }
            let vector = (0..<length).map { _ in random.normal() }
            var a = vector, b = vector
            portable.rotate(&a, length, signs)
            other.rotate(&b, length, signs)
            for i in 0..<length { #expect(abs(a[i] - b[i]) < 1e-4) }
        }
    }

    /// The rotation as the format document says it, in Double.
    @Test(arguments: [64, 192, 256, 768]) func rotationIsTheDocumentedOne(_ length: Int) throws {
        var random = SeededRandom(seed: UInt64(length) + 9)
        let signs = (0..<4 * length / 64).map { _ in random.next() }
        let vector = (0..<length).map { _ in random.normal() }
        var power = 64
        while power * 2 <= length { power *= 2 }
        var x = vector.map(Double.init)
        for round in 0..<4 {
            for i in 0..<length where signs[round * length / 64 + i / 64] >> UInt64(i % 64) & 1 == 1 {
                x[i] = -x[i]
            }
            let start = round % 2 == 0 ? 0 : length - power
            let part = Array(x[start..<start + power])
            for i in 0..<power {
                var sum = 0.0
                for j in 0..<power { sum += (i & j).nonzeroBitCount % 2 == 0 ? part[j] : -part[j] }
                x[start + i] = sum / Double(power).squareRoot()
            }
            if power < length {
                for i in 0..<length / 2 {
                    let a = x[i], b = x[i + length / 2]
                    x[i] = (a + b) * 0.5.squareRoot()
                    x[i + length / 2] = (a - b) * 0.5.squareRoot()
                }
            }
        }
        var rotated = vector
        try #require(ck_index_kernels_for(ck_simd_portable)).pointee.rotate(&rotated, length, signs)
        for i in 0..<length { #expect(abs(Double(rotated[i]) - x[i]) < 1e-4) }
        let before = vector.reduce(0) { $0 + $1 * $1 }
        let after = rotated.reduce(0) { $0 + $1 * $1 }
        #expect(abs(before - after) < 1e-3 * before)
    }

    @Test func aLevelIsChosenByName() {
        var reason: UnsafePointer<CChar>?
        let best = ck_simd_choice(nil, &reason)
        #expect(reason == nil && ck_simd_supports(best))
        #expect(ck_simd_choice("", &reason) == best && reason == nil)
        for level in [ck_simd_portable, ck_simd_avx2, ck_simd_avx512, ck_simd_neon] {
            let choice = ck_simd_choice(ck_simd_name(level), &reason)
            #expect(choice == (ck_simd_supports(level) ? level : ck_simd_portable))
            #expect((reason == nil) == ck_simd_supports(level))
            #expect((ck_index_kernels_for(level) == nil) != ck_simd_supports(level))
        }
        #expect(ck_simd_choice("sse9", &reason) == ck_simd_portable && reason != nil)
    }

    @Test func checksumsAgree() {
        #expect(ck_crc32c(0, Array("123456789".utf8), 9) == 0xE306_9283)
        #expect(ck_crc32c_portable(0, Array("123456789".utf8), 9) == 0xE306_9283)
        var random = SeededRandom(seed: 3)
        for length in [0, 1, 7, 8, 9, 63, 64, 1000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            let whole = ck_crc32c(0, bytes, length)
            #expect(whole == ck_crc32c_portable(0, bytes, length))
            let half = length / 2
            let parts = ck_crc32c(ck_crc32c(0, bytes, half), Array(bytes[half...]), length - half)
            #expect(whole == parts)
        }
    }

    /// Over random directions the estimate is right on average, and its spread is what the error factor says; when
    /// query and row lie in the same direction from the centre, the spread is smaller.
    @Test(arguments: [64, 256, 512], [Float(0), 1]) func estimateIsUnbiased(_ length: Int, _ shared: Float)
        throws
    {
        let kernels = ck_index_kernels_current().pointee
        var random = SeededRandom(seed: UInt64(length) + 1)
        func unit() -> [Float] { SyntheticVectors.unit((0..<length).map { _ in random.normal() }) }
        let trials = 600
        var sum = 0.0, squares = 0.0
        for _ in 0..<trials {
            let centre = unit().map { $0 * 0.6 }
            let mean = zip(centre, unit()).map { $0 + shared * 0.4 * $1 }
            let q = SyntheticVectors.unit(zip(mean, unit()).map { $0 + 0.6 * $1 })
            let x = SyntheticVectors.unit(zip(mean, unit()).map { $0 + 0.6 * $1 })
            var code = [UInt64](repeating: 0, count: length / 64)
            var factors: [Float] = [0, 0, 0]
            ck_encode(x, centre, length, &code, &factors)
            var planes = [UInt64](repeating: 0, count: 4 * length / 64)
            var estimate: Float = 0, upper: Float = 0
            planes.withUnsafeMutableBufferPointer { planes in
                guard let base = planes.baseAddress else { return }
                var query = ck_code_query(planes: base, words: 0, step: 0, base: 0, margin: 0, noise: 0)
                ck_quantise(q, centre, length, 1, base, &query)
                kernels.estimate(&query, code, [factors[0]], [factors[1]], [factors[2]], 1, &estimate, &upper)
            }
            let exact = zip(q, x).reduce(0) { $0 + $1.0 * $1.1 }
            let deviation = Double((estimate - exact) / (upper - estimate))
            sum += deviation
            squares += deviation * deviation
        }
        #expect(abs(sum / Double(trials)) < 0.15, "mean \(sum / Double(trials))")
        let variance = squares / Double(trials)
        #expect(shared == 0 ? (0.8...1.2).contains(variance) : variance < 0.95, "variance \(variance)")
    }
}
