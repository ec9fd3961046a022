/// What cuts texts into a model's tokens and puts them together again.
public protocol TextTokenizer: Sendable {
    /// The tokens of a text as the model takes them: between its special tokens, cut at its length.
    func encode(_ text: String) throws -> [Int32]
    /// The text of a token, nil when no token has the number.
    func piece(_ token: Int32) -> String?
    /// The text of tokens.
    func decode(_ tokens: [Int32]) throws -> String
}

extension Tokenizer: TextTokenizer {
    /// The tokens of a text with the special ones around them, cut to `maximumLength`.
    public func encode(_ text: String) throws -> [Int32] { try encode(text, addingSpecialTokens: true) }

    /// The text that tokens stand for; special ones are left out.
    public func decode(_ tokens: [Int32]) throws -> String {
        try decode(tokens, keepingSpecialTokens: false)
    }
}
