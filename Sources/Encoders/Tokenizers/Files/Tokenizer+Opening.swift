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
        if try FileStatus.of(path).kind == .directory { return try openFolder(path) }
        return try openFile(path)
    }

    /// The files a folder is searched for, in their order.
    private static let names = ["tokenizer.json", "vocab.json", "vocab.txt"]

    private static func openFolder(_ folder: FilePath) throws -> Tokenizer {
        for name in names where exists(folder.appending(name)) { return try openFile(folder.appending(name)) }
        let ranks = try Folders.list(folder).map(\.name).filter { $0.string.hasSuffix(".tiktoken") }
        if ranks.count == 1, let only = ranks.first { return try openFile(folder.appending(only)) }
        if exists(folder.appending("tokenizer.model")) {
            return try openFile(folder.appending("tokenizer.model"))
        }
        throw TokenizerError.file(
            folder.string, "no tokenizer: none of \(names.joined(separator: ", ")), or one .tiktoken file")
    }

    private static func exists(_ path: FilePath) -> Bool { (try? FileStatus.of(path))?.kind == .regular }

    private static func openFile(_ path: FilePath) throws -> Tokenizer {
        let name = path.lastComponent?.string ?? ""
        let folder = path.removingLastComponent()
        let file = path.string
        let bytes = try MappedFile(path)
        defer { withExtendedLifetime(bytes) {} }
        switch name {
        case _ where name.hasSuffix(".tiktoken"):
            let encoding = RankEncoding(fileName: name)
            return try Tokenizer(
                ranks: bytes.bytes, encoding: encoding ?? .cl100k,
                specialTokens: encoding?.specialTokens ?? [:], file: file)
        case "vocab.txt":
            let settings = try configuration(folder)
            return try Tokenizer(
                wordPieces: bytes.bytes, lowercases: settings?["do_lower_case"]?.bool ?? true,
                stripsAccents: settings?["strip_accents"]?.bool,
                spacesChinese: settings?["tokenize_chinese_chars"]?.bool ?? true, file: file)
        case "vocab.json":
            let merges = try MappedFile(folder.appending("merges.txt"))
            defer { withExtendedLifetime(merges) {} }
            let settings = try configuration(folder)
            return try Tokenizer(
                vocabulary: bytes.bytes, merges: merges.bytes,
                family: try family(settings, bytes.bytes, file: file),
                addsPrefixSpace: settings?["add_prefix_space"]?.bool ?? false, file: file)
        case _ where name.hasSuffix(".model"):
            throw TokenizerError.file(
                file, "SentencePiece's own format is not read; save the tokenizer as tokenizer.json")
        default: return try Tokenizer(json: bytes.bytes, file: file)
        }
    }

    private static func configuration(_ folder: FilePath) throws -> JSON? {
        let path = folder.appending("tokenizer_config.json")
        guard exists(path) else { return nil }
        do {
            return try JSON.parse(try FileContents.read(path, limit: 16 << 20).bytes)
        } catch let error as JSONError {
            throw TokenizerError.file(path.string, error.description)
        }
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
        var names: Set<[UInt8]> = []
        do throws(JSONError) {
            var scanner = JSONScanner(vocabulary)
            try scanner.members { (piece, scanner) throws(JSONError) in
                if piece.first == UInt8(ascii: "<"), piece.last == UInt8(ascii: ">") { names.insert(piece) }
                try scanner.skipValue()
            }
        } catch {
            throw .file(file, error.description)
        }
        func has(_ name: String) -> Bool { names.contains(Array(name.utf8)) }
        if has("<|startoftext|>") { return .clip }
        return has("<s>") && has("</s>") ? .roberta : .gpt2
    }
}
