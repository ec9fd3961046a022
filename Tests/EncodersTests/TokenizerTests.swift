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
                let pieces = try encoder.tokenizer.pieces(text)
                let decoded = encoder.tokenizer.decode(try encoder.tokenizer.tokens(text))
                #expect(decoded == fields[2].string, "\(text.debugDescription) \(pieces)")
            }
        }
    }
}
