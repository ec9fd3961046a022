import SystemPackage
import SystemSupport

/// What a model's README.md says in its head (the YAML block between two `---` lines that hubs read).
enum ModelCard {
    /// The `license` field, or `license_name` when that says "other"; nil when there is none to be read.
    static func license(in folder: FilePath) -> String? {
        guard let bytes = try? FileContents.read(folder.appending("README.md"), limit: 4 << 20).bytes else {
            return nil
        }
        let fields = head(String(decoding: bytes, as: UTF8.self))
        let license = fields["license"]
        return license == "other" ? fields["license_name"] ?? license : license
    }

    /// The head's plain fields at the first level; a list of values is joined with commas.
    private static func head(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        var listed: String?
        var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }.makeIterator()
        guard lines.next().map(plain) == "---" else { return [:] }
        while let line = lines.next(), plain(line) != "---" {
            let item = plain(line)
            if let name = listed, item.hasPrefix("- ") {
                let value = unquoted(item.dropFirst(2))
                fields[name] = fields[name].map { $0 + ", " + value } ?? value
                continue
            }
            listed = nil
            guard let first = line.first, !first.isWhitespace, let colon = line.firstIndex(of: ":") else {
                continue
            }
            let name = String(line[..<colon]), value = plain(line[line.index(after: colon)...])
            if value.isEmpty {
                listed = name
            } else {
                let isList = value.hasPrefix("[") && value.hasSuffix("]")
                fields[name] = unquoted(isList ? value.dropFirst().dropLast() : Substring(value))
            }
        }
        return fields
    }

    private static func plain(_ text: Substring) -> String {
        String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }

    /// One value without quotes and control characters, cut at 100 characters: it is shown on terminals.
    private static func unquoted(_ text: Substring) -> String {
        String(
            plain(text).filter {
                $0 != "\"" && $0 != "'"
                    && $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
            }.prefix(100))
    }
}
