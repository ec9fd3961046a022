import Inference
import TestSupport
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws(JSONError) -> JSON { try JSON.parse(Array(text.utf8)) }

    @Test func readsValues() throws {
        let text = #" {"a": [1, -2.5e3, true, false, null], "b\n\u00e9\ud83d\ude00": "x\\\"\/", "c": {}} "#
        let json = try parse(text)
        #expect(json["a"]?.array?.prefix(3) == [.number(1), .number(-2500), .bool(true)])
        #expect(json["b\n\u{e9}\u{1F600}"]?.string == "x\\\"/")
        #expect(json["c"] == .object([:]) && json["d"] == nil)
        #expect(try parse("[]") == .array([]))
        #expect(
            JSON.number(3).integer == 3 && JSON.number(3.5).integer == nil
                && JSON.number(1e300).integer == nil)
    }

    @Test(arguments: [
        "", "{", "[1,", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
        "\"\\udc00\"",
        "\"a\nb\"", "tru", "1e999", "--1", "[1]]", "nul", "\"abc", "{\"a\":1,\"a\":2}", "01", "-01", "1.",
        ".5", "+1", "-", "1e", "1e+", "1.e3", "0x1", "Infinity",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func numbersAreExact() throws {
        #expect(try parse("[0, -0, 10, 0.25, 1E+2, 0e1]").numbers == [0, 0, 10, 0.25, 100, 0])
    }

    @Test(arguments: [
        [0x22, 0xFF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x7B, 0x22, 0xC3, 0x22, 0x3A, 0x31, 0x7D],
    ])
    func textIsUTF8(bytes: [UInt8]) {
        #expect(throws: JSONError.self) { try JSON.parse(bytes) }
    }

    @Test func limitsNesting() {
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: Never.self) {
            try parse(String(repeating: "[", count: 60) + String(repeating: "]", count: 60))
        }
    }
}
