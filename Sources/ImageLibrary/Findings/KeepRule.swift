public import SystemSupport

/// What makes one copy better to keep than another.
public enum KeepCriterion: Sendable, Equatable {
    /// A whole file before one that ends early.
    case whole
    /// Coloured before grey.
    case color
    /// A picture before its copies with something plain around it: a border, bars with a caption, a screenshot's page.
    case unframed
    /// A picture before its copies with words, a watermark or a bar laid over a part of it.
    case unmarked
    /// More pixels first.
    case resolution
    /// Raw file beside it or a lossless format (PNG, TIFF, BMP, Netpbm) first, then JPEG, HEIC, AVIF and WebP, then GIF.
    case format
    /// More bytes first.
    case size
    /// With a capture time first, then with a place, then with more bytes of metadata.
    case metadata
    /// The file that was modified first.
    case oldest
    /// The file that was modified last.
    case newest
    /// The shorter path first.
    case shortestPath
    /// Files whose absolute path (a pattern with a slash) or name matches first.
    case path(Glob)

    /// The criterion that a word stands for.
    init?(word: String) {
        switch word {
        case "whole": self = .whole
        case "color", "colour": self = .color
        case "unframed": self = .unframed
        case "unmarked": self = .unmarked
        case "resolution": self = .resolution
        case "format": self = .format
        case "size": self = .size
        case "metadata": self = .metadata
        case "oldest": self = .oldest
        case "newest": self = .newest
        case "shortest-path": self = .shortestPath
        default:
            guard word.hasPrefix("path:"), word.utf8.count > 5 else { return nil }
            self = .path(Glob(String(word.dropFirst(5))))
        }
    }
}

/// An ordered list of criteria: the first one that tells two files apart decides.
public struct KeepRule: Sendable, Equatable {
    /// The words that `init(parsing:)` takes.
    public static let words = [
        "whole", "color", "resolution", "format", "size", "metadata", "oldest", "newest", "shortest-path",
        "path:GLOB", "unframed", "unmarked",
    ]
    /// Whole before cut off, coloured before grey, bare before framed, most pixels, bare before marked, most bytes,
    /// oldest.
    public static let standard = KeepRule(asked: [])

    /// The criteria in their order: those asked for, then those of the standard rule that are not among them.
    public let criteria: [KeepCriterion]

    /// A rule that asks for criteria before the standard ones.
    public init(asked: [KeepCriterion]) {
        let standard: [KeepCriterion] = [
            .whole, .color, .unframed, .resolution, .unmarked, .size, .oldest,
        ]
        // Oldest after newest can no longer decide anything, and says the contrary of what was asked.
        criteria =
            asked
            + standard.filter { criterion in
                !asked.contains(criterion) && !(criterion == .oldest && asked.contains(.newest))
            }
    }

    /// Reads lists of words with commas between them (`\,` is a comma of a pattern); throws the word that is none.
    public init(parsing lists: [String]) throws(UnknownCriterion) {
        var asked: [KeepCriterion] = []
        for list in lists {
            for word in Self.split(list) {
                guard let criterion = KeepCriterion(word: word) else { throw UnknownCriterion(word: word) }
                asked.append(criterion)
            }
        }
        self.init(asked: asked)
    }

    private static func split(_ list: String) -> [String] {
        var words = [""]
        var isEscaped = false
        for character in list {
            if character == ",", !isEscaped {
                words.append("")
            } else if character == "\\", !isEscaped {
                isEscaped = true
                continue
            } else {
                // A backslash before anything but a comma belongs to the pattern.
                if isEscaped, character != "," { words[words.count - 1].append("\\") }
                words[words.count - 1].append(character)
            }
            isEscaped = false
        }
        if isEscaped { words[words.count - 1].append("\\") }
        return words
    }

    /// A word that names no criterion.
    public struct UnknownCriterion: Error, Sendable, Equatable, CustomStringConvertible {
        /// The word.
        public let word: String
        /// The error as one line.
        public var description: String {
            "\"\(word)\" is no reason to keep a picture; there are \(KeepRule.words.joined(separator: ", "))"
        }
    }
}
