/// A model's name on the hub: `owner/name`, or `name` alone as the oldest have.
public struct RepositoryName: Sendable, Hashable, CustomStringConvertible {
    /// The name as it is written.
    public let description: String

    /// Checks a name by the hub's own rules (huggingface_hub's `validate_repo_id`), nil when it breaks them.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), text.utf8.count <= 96, !text.contains("--"),
            !text.contains(".."),
            !text.hasSuffix(".git"), parts.allSatisfy(Self.isPart)
        else { return nil }
        description = text
    }

    private static func isPart(_ part: Substring) -> Bool {
        guard let first = part.utf8.first, let last = part.utf8.last else { return false }
        let edges: Set<UInt8> = [UInt8(ascii: "."), UInt8(ascii: "-")]
        return !edges.contains(first) && !edges.contains(last) && part.utf8.allSatisfy(isCharacter)
    }

    private static func isCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The name as a folder of the Hugging Face cache has it.
    var cacheFolder: String { "models--" + description.split(separator: "/").joined(separator: "--") }
}

/// A path within a URL.
enum PercentEncoding {
    /// Everything but letters, digits, `-._~` and what `keeping` names, as `%XX`.
    static func encode(_ text: String, keeping: String = "") -> String {
        let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
        let kept = Set((plain + keeping).utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        var result: [UInt8] = []
        for byte in text.utf8 {
            if kept.contains(byte) {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
