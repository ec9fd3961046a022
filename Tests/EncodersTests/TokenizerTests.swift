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
                let tokenizer = try #require(encoder.tokenizer as? Tokenizer)
                let tokens = try tokenizer.tokens(Array(text.utf8))
                let pieces = tokens.map { tokenizer.piece($0) ?? "" }
                let decoded = try tokenizer.decode(tokens)
                #expect(decoded == fields[2].string, "\(text.debugDescription) \(pieces)")
            }
        }
    }

    /// A text that is too long keeps its end token.
    @Test func longTextsKeepTheirEnds() throws {
        let encoder = try #require(try Model.load(Fixtures.path("models/dual")).textEncoder)
        let tokenizer = try #require(encoder.tokenizer as? Tokenizer)
        let length = try #require(tokenizer.maximumLength)
        let long = try tokenizer.encode(String(repeating: "cat ", count: 500))
        #expect(long.count == length && long.first == tokenizer.startToken && long.last == tokenizer.endToken)
    }
}
