import Foundation
import SystemPackage
import SystemSupport

/// How a path is shown in each output format.
enum PathText {
    /// For a terminal: relative to the current folder when below it; control characters, and those that turn the
    /// direction of writing, as their codes; bytes that are not UTF-8 as question marks.
    static func forTerminal(_ path: FilePath) -> String {
        var shown = path
        if let here = try? Folders.current(), path != here, path.starts(with: here) {
            _ = shown.removePrefix(here)
        }
        var text = ""
        var decoder = Unicode.UTF8.ForwardParser()
        var bytes = shown.bytes.makeIterator()
        loop: while true {
            switch decoder.parseScalar(from: &bytes) {
            case .emptyInput: break loop
            case .error(let length): text += String(repeating: "\u{FFFD}", count: length)
            case .valid(let encoded):
                text.unicodeScalars.append(Unicode.UTF8.decode(encoded))
            }
        }
        return text.onOneLine
    }

    /// For CSV: quoted when it holds a comma, a quote or a line end (RFC 4180).
    static func forCSV(_ bytes: [UInt8]) -> [UInt8] {
        let special: Set<UInt8> = [
            UInt8(ascii: ","), UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"),
        ]
        guard bytes.contains(where: special.contains) else { return bytes }
        let quote = UInt8(ascii: "\"")
        return [quote] + bytes.flatMap { $0 == quote ? [quote, quote] : [$0] } + [quote]
    }
}

/// A path in JSON: `path`, and `path_bytes` (base64) beside it when the bytes are not UTF-8.
struct JSONPath: Encodable {
    let path: FilePath

    enum Key: String, CodingKey {
        case path
        case pathBytes = "path_bytes"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let bytes = path.bytes
        try container.encode(String(decoding: bytes, as: UTF8.self), forKey: .path)
        if String(validating: bytes, as: UTF8.self) == nil {
            try container.encode(Data(bytes).base64EncodedString(), forKey: .pathBytes)
        }
    }
}
