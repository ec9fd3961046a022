import Encoders
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Every kind of tokenizer gives the numbers of `tokenizers`, `transformers` or `tiktoken` for 10,000 texts, and the same
/// text back from them.
@Suite struct TokenizerParityTests {
    static let texts: [[UInt8]] = {
        guard let texts = try? TokenizerTexts() else { return [] }
        return (0..<10_000).map(texts.text)
    }()

    /// A tokenizer of Fixtures/tokenizers by the name of its expected values.
    static func tokenizer(_ name: String) throws -> Tokenizer {
        let folder = Fixtures.path("tokenizers")
        if name.hasSuffix("-files") { return try Tokenizer.open(folder.appending(name)) }
        guard name.hasPrefix("tiktoken-") else { return try Tokenizer.open(folder.appending(name + ".json")) }
        let encodings: [String: Tokenizer.RankEncoding] = ["r50k": .r50k, "cl100k": .cl100k, "o200k": .o200k]
        let ranks = try FileContents.read(folder.appending("small.tiktoken")).bytes
        let count = Int32(ranks.count { $0 == UInt8(ascii: "\n") })
        let encoding = try #require(encodings[String(name.dropFirst(9))])
        return try ranks.withUnsafeBytes {
            try Tokenizer(
                ranks: $0, encoding: encoding,
                specialTokens: ["<|endoftext|>": count, "<|endofprompt|>": count + 5])
        }
    }

    @Test func textsAreThoseOfTheGenerator() throws {
        let golden = try JSON.parse(
            try FileContents.read(Fixtures.path("tokenizers/gpt2.golden.json")).bytes)
        #expect(TokenizerParityTests.texts.count == 10_000)
        var digest = NumberDigest()
        for text in TokenizerParityTests.texts {
            digest.add(String(decoding: text, as: UTF8.self).utf8.map { UInt32($0) })
        }
        #expect(digest.text == golden["texts"]?.string)
    }

    @Test(arguments: [
        "gpt2", "roberta", "llama3", "llama2", "llama2-legacy", "bert-uncased", "bert-cased", "siglip",
        "unigram-bytes", "parts", "word-level", "gpt2-files", "bert-files", "tiktoken-r50k",
        "tiktoken-cl100k", "tiktoken-o200k",
    ])
    func agreesWithTheReference(name: String) throws {
        let tokenizer = try TokenizerParityTests.tokenizer(name)
        let path = Fixtures.path("tokenizers").appending(name + ".golden.json")
        let golden = try JSON.parse(try FileContents.read(path).bytes)
        let texts = TokenizerParityTests.texts
        for (index, row) in try #require(golden["shown"]?.array).enumerated() {
            let expected = try #require(row.array?.first?.numbers).map { Int32($0) }
            let tokens = try tokenizer.encode(texts[index], padding: true)
            let text = String(decoding: texts[index], as: UTF8.self)
            #expect(tokens == expected, "text \(index): \(text.debugDescription)")
            #expect(try tokenizer.decode(expected) == row.array?.last?.string, "text \(index)")
        }
        let chunks = try #require(golden["chunks"]?.array), decoded = try #require(golden["decoded"]?.array)
        #expect(chunks.count == 100 && decoded.count == 100)
        var count = 0
        for (chunk, expected) in chunks.enumerated() {
            var digest = NumberDigest(), textDigest = NumberDigest()
            for text in texts[chunk * 100..<chunk * 100 + 100] {
                let tokens = try tokenizer.encode(text, padding: true)
                count += tokens.count
                digest.add(tokens.map { UInt32(bitPattern: $0) })
                textDigest.add(try tokenizer.decode(tokens).utf8.map { UInt32($0) })
            }
            let first = chunk * 100
            #expect(digest.text == expected.string, "numbers of texts \(first)..<\(first + 100)")
            #expect(textDigest.text == decoded[chunk].string, "texts back from \(first)..<\(first + 100)")
        }
        #expect(count == golden["tokens"]?.integer)
    }

    /// Byte-level tokenizers without a normalizer lose nothing of a text.
    @Test(arguments: ["gpt2", "llama3", "tiktoken-r50k", "tiktoken-cl100k", "tiktoken-o200k"])
    func goesBackWithoutLoss(name: String) throws {
        let tokenizer = try TokenizerParityTests.tokenizer(name)
        var compared = 0
        for index in stride(from: 0, to: 10_000, by: 5) {
            let text = TokenizerParityTests.texts[index]
            let tokens = try tokenizer.encode(text, addingSpecialTokens: false)
            // Added tokens swallow the spaces beside them when they say so.
            if name == "llama3", text.contains(UInt8(ascii: "<")) { continue }
            let back = try tokenizer.decode(tokens, keepingSpecialTokens: true)
            #expect(Array(back.utf8) == Array(String(decoding: text, as: UTF8.self).utf8), "text \(index)")
            compared += 1
        }
        #expect(compared > 1_600)
    }
}
