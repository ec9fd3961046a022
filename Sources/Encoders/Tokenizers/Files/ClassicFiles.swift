import Inference

extension Tokenizer {
    /// The families that were published as `vocab.json` and `merges.txt`.
    public enum BytePairFamily: Sendable {
        /// Words end in `</w>`; text is lower-cased and stands between start and end token.
        case clip
        /// GPT-2's byte-level words.
        case gpt2
        /// GPT-2's words between `<s>` and `</s>`.
        case roberta
    }

    /// Reads `vocab.json` (piece to number) and `merges.txt` (one pair of pieces a line, best first), as
    /// transformers' CLIPTokenizer, GPT2Tokenizer and RobertaTokenizer do.
    public init(
        vocabulary bytes: UnsafeRawBufferPointer, merges: UnsafeRawBufferPointer, family: BytePairFamily,
        addsPrefixSpace: Bool = false, file: String = "vocab.json"
    ) throws(TokenizerError) {
        let table: ByteStringTable
        do throws(JSONError) {
            var scanner = JSONScanner(bytes)
            table = try TokenizerJSON.readVocabulary(&scanner, expected: bytes.count / 12)
            try scanner.end()
        } catch {
            throw .file(file, error.description)
        }
        let vocabulary = try Vocabulary(table, file: file)
        let pairs = try MergeList(lines: merges, file: "merges.txt beside \(file)")
        var options = BytePairModel.Options()
        switch family {
        case .clip:
            options.unknown = "<|endoftext|>"
            options.wordEnd = Array("</w>".utf8)
            let ends = try ClassicTokens(["<|startoftext|>", "<|endoftext|>"], vocabulary, file: file)
            try self.init(
                normalizer: .sequence([
                    .form(.nfc), .replace(.pattern(try ClassicPatterns.spaces.get(file)), [0x20]), .lowercase,
                ]),
                preTokenizer: .sequence([
                    .split(
                        .pattern(try ClassicPatterns.clip.get(file)), .removed, isInverted: true),
                    .byteLevel(addsPrefixSpace: false, cutsWords: true),
                ]),
                model: try BytePairModel(vocabulary, merges: pairs, options, file: file), added: ends.added,
                template: ends.template(before: 0, after: 1, padding: 1), decoder: .wordEnded(by: "</w>"),
                stripsDecoded: true, file: file)
        case .gpt2:
            let end = try ClassicTokens(["<|endoftext|>"], vocabulary, areNeeded: false, file: file)
            try self.init(
                preTokenizer: .byteLevel(addsPrefixSpace: addsPrefixSpace, cutsWords: true),
                model: try BytePairModel(vocabulary, merges: pairs, options, file: file), added: end.added,
                decoder: .byteLevel, file: file)
        case .roberta:
            let ends = try ClassicTokens(["<s>", "</s>"], vocabulary, file: file)
            var others = try ClassicTokens(
                ["<pad>", "<unk>", "<mask>"], vocabulary, areNeeded: false, file: file)
            for index in others.added.indices where others.added[index].content == Array("<mask>".utf8) {
                others.added[index].takesSpaceBefore = true
            }
            try self.init(
                preTokenizer: .byteLevel(addsPrefixSpace: addsPrefixSpace, cutsWords: true),
                model: try BytePairModel(vocabulary, merges: pairs, options, file: file),
                added: ends.added + others.added, template: ends.template(before: 0, after: 1, padding: nil),
                decoder: .byteLevel, file: file)
        }
    }

