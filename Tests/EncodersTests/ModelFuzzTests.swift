import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Models whose configuration or tensor table has been changed at random: they open or are refused, and nothing traps.
///
/// A campaign: IMGVEC_FUZZ_SECONDS=600 IMGVEC_FUZZ_SEED=2 swift test --filter ModelFuzzTests
@Suite struct ModelFuzzTests {
    static let names = [
        "clip-gelu", "dual", "timm-resnet", "resnet-transformers", "bert-dense", "bert-sentences", "roberta",
    ]

    @Test(arguments: names) func changedModelsAreRefusedOrBuilt(name: String) throws {
        let folder = try TemporaryFolder(), original = Fixtures.path("models/\(name)")
        let changed = [
            "config.json", "model.safetensors", "preprocessor_config.json", "modules.json",
            "1_Pooling/config.json",
        ]
        .filter { (try? FileStatus.of(original.pushing(FilePath($0)))) != nil }
        let texts = try changed.map { try FileContents.read(original.pushing(FilePath($0))).bytes }
        try copyModel(original, to: folder.path)
        let first = Platform.environment("IMGVEC_FUZZ_SEED").flatMap { UInt64($0) } ?? 1
        let seconds = Platform.environment("IMGVEC_FUZZ_SECONDS").flatMap { Double($0) } ?? 0
        let end = Platform.monotonicSeconds() + seconds / Double(Self.names.count)
        var seed = first, opened = 0, rounds = 0
        repeat {
            var random = SeededRandom(seed: seed)
            for _ in 0..<40 {
                let index = Int.random(in: 0..<changed.count, using: &random)
                let path = folder.path.pushing(FilePath(changed[index]))
                try mutated(texts[index], isWeights: changed[index].hasSuffix("safetensors"), using: &random)
                    .withUnsafeBytes { try AtomicFile.write($0, to: path) }
                if isOpening(folder.path) { opened += 1 }
                rounds += 1
                try texts[index].withUnsafeBytes { try AtomicFile.write($0, to: path) }
            }
            seed += 1
        } while Platform.monotonicSeconds() < end
        if seconds > 0 { print("\(name): \(rounds) changed models, \(opened) opened") }
        // The unchanged model is there again: what was refused was refused for the change.
        #expect(isOpening(folder.path))
    }

    private func mutated(_ bytes: [UInt8], isWeights: Bool, using random: inout SeededRandom) -> [UInt8] {
        guard isWeights else { return Mutation.of([bytes], using: &random) }
        let length = Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let header = Mutation.of([Array(bytes[8..<8 + length])], using: &random)
        return withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init) + header
            + bytes[(8 + length)...]
    }

    private func isOpening(_ path: FilePath) -> Bool {
        do {
            let model = try Model.load(path)
            _ = try model.layers.map { try model.reading($0).imageEncoder }
            _ = try model.textEncoder
            return true
        } catch {
            if "\(error)".contains("\n") { Issue.record("\(error)") }
            return false
        }
    }
}
