import Inference
public import SystemPackage
import SystemSupport

extension Tokenizer {
    /// Reads a tokenizer from a file or a folder.
    ///
    /// A file is `tokenizer.json`, `vocab.json` (with `merges.txt` beside it), `vocab.txt` or a `.tiktoken` rank
    /// file; a folder holds one of them, looked for in this order, and perhaps `tokenizer_config.json`, whose
    /// class and flags count for the older files. Rank files use the pattern and special tokens of the encoding
    /// they are named after, others cl100k's pattern and no special tokens. Throws `TokenizerError`, or
    /// `SystemError` for a file that cannot be read.
    public static func open(_ path: FilePath) throws -> Tokenizer {
        guard try FileStatus.of(path).kind == .directory else { return try openFile(path) }
        if let tokenizer = try find(try ModelFiles(path)) { return tokenizer }
        let names = try Folders.list(path).map(\.name)
        let ranks = names.filter { $0.string.hasSuffix(".tiktoken") }
        if ranks.count == 1, let only = ranks.first { return try openFile(path.appending(only)) }
        if let model = names.first(where: { $0.string == "tokenizer.model" }) {
            return try openFile(path.appending(model))
        }
        throw TokenizerError.file(
            path.string, "no tokenizer: none of tokenizer.json, vocab.json, vocab.txt, or one .tiktoken file")
    }

    /// The tokenizer of a model: tokenizer.json, else vocab.json with merges.txt, else vocab.txt; with
    /// `maximumLength` instead of the limit that the file sets.
    static func read(_ files: ModelFiles, maximumLength: Int?) throws -> Tokenizer {
        guard var tokenizer = try find(files) else {
            throw ModelError.file(
                files.label,
                "has no tokenizer: none of tokenizer.json, vocab.json with merges.txt, and vocab.txt")
        }
        if let maximumLength {
            guard maximumLength >= tokenizer.template.before.count + tokenizer.template.after.count else {
                throw TokenizerError.file(
                    tokenizer.file, "sequences of \(maximumLength) tokens hold no text")
            }
            tokenizer.maximumLength = maximumLength
        }
        return tokenizer
    }

    private static func find(_ files: ModelFiles, only name: String? = nil) throws -> Tokenizer? {
        func content(_ file: String) throws -> ModelFiles.Content? {
            name == nil || name == file ? try files.content(file) : nil
        }
        if let file = try content("tokenizer.json") {
            return try withExtendedLifetime(file.owner) {
                try Tokenizer(json: file.bytes, file: file.label)
            }
        }
        if let vocabulary = try content("vocab.json") {
            guard let merges = try files.content("merges.txt") else {
                throw TokenizerError.file(vocabulary.label, "there is no merges.txt beside it")
            }
            let settings = try settings(files)
            return try withExtendedLifetime((vocabulary.owner, merges.owner)) {
                try Tokenizer(
                    vocabulary: vocabulary.bytes, merges: merges.bytes,
                    family: try family(settings, vocabulary.bytes, file: vocabulary.label),
                    addsPrefixSpace: settings?["add_prefix_space"]?.bool ?? false, file: vocabulary.label)
            }
        }
        guard let pieces = try content("vocab.txt") else { return nil }
        let settings = try settings(files)
        return try withExtendedLifetime(pieces.owner) {
            try Tokenizer(
                wordPieces: pieces.bytes, lowercases: settings?["do_lower_case"]?.bool ?? true,
                stripsAccents: settings?["strip_accents"]?.bool,
                spacesChinese: settings?["tokenize_chinese_chars"]?.bool ?? true, file: pieces.label)
        }
    }

    private static func settings(_ files: ModelFiles) throws -> JSON? {
        guard let file = try files.content("tokenizer_config.json") else { return nil }
        return try withExtendedLifetime(file.owner) {
            do throws(JSONError) { return try JSON.parse(file.bytes) } catch {
                throw TokenizerError.file(file.label, error.description)
            }
        }
    }

    private static func openFile(_ path: FilePath) throws -> Tokenizer {
        let name = path.lastComponent?.string ?? ""
        if name == "vocab.json" || name == "vocab.txt" {
            // Files that belong together stand in one folder; the one named is the one meant.
            let folder = path.removingLastComponent()
            let files = try ModelFiles(folder.isEmpty ? "." : folder)
            if let tokenizer = try find(files, only: name) { return tokenizer }
        }
        let file = path.string
        let bytes = try MappedFile(path)
        defer { withExtendedLifetime(bytes) {} }
        if name.hasSuffix(".tiktoken") {
            let encoding = RankEncoding(fileName: name)
            return try Tokenizer(
                ranks: bytes.bytes, encoding: encoding ?? .cl100k,
                specialTokens: encoding?.specialTokens ?? [:], file: file)
        }
        if name.hasSuffix(".model") {
            throw TokenizerError.file(
                file, "SentencePiece's own format is not read; save the tokenizer as tokenizer.json")
        }
        return try Tokenizer(json: bytes.bytes, file: file)
    }

    /// The family that the configuration names, else the one whose special tokens the vocabulary has.
    private static func family(
        _ settings: JSON?, _ vocabulary: UnsafeRawBufferPointer, file: String
    ) throws(TokenizerError) -> BytePairFamily {
        if let name = settings?["tokenizer_class"]?.string {
            switch name.hasSuffix("Fast") ? String(name.dropLast(4)) : name {
            case "CLIPTokenizer": return .clip
            case "GPT2Tokenizer": return .gpt2
            case "RobertaTokenizer": return .roberta
            default: throw .file(file, "the tokenizer_class '\(name)' is not known for vocab.json")
            }
        }
        func has(_ name: String) -> Bool {
            // The standard library's firstRange(of:) takes half a second for a megabyte.
            let wanted = Array("\"\(name)\"".utf8), last = vocabulary.count - wanted.count
            return last >= 0
                && (0...last).contains { start in
                    vocabulary[start] == wanted[0]
                        && vocabulary[start..<start + wanted.count].elementsEqual(wanted)
                }
        }
        if has("<|startoftext|>") { return .clip }
        return has("<s>") && has("</s>") ? .roberta : .gpt2
    }
}