    /// Reads `vocab.txt`, one WordPiece a line, as transformers' BertTokenizer does; the flags are those of
    /// `tokenizer_config.json`.
    public init(
        wordPieces bytes: UnsafeRawBufferPointer, lowercases: Bool = true, stripsAccents: Bool? = nil,
        spacesChinese: Bool = true, file: String = "vocab.txt"
    ) throws(TokenizerError) {
        var table = ByteStringTable(capacity: min(bytes.count / 6, 1 << 17))
        try TextLines.forEach(in: bytes) { (line, number) throws(TokenizerError) in
            guard number < Vocabulary.largestToken, table.insert(line, Int32(number)) else {
                throw .file(file, "line \(number + 1) repeats a piece")
            }
        }
        let vocabulary = try Vocabulary(table, file: file)
        let ends = try ClassicTokens(["[CLS]", "[SEP]"], vocabulary, file: file)
        let others = try ClassicTokens(
            ["[PAD]", "[UNK]", "[MASK]"], vocabulary, areNeeded: false, file: file)
        try self.init(
            normalizer: .bert(
                cleansText: true, spacesChinese: spacesChinese, stripsAccents: stripsAccents ?? lowercases,
                lowercases: lowercases),
            preTokenizer: .bert,
            model: try WordPieceModel(
                vocabulary, unknown: "[UNK]", continuingPrefix: "##", longestWord: 100, file: file),
            added: ends.added + others.added, template: ends.template(before: 0, after: 1, padding: nil),
            decoder: .wordPiece(prefix: Array("##".utf8), cleansUp: true), file: file)
    }
}

/// Special tokens that a family names in its program, not in a file.
private struct ClassicTokens {
    var added: [AddedTokens.Token] = []

    init(
        _ names: [String], _ vocabulary: Vocabulary, areNeeded: Bool = true, file: String
    ) throws(TokenizerError) {
        for name in names {
            if let number = vocabulary.token(name) {
                added.append(
                    AddedTokens.Token(content: Array(name.utf8), number: number, isSpecial: true))
            } else if areNeeded {
                throw .file(file, "the vocabulary lacks '\(name)'")
            }
        }
    }

    func template(before: Int, after: Int, padding: Int?) -> TokenTemplate {
        var template = TokenTemplate(before: [added[before].number], after: [added[after].number])
        template.padding = padding.map { TokenTemplate.Padding(token: added[$0].number) }
        return template
    }
}

/// Patterns that stand in the references' programs.
enum ClassicPatterns {
    /// A pattern that is compiled once, when it is first needed.
    struct Compiled: Sendable {
        private let result: Result<Pattern, PatternError>

        init(_ pattern: String, _ dialect: PatternDialect = .ruby) {
            result = Result { () throws(PatternError) in try Pattern(pattern, dialect: dialect) }
        }

        func get(_ file: String) throws(TokenizerError) -> Pattern {
            do throws(PatternError) { return try result.get() } catch { throw .file(file, error.description) }
        }
    }

    static let spaces = Compiled(#"\s+"#)
    static let clip = Compiled(
        #"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"#)
    static let r50k = Compiled(
        #"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"#, .perl)
    static let cl100k = Compiled(
        #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"#,
        .perl)
    static let o200k = Compiled(
        [
            #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#,
            #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#,
            #"\p{N}{1,3}"#, #" ?[^\s\p{L}\p{N}]+[\r\n/]*"#, #"\s*[\r\n]+"#, #"\s+(?!\S)"#, #"\s+"#,
        ].joined(separator: "|"), .perl)
}

/// Lines of a text file; the last one may lack its end.
enum TextLines {
    static func forEach(
        in bytes: UnsafeRawBufferPointer,
        _ body: (_ line: UnsafeRawBufferPointer, _ number: Int) throws(TokenizerError) -> Void
    ) throws(TokenizerError) {
        var start = 0, number = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
            var line = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if line.last == 0x0D { line = UnsafeRawBufferPointer(rebasing: line.dropLast()) }
            try body(line, number)
            start = end + 1
            number += 1
        }
    }
}

extension MergeList {
    /// Reads the lines of `merges.txt`.
    init(lines bytes: UnsafeRawBufferPointer, file: String) throws(TokenizerError) {
        self.init()
        reserve(min(bytes.count / 6, 1 << 17))
        var list = MergeList()
        swap(&list, &self)
        try TextLines.forEach(in: bytes) { (line, number) throws(TokenizerError) in
            if line.isEmpty || (number == 0 && line.starts(with: "#version".utf8)) { return }
            guard let space = line.firstIndex(of: 0x20), space > 0, space < line.count - 1,
                !line[(space + 1)...].contains(0x20),
                list.append(line[..<space], line[(space + 1)...])
            else {
                throw .file(file, "line \(number + 1) is not a pair of pieces")
            }
        }
        self = list
    }
}
