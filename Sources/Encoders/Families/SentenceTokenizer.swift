import Inference

/// A sentence encoder's tokenizer: prompt, lower case and length as its folder says.
struct SentenceTokenizer: TextTokenizer {
    private let tokenizer: Tokenizer
    private let prompt: String
    private let lowersCase: Bool

    /// Reads the tokenizer of a model's folder; `longest` is what the tower can take.
    init(_ files: ModelFiles, _ modules: SentenceModules, longest: Int) throws {
        var tokenizer = try SentenceTokenizer.read(files)
        tokenizer.maximumLength = min(longest, modules.longest ?? longest)
        guard try !tokenizer.encode("").isEmpty else {
            throw TokenizerError.file(
                tokenizer.file, "puts no special tokens around a text, which the model needs")
        }
        self.tokenizer = tokenizer
        prompt = modules.prompt
        lowersCase = modules.lowersCase
    }

    private static func read(_ files: ModelFiles) throws -> Tokenizer {
        if let file = try files.content("tokenizer.json") {
            return try withExtendedLifetime(file.owner) { try Tokenizer(json: file.bytes, file: file.label) }
        }
        let settings = ConfigurationFields(
            try files.json("tokenizer_config.json") ?? .object([:]),
            file: "\(files.label)/tokenizer_config.json")
        if let file = try files.content("vocab.txt") {
            let stripsAccents =
                settings.json["strip_accents"] == nil
                ? nil : try settings.flag("strip_accents", default: true)
            return try withExtendedLifetime(file.owner) {
                try Tokenizer(
                    wordPieces: file.bytes, lowercases: try settings.flag("do_lower_case", default: true),
                    stripsAccents: stripsAccents,
                    spacesChinese: try settings.flag("tokenize_chinese_chars", default: true),
                    file: file.label)
            }
        }
        if let vocabulary = try files.content("vocab.json"), let merges = try files.content("merges.txt") {
            return try withExtendedLifetime((vocabulary.owner, merges.owner)) {
                try Tokenizer(
                    vocabulary: vocabulary.bytes, merges: merges.bytes, family: .roberta,
                    addsPrefixSpace: try settings.flag("add_prefix_space", default: false),
                    file: vocabulary.label)
            }
        }
        throw ModelError.file(
            files.label,
            "has no tokenizer: neither tokenizer.json nor vocab.txt nor vocab.json and merges.txt")
    }

    func encode(_ text: String) throws -> [Int32] {
        let whole = prompt + text
        return try tokenizer.encode(lowersCase ? whole.lowercased() : whole)
    }

    func piece(_ token: Int32) -> String? { tokenizer.piece(token) }

    func decode(_ tokens: [Int32]) throws -> String { try tokenizer.decode(tokens) }
}
