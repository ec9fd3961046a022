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
                let scalar = Unicode.UTF8.decode(encoded)
                if scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) {
                    text += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
                } else if turnsDirection(scalar) {
                    text += "\\u" + String(scalar.value, radix: 16)
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        return text
    }

    /// Unicode's marks, embeddings, overrides and isolates of direction, which make "gpj.exe" look like "exe.jpg".
    private static func turnsDirection(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x61C, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: true
        default: false
        }
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
