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
        "\"a\nb\"", "tru", "1e999", "--1", "[1]]", "nul", "\"abc", "{\"a\":1,\"a\":2}",
    ])
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try parse(text) }
    }

    @Test func limitsNesting() {
        #expect(throws: JSONError.self) { try parse(String(repeating: "[", count: 100_000)) }
        #expect(throws: Never.self) {
            try parse(String(repeating: "[", count: 60) + String(repeating: "]", count: 60))
        }
    }
}
