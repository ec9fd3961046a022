import SystemPackage
import SystemSupport

/// The names of installed models: `name`, or `owner/name` as on the hub, whose folder is `owner--name`.
enum ModelName {
    /// The folder of a name, nil when no model can have it.
    static func folder(_ name: String) -> FilePath.Component? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), name.utf8.count <= 100, !name.contains("--"),
            parts.allSatisfy(isPart)
        else { return nil }
        return FilePath.Component(parts.joined(separator: "--"))
    }

    /// The name of a folder, nil when it is none of a model.
    static func name(ofFolder folder: FilePath.Component) -> String? {
        let text = folder.string
        guard folder.bytes.elementsEqual(text.utf8), let first = text.utf8.first, first != UInt8(ascii: "."),
            text.utf8.count <= 101, text.utf8.allSatisfy(isCharacter)
        else { return nil }
        guard let dashes = text.firstRange(of: "--") else { return text }
        return String(text[..<dashes.lowerBound]) + "/" + String(text[dashes.upperBound...])
    }

    private static func isPart(_ part: Substring) -> Bool {
        guard let first = part.utf8.first else { return false }
        return first != UInt8(ascii: ".") && part.utf8.allSatisfy(isCharacter)
    }

    private static func isCharacter(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || (byte >= 0x30 && byte <= 0x39)
            || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
