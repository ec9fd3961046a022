import Encoders
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct TokenizerTests {
    static func golden() throws -> JSON {
        let file = try MappedFile(Fixtures.path("golden/models/tokens.json"))
        return try JSON.parse(file.bytes)
    }

    /// The same numbers as transformers for 2,000 texts; and the same texts back.
    @Test(arguments: ["clip-quick-gelu", "clip-gelu", "dual"])
    func agreesWithTransformers(name: String) throws {
        let rows = try #require(try TokenizerTests.golden()[name]?.array)
        let encoder = try #require(try Model.load(Fixtures.path("models/\(name)")).textEncoder)
        #expect(rows.count >= 100)
        for row in rows {
            let fields = try #require(row.array)
            let text = try #require(fields[0].string)
            let expected = try #require(fields[1].numbers).map { Int32($0) }
            #expect(try encoder.tokenizer.encode(text) == expected, "\(text.debugDescription)")
            if fields.count > 2 {
                let tokenizer = try #require(encoder.tokenizer as? BytePairTokenizer)
                let pieces = try tokenizer.pieces(text)
                let decoded = tokenizer.decode(try tokenizer.tokens(text))
                #expect(decoded == fields[2].string, "\(text.debugDescription) \(pieces)")
            }
        }
    }
}

@Suite struct TokenizerFileTests {
    private func read(_ name: String) throws -> [UInt8] {
        try FileContents.read(Fixtures.path("models/\(name)")).bytes
    }

    private func tokenizer(_ vocabulary: [UInt8], _ merges: [UInt8]) throws -> BytePairTokenizer {
        try vocabulary.withUnsafeBytes { vocabulary in
            try merges.withUnsafeBytes {
                try BytePairTokenizer(vocabulary: vocabulary, merges: $0, maximumLength: 40)
            }
        }
    }

    /// `tokenizer.json` and the older pair of files say the same.
    @Test func bothLayoutsAgree() throws {
        let json = try read("clip-gelu/tokenizer.json")
        let tokenizer = try json.withUnsafeBytes { try BytePairTokenizer(tokenizer: $0, maximumLength: 10) }
        #expect(try tokenizer.encode("a photo of a cat").count <= 10)
        #expect(tokenizer.count == 420)
        let long = try tokenizer.encode(String(repeating: "cat ", count: 50))
        #expect(long.count == 10 && long.first == tokenizer.startToken && long.last == tokenizer.endToken)
    }

    @Test func namesWhatIsWrong() throws {
        let vocabulary = Array(#"{"a":0,"b</w>":1,"<|startoftext|>":2,"<|endoftext|>":3}"#.utf8)
        let merges = Array("#version: 0.2\na b</w>\n".utf8)
        // The pair's result is not in the vocabulary.
        let lacking = try tokenizer(vocabulary, merges)
        #expect(throws: TokenizerError.missingPiece("ab</w>")) { try lacking.encode("ab") }
        #expect(try lacking.encode("a!") == [2, 3, 3, 3])
        for (old, new, problem) in [
            ("<|endoftext|>", "<|end|>", "the vocabulary lacks '<|endoftext|>'"),
            (":1", ":0", "token 0 has two pieces"),
            (":1", ":-1", "not valid JSON: expected a token number below 4194304 at byte 17"),
            (":1", ":1.5", "not valid JSON: expected a whole number of at most 18 digits at byte 16"),
            ("\"b</w>\"", "\"a\"", "not valid JSON: expected each piece only once at byte 12"),
        ] {
            let text = String(decoding: vocabulary, as: UTF8.self).replacing(old, with: new)
            #expect(throws: TokenizerError.file("vocab.json", problem)) {
                try tokenizer(Array(text.utf8), merges)
            }
        }
        #expect(throws: TokenizerError.file("merges.txt beside vocab.json", "line 2 is not a pair of pieces"))
        {
            try tokenizer(vocabulary, Array("a b</w>\nabc\n".utf8))
        }
    }

    /// A very long word takes n log n steps, not n².
    @Test func longWordsAreNoTrouble() throws {
        let tokenizer = try tokenizer(read("dual/vocab.json"), read("dual/merges.txt"))
        #expect(try tokenizer.encode(String(repeating: "photograph", count: 5_000)).count == 40)
        #expect(try tokenizer.encode(String(repeating: "<", count: 50_000)).count == 40)
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func survivesMutations(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let vocabulary = try read("dual/vocab.json"), merges = try read("dual/merges.txt")
        let json = try read("clip-gelu/tokenizer.json")
        func mutated(_ bytes: [UInt8]) -> [UInt8] {
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1:
                    bytes[index] = Array("0123456789[]{},:\"\\-e. \n".utf8).randomElement(using: &random) ?? 0
                default:
                    bytes.removeSubrange(
                        index..<min(bytes.count - 1, index + Int.random(in: 0...40, using: &random)))
                }
            }
            return bytes
        }
        for _ in 0..<10 {
            let first = try? tokenizer(mutated(vocabulary), mutated(merges))
            let second = try? mutated(json).withUnsafeBytes {
                try BytePairTokenizer(tokenizer: $0, maximumLength: 40)
            }
            for tokenizer in [first, second].compactMap({ $0 }) {
                for text in ["a photo of 3 cats'", "日本 👍🏽 \u{301}", ""] {
                    guard let tokens = try? tokenizer.encode(text) else { continue }
                    #expect(tokens.count <= 40 && tokens.first == tokenizer.startToken, "seed \(seed)")
                    _ = tokenizer.decode(tokens)
                }
            }
        }
    }
}
