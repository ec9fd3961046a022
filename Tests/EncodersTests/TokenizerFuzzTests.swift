import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Tokenizer files with bytes changed, cut and repeated: whatever they lead to, it is an error or a tokenizer whose
/// numbers are in its vocabulary.
@Suite struct TokenizerFuzzTests {
    private static let files = [
        "gpt2.json", "roberta.json", "llama3.json", "llama2.json", "bert-uncased.json", "siglip.json",
        "unigram-bytes.json", "parts.json", "word-level.json", "gpt2-files/vocab.json",
        "gpt2-files/merges.txt",
        "bert-files/vocab.txt", "small.tiktoken",
    ]

    private static func mutated(_ original: [UInt8], using random: inout SeededRandom) -> [UInt8] {
        var bytes = original
        let syntax = Array("0123456789[]{},:\"\\-+*?()|^$.pPuUe \ntruefalsnull".utf8)
        // The settings of tokenizer.json stand before the vocabulary, and those of the model at its beginning.
        let head = original.firstRange(of: Array("\"vocab\"".utf8))?.lowerBound ?? original.count
        for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
            let reach = Bool.random(using: &random) ? min(bytes.count, head + 200) : bytes.count
            let place = Int.random(in: 0..<max(1, reach), using: &random)
            switch Int.random(in: 0..<7, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1, 2: bytes[place] = syntax.randomElement(using: &random) ?? 0
            case 3: bytes.insert(syntax.randomElement(using: &random) ?? 0, at: place)
            case 4:
                bytes.removeSubrange(
                    place..<min(bytes.count, place + Int.random(in: 1...40, using: &random)))
            case 5:
                let end = min(bytes.count, place + Int.random(in: 1...60, using: &random))
                bytes.insert(contentsOf: bytes[place..<end], at: place)
            default:
                if Int.random(in: 0..<8, using: &random) == 0 {
                    bytes.removeLast(Int.random(in: 0...bytes.count / 2, using: &random))
                }
            }
        }
        return bytes
    }

    private static func read(_ bytes: [UInt8], as name: String, _ other: [UInt8]) -> Tokenizer? {
        bytes.withUnsafeBytes { bytes in
            switch name {
            case "gpt2-files/vocab.json":
                other.withUnsafeBytes {
                    try? Tokenizer(vocabulary: bytes, merges: $0, family: .gpt2)
                }
            case "gpt2-files/merges.txt":
                other.withUnsafeBytes {
                    try? Tokenizer(vocabulary: $0, merges: bytes, family: .gpt2)
                }
            case "bert-files/vocab.txt": try? Tokenizer(wordPieces: bytes)
            case "small.tiktoken":
                try? Tokenizer(ranks: bytes, encoding: .o200k, specialTokens: ["<a>": 9000])
            default: try? Tokenizer(json: bytes)
            }
        }
    }

    @Test(arguments: files) func changedFilesNeverDoHarm(_ name: String) throws {
        // Longer campaigns: IMGVEC_FUZZ_ROUNDS=100000 IMGVEC_FUZZ_SEED=2 swift test --filter TokenizerFuzzTests
        let rounds = Platform.environment("IMGVEC_FUZZ_ROUNDS").flatMap { Int($0) } ?? 60
        let start = Platform.environment("IMGVEC_FUZZ_SEED").flatMap { UInt64($0) } ?? 1
        let seed = name.utf8.reduce(start) { $0 &* 31 &+ UInt64($1) }
        var random = SeededRandom(seed: seed)
        let folder = Fixtures.path("tokenizers")
        let original = try FileContents.read(folder.pushing(FilePath(name))).bytes
        let partner = name == "gpt2-files/vocab.json" ? "gpt2-files/merges.txt" : "gpt2-files/vocab.json"
        let other = try FileContents.read(folder.pushing(FilePath(partner))).bytes
        #expect(TokenizerFuzzTests.read(original, as: name, other) != nil)
        let texts = TokenizerParityTests.texts
        var readable = 0
        for round in 0..<rounds {
            let bytes = TokenizerFuzzTests.mutated(original, using: &random)
            guard let tokenizer = TokenizerFuzzTests.read(bytes, as: name, other) else { continue }
            readable += 1
            for _ in 0..<4 {
                let text = texts.randomElement(using: &random) ?? []
                guard let tokens = try? tokenizer.encode(text, padding: true) else { continue }
                #expect(tokens.allSatisfy { $0 >= 0 }, "\(name), seed \(seed), round \(round)")
                _ = try? tokenizer.decode(tokens)
            }
        }
        // Hardly a change of vocab.json leaves all pieces that its merges need.
        #expect(rounds < 60 || readable > 0 || name.hasSuffix("vocab.json"), "\(name), seed \(seed)")
    }
}
