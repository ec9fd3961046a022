import Foundation
import Inference

/// Reads one part of tokenizer.json; errors name the file and the part.
struct StepReader {
    private let json: JSON
    private let path: String, file: String

    init(_ json: JSON, path: String, file: String) {
        self.json = json
        self.path = path
        self.file = file
    }

    private func failure(_ problem: String) -> TokenizerError { .file(file, "\(path): \(problem)") }

    private var kind: String { json["type"]?.string ?? "" }

    private func unknown() -> TokenizerError { failure("unknown type '\(kind)'") }

    private func text(_ name: String) throws(TokenizerError) -> String {
        guard let text = json[name]?.string else { throw failure("\(kind) without \(name)") }
        return text
    }

    private func bytes(_ name: String) throws(TokenizerError) -> [UInt8] { Array(try text(name).utf8) }

    private func flag(_ name: String, _ otherwise: Bool) -> Bool { json[name]?.bool ?? otherwise }

    private func count(_ name: String) throws(TokenizerError) -> Int {
        guard let count = json[name]?.integer, count >= 0, count <= 1 << 24 else {
            throw failure("\(kind) without \(name)")
        }
        return count
    }

    private func scalar(_ name: String) throws(TokenizerError) -> Unicode.Scalar {
        let scalars = try text(name).unicodeScalars
        guard let scalar = scalars.first, scalars.count == 1 else {
            throw failure("\(kind): \(name) is not one character")
        }
        return scalar
    }

    private func steps(_ name: String) throws(TokenizerError) -> [StepReader] {
        guard let list = json[name]?.array else { throw failure("\(kind) without \(name)") }
        return list.map { StepReader($0, path: path, file: file) }
    }

    private func matcher() throws(TokenizerError) -> TextMatcher {
        if let literal = json["pattern"]?["String"]?.string { return .literal(Array(literal.utf8)) }
        guard let pattern = json["pattern"]?["Regex"]?.string else {
            throw failure("\(kind) without pattern")
        }
        do throws(PatternError) { return .pattern(try Pattern(pattern)) } catch {
            throw failure("\(kind): \(error)")
        }
    }

    private func behavior(_ otherwise: String? = nil) throws(TokenizerError) -> SplitBehavior {
        let name = json["behavior"]?.string ?? otherwise ?? ""
        guard let behavior = SplitBehavior(rawValue: name) else {
            throw failure("\(kind): unknown behavior '\(name)'")
        }
        return behavior
    }

    /// The `normalizer` section.
    func normalizer() throws(TokenizerError) -> Normalizer {
        if let form = UnicodeForm(rawValue: kind) { return .form(form) }
        switch kind {
        case "Sequence":
            var list: [Normalizer] = []
            for step in try steps("normalizers") { list.append(try step.normalizer()) }
            return .sequence(list)
        case "Lowercase": return .lowercase
        case "Strip": return .strip(left: flag("strip_left", true), right: flag("strip_right", true))
        case "StripAccents": return .stripAccents
        case "Replace": return .replace(try matcher(), try bytes("content"))
        case "Prepend": return .prepend(try bytes("prepend"))
        case "Append": return .append(try bytes("append"))
        case "BertNormalizer":
            let lowercases = flag("lowercase", true)
            return .bert(
                cleansText: flag("clean_text", true), spacesChinese: flag("handle_chinese_chars", true),
                stripsAccents: flag("strip_accents", lowercases), lowercases: lowercases)
        case "Precompiled":
            guard let encoded = json["precompiled_charsmap"]?.string else { return .sequence([]) }
            if encoded.isEmpty { return .sequence([]) }
            guard let blob = Data(base64Encoded: encoded), let map = CharacterMap(Array(blob)) else {
                throw failure("Precompiled: precompiled_charsmap is not a character map")
            }
            return .characterMap(map)
        case "Nmt": return .nmt
        case "ByteLevel": return .byteLevel
        default: throw unknown()
        }
    }

    /// The `pre_tokenizer` section.
    func preTokenizer() throws(TokenizerError) -> PreTokenizer {
        switch kind {
        case "Sequence":
            var list: [PreTokenizer] = []
            for step in try steps("pretokenizers") { list.append(try step.preTokenizer()) }
            return .sequence(list)
        case "ByteLevel":
            return .byteLevel(
                addsPrefixSpace: flag("add_prefix_space", true), cutsWords: flag("use_regex", true))
        case "Split":
            return .split(try matcher(), try behavior(), isInverted: flag("invert", false))
        case "Whitespace": return .whitespace
        case "WhitespaceSplit": return .whitespaceSplit
        case "BertPreTokenizer": return .bert
        case "Punctuation": return .punctuation(try behavior("Isolated"))
        case "Digits": return .digits(isEachAlone: flag("individual_digits", false))
        case "Metaspace":
            return .metaspace(
                replacement: Array(String(try scalar("replacement")).utf8), prepends: try prefix(),
                splits: flag("split", true))
        case "CharDelimiterSplit": return .delimiter(Array(String(try scalar("delimiter")).utf8))
        case "FixedLength":
            let length = try count("length")
            guard length > 0 else { throw failure("FixedLength of 0") }
            return .fixedLength(length)
        default: throw unknown()
        }
    }

    private func prefix() throws(TokenizerError) -> PreTokenizer.MetaspacePrefix {
        if let scheme = json["prepend_scheme"]?.string {
            guard let prefix = PreTokenizer.MetaspacePrefix(rawValue: scheme) else {
                throw failure("\(kind): unknown prepend_scheme '\(scheme)'")
            }
            return prefix
        }
        return flag("add_prefix_space", true) ? .always : .never
    }

    /// The `decoder` section.
    func decoder() throws(TokenizerError) -> TokenDecoder {
        switch kind {
        case "Sequence":
            var list: [TokenDecoder] = []
            for step in try steps("decoders") { list.append(try step.decoder()) }
            return .sequence(list)
        case "ByteLevel": return .byteLevel
        case "BPEDecoder": return .bytePair(suffix: Array((json["suffix"]?.string ?? "</w>").utf8))
        case "WordPiece":
            return .wordPiece(
                prefix: Array((json["prefix"]?.string ?? "##").utf8), cleansUp: flag("cleanup", true))
        case "Metaspace":
            return .metaspace(
                replacement: Array(String(try scalar("replacement")).utf8), dropsFirst: try prefix() != .never
            )
        case "ByteFallback": return .byteFallback
        case "Fuse": return .fuse
        case "Strip":
            return .strip(
                scalar: try scalar("content"), start: try count("start"), stop: try count("stop"))
        case "Replace": return .replace(try matcher(), try bytes("content"))
        case "CTC":
            return .ctc(
                pad: try bytes("pad_token"), wordDelimiter: try bytes("word_delimiter_token"),
                cleansUp: flag("cleanup", true))
        default: throw unknown()
        }
    }
}
