import Foundation
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Files with bytes changed, cut, repeated and mixed (Fixtures/fuzz): the readers answer or throw, and what they answer
/// is true.
///
/// A campaign: IMGVEC_FUZZ_SECONDS=600 IMGVEC_FUZZ_SEED=2 swift test --filter ReaderFuzzTests
@Suite struct ReaderFuzzTests {
    private static let seconds = Platform.environment("IMGVEC_FUZZ_SECONDS").flatMap { Double($0) }
    private static let firstSeed = Platform.environment("IMGVEC_FUZZ_SEED").flatMap { UInt64($0) } ?? 1

    private static func corpus(_ kind: String) throws -> [[UInt8]] {
        let folder = Fixtures.path("fuzz/\(kind)")
        return try Folders.list(folder).map { try FileContents.read(folder.appending($0.name)).bytes }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Rounds from a fixed seed; with the variable set, further seeds until the time is over.
    private func campaign(_ kind: String, rounds: Int, _ check: ([UInt8], UInt64, Int) throws -> Void) throws
    {
        let corpus = try Self.corpus(kind)
        #expect(corpus.count >= 6)
        let end = Platform.monotonicSeconds() + (Self.seconds ?? 0)
        var seed = Self.firstSeed, total = 0
        repeat {
            var random = SeededRandom(seed: seed)
            for round in 0..<rounds {
                try check(Mutation.of(corpus, using: &random), seed, round)
                total += 1
            }
            seed += 1
        } while Platform.monotonicSeconds() < end
        if Self.seconds != nil { print("\(kind): \(total) changed files, seeds \(Self.firstSeed)..<\(seed)") }
    }

    @Test func safetensorsOpenWithEveryTensorInsideTheFile() throws {
        try campaign("safetensors", rounds: 4000) { bytes, seed, round in
            // The length in front follows the header in most rounds, or nothing behind it would ever be reached.
            var bytes = bytes
            if round % 4 != 0, let end = bytes.lastIndex(of: UInt8(ascii: "}")), end > 8 {
                bytes.replaceSubrange(
                    0..<8, with: withUnsafeBytes(of: UInt64(end - 7).littleEndian, Array.init))
            }
            bytes.withUnsafeBytes { bytes in
                do throws(SafeTensorsError) {
                    let file = try SafeTensors(bytes, name: "fuzz")
                    var end = file.headerRange.upperBound
                    for (_, entry) in file.entries.sorted(by: {
                        ($0.value.range.lowerBound, $0.value.range.upperBound)
                            < ($1.value.range.lowerBound, $1.value.range.upperBound)
                    }) {
                        #expect(entry.range.lowerBound == end, "seed \(seed), round \(round)")
                        end = entry.range.upperBound
                    }
                    #expect(end == bytes.count, "seed \(seed), round \(round)")
                    for name in file.entries.keys {
                        if let weights = try? file.weights(name) {
                            let values = weights.tensor().values
                            #expect(
                                values.count == weights.shape.reduce(1, *), "seed \(seed), round \(round)")
                        }
                    }
                } catch {
                    #expect(!error.description.contains("\n"), "seed \(seed), round \(round)")
                }
            }
        }
    }

    /// What is read as JSON is JSON to Foundation too.
    @Test func jsonReaderAcceptsOnlyJSON() throws {
        try campaign("json", rounds: 4000) { bytes, seed, round in
            do throws(JSONError) {
                _ = try JSON.parse(bytes)
            } catch {
                #expect(error.offset >= 0 && error.offset <= bytes.count, "seed \(seed), round \(round)")
                return
            }
            let isJSON =
                (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            #expect(isJSON, "seed \(seed), round \(round): \(String(decoding: bytes, as: UTF8.self))")
        }
    }
}
