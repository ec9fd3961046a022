import Foundation
extension Tokenizer {
    /// The word patterns and special tokens that tiktoken's encodings have in its program.
    public enum RankEncoding: Sendable, CaseIterable {
        /// GPT-2 and GPT-3.
        case r50k, p50k
        /// GPT-3.5 and GPT-4.
        case cl100k
        /// GPT-4o.
        case o200k

        /// The encoding that a file is named after (`cl100k_base.tiktoken`).
        public init?(fileName: String) {
            let names: [(String, RankEncoding)] = [
                ("gpt2", .r50k), ("r50k", .r50k), ("p50k", .p50k), ("cl100k", .cl100k), ("o200k", .o200k),
            ]
            guard let found = names.first(where: { fileName.hasPrefix($0.0) }) else { return nil }
            self = found.1
        }

        /// The special tokens of the published files.
        public var specialTokens: [String: Int32] {
            switch self {
            case .r50k, .p50k: ["<|endoftext|>": 50256]
            case .cl100k:
                [
                    "<|endoftext|>": 100_257, "<|fim_prefix|>": 100_258, "<|fim_middle|>": 100_259,
                    "<|fim_suffix|>": 100_260, "<|endofprompt|>": 100_276,
                ]
            case .o200k: ["<|endoftext|>": 199_999, "<|endofprompt|>": 200_018]
            }
        }

        var words: ClassicPatterns.Compiled {
            switch self {
            case .r50k, .p50k: ClassicPatterns.r50k
            case .cl100k: ClassicPatterns.cl100k
            case .o200k: ClassicPatterns.o200k
            }
        }
    }

    /// Reads a `.tiktoken` file: a line for each piece, its bytes in base64, a space, its rank.
    ///
    /// Special tokens that a text spells out count as themselves (tiktoken's `allowed_special="all"`).
    public init(
        ranks bytes: UnsafeRawBufferPointer, encoding: RankEncoding, specialTokens: [String: Int32],
        file: String = ".tiktoken"
    ) throws(TokenizerError) {
        var table = ByteStringTable(capacity: min(bytes.count / 12, 1 << 18))
        try TextLines.forEach(in: bytes) { (line, number) throws(TokenizerError) in
            if line.isEmpty { return }
            guard let space = line.firstIndex(of: 0x20),
                let piece = Data(base64Encoded: Data(line[..<space])), !piece.isEmpty,
                let rank = Int32(String(decoding: line[(space + 1)...], as: UTF8.self)), rank >= 0,
                rank < Vocabulary.largestToken
            else {
                throw .file(file, "line \(number + 1) is not a piece in base64 and its rank")
            }
            guard piece.withUnsafeBytes({ table.insert($0, rank) }) else {
                throw .file(file, "line \(number + 1) repeats a piece")
            }
        }
        let vocabulary = try Vocabulary(table, file: file)
        var added: [AddedTokens.Token] = []
        for (name, number) in specialTokens.sorted(by: { $0.value < $1.value }) {
            guard number >= 0, number < Vocabulary.largestToken, vocabulary.piece(number) == nil else {
                throw .file(file, "the special token '\(name)' has the number \(number) of a piece")
            }
            added.append(AddedTokens.Token(content: Array(name.utf8), number: number, isSpecial: true))
        }
        try self.init(
            preTokenizer: .split(.pattern(try encoding.words.get(file)), .removed, isInverted: true),
            model: try RankedBytesModel(vocabulary, file: file), added: added, decoder: .fuse, file: file)
    }
}
