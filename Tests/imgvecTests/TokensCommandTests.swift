import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct TokensCommandTests {
    private func run(_ arguments: [String]) throws -> Program.Output {
        let folder = try TemporaryFolder()
        return try Program(in: folder.path).run(["tokens"] + arguments)
    }

    private func path(_ name: String) -> String { Fixtures.path("tokenizers").appending(name).string }

    @Test(arguments: ["gpt2.json", "llama2.json", "siglip.json", "small.tiktoken", "gpt2-files"])
    func textGoesThereAndBack(name: String) throws {
        let there = try run(["--tokenizer", path(name), "Apple is a fruit", "--format", "json"])
        let object = try #require(try JSONSerialization.jsonObject(with: Data(there.bytes)) as? [String: Any])
        let ids = try #require(object["ids"] as? [Int]), pieces = try #require(object["pieces"] as? [String])
        #expect(ids.count == pieces.count && ids.count >= 4)
        let back = try run(["--tokenizer", path(name), "--decode"] + ids.map(String.init))
        #expect(back.text == "Apple is a fruit\n", "\(back.errors)")
    }

    @Test func printsNumberAndPiece() throws {
        let output = try run(["--tokenizer", path("bert-files"), "the dog"])
        #expect(output.status == 0, "\(output.errors)")
        #expect(output.lines.first == "2\t[CLS]" && output.lines.last == "3\t[SEP]")
    }

    /// Arguments are bytes; what is no UTF-8 counts as U+FFFD.
    @Test func takesBytesThatAreNoText() throws {
        let folder = try TemporaryFolder()
        let arguments = ["tokens", "--tokenizer", path("gpt2.json"), "--format", "json", "--"].map {
            Array($0.utf8)
        }
        let broken = try Program(in: folder.path).run(arguments + [[0x61, 0xE2, 0x98, 0x62]])
        let repaired = try Program(in: folder.path).run(arguments + [Array("a\u{FFFD}b".utf8)])
        #expect(broken.status == 0 && broken.bytes == repaired.bytes, "\(broken.errors)")
    }

    @Test func saysWhatIsWrongInOneLine() throws {
        let folder = try TemporaryFolder()
        try Array(#"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#.utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: folder.path.appending("tokenizer.json"))
        }
        let output = try Program(in: folder.path).run("tokens --tokenizer tokenizer.json a")
        #expect(output.status == 2)
        #expect(
            output.errors
                == "imgvec: tokenizer.json: the vocabulary lacks the piece 'b' that a merge needs\n")
        let both = try run(["--tokenizer", "x", "--model", "y", "a"])
        #expect(both.status == 2 && both.errors.contains("exclude each other"), "\(both.errors)")
        let missing = try run(["--tokenizer", "nowhere.json", "a"])
        #expect(
            missing.status == 2 && missing.errors.contains("nowhere.json: No such file"), "\(missing.errors)")
    }
}
