import Inference

/// A sentence encoder's tokenizer, with the prompt, lower case and length that its folder asks for.
struct SentenceTokenizer {
    let tokenizer: Tokenizer
    private let prompt: String
    private let lowersCase: Bool

    /// Reads the tokenizer of a model's folder; `longest` is what the tower can take.
    init(_ files: ModelFiles, _ modules: SentenceModules, longest: Int) throws {
        tokenizer = try Tokenizer.read(files, maximumLength: min(longest, modules.longest ?? longest))
        guard try !tokenizer.encode("").isEmpty else {
            throw TokenizerError.file(
                tokenizer.file, "puts no special tokens around a text, which the model needs")
        }
        prompt = modules.prompt
        lowersCase = modules.lowersCase
    }

    /// A text as the tokenizer gets it.
    func prepared(_ text: String) -> String {
        let whole = prompt + text
        return lowersCase ? whole.lowercased() : whole
    }
}
