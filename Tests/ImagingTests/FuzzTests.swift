import Imaging
import SystemSupport
import TestSupport
import Testing

/// Files with bytes changed, cut and repeated: whatever they lead to, it is a picture of the stated size or an error.
@Suite struct FuzzTests {
    private static let limits = DecodeLimits(maxMegapixels: 4, maxWorkingBytes: 64 << 20)

    private static func mutated(_ original: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = original
        let interesting: [UInt8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF]
        for _ in 0..<Int.random(in: 1...8, using: &random) where !bytes.isEmpty {
            // Half of the hits go where headers are.
            let reach = Bool.random(using: &random) ? min(bytes.count, 128) : bytes.count
            let at = Int.random(in: 0..<reach, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[at] = interesting.randomElement(using: &random) ?? 0
            case 2: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 3: bytes.removeLast(Int.random(in: 0...bytes.count / 2, using: &random))
            case 4:
                let end = min(bytes.count, at + Int.random(in: 1...16, using: &random))
                bytes.replaceSubrange(
                    at..<end,
                    with: repeatElement(interesting.randomElement(using: &random) ?? 0, count: end - at))
            default:
                let end = min(bytes.count, at + Int.random(in: 1...32, using: &random))
                bytes.insert(contentsOf: bytes[at..<end], at: at)
            }
        }
        return bytes
    }

    private func check(_ bytes: [UInt8], _ comment: @autoclosure () -> String) {
        do throws(ImagingError) {
            let decoded = try Picture(bytes: bytes).decoded(limits: Self.limits)
            let pixels = decoded.pixels
            #expect(pixels.pixels.count == 3 * pixels.width * pixels.height, "\(comment())")
            #expect(
                pixels.width == decoded.info.width && pixels.height == decoded.info.height, "\(comment())")
        } catch {
            if case .libraryMissing = error { Issue.record("\(comment()): \(error)") }
        }
        _ = try? Picture(bytes: bytes).decoded(minimumSide: 5, limits: Self.limits)
    }

    @Test(arguments: ImageFormat.allCases) func changedFilesNeverDoHarm(_ format: ImageFormat) throws {
        // Longer campaigns: IMGVEC_FUZZ_ROUNDS=100000 IMGVEC_FUZZ_SEED=2 swift test --filter FuzzTests
        let rounds = Platform.environment("IMGVEC_FUZZ_ROUNDS").flatMap { Int($0) } ?? 300
        let start = Platform.environment("IMGVEC_FUZZ_SEED").flatMap { UInt64($0) } ?? 1
        let seed = format.rawValue.utf8.reduce(start) { $0 &* 31 &+ UInt64($1) }
        var random = SeededRandom(seed: seed)
        var originals: [(String, [UInt8])] = []
        for name in try Picture.names(in: "formats") {
            let bytes = try Picture("formats/\(name)").bytes
            if Picture(bytes: bytes).format == format, bytes.count < 20_000 {
                originals.append((name, bytes))
            }
        }
        #expect(!originals.isEmpty)
        for round in 0..<rounds {
            let (name, original) = originals[round % originals.count]
            check(Self.mutated(original, using: &random), "\(name), seed \(seed), round \(round)")
        }
    }

    @Test(arguments: [
        "baseline.jpg", "rgb.png", "plain.gif", "lossy.webp", "lzw.tiff", "rle8.bmp", "plain.ppm",
        "plain.heic", "plain.avif",
    ])
    func filesCutAtAnyLengthNeverDoHarm(_ name: String) throws {
        let bytes = try Picture("formats/\(name)").bytes
        for count in stride(from: 0, to: bytes.count, by: max(1, bytes.count / 150)) {
            check(Array(bytes.prefix(count)), "\(name) cut to \(count)")
        }
    }
}
