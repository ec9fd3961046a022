/// What cuts texts into a model's tokens and puts them together again.
public protocol TextTokenizer: Sendable {
    /// The tokens of a text as the model takes them: between its special tokens, cut at its length.
    func encode(_ text: String) throws -> [Int32]
    /// The text of a token, nil when no token has the number.
    func piece(_ token: Int32) -> String?
    /// The text of tokens.
    func decode(_ tokens: [Int32]) throws -> String
}

extension BytePairTokenizer: TextTokenizer {
    /// The text of tokens, without start and end.
    public func decode(_ tokens: [Int32]) -> String { decode(tokens[...]) }
}

extension Tokenizer: TextTokenizer {
    /// The tokens of a text between its special tokens, cut at the tokenizer's length.
    public func encode(_ text: String) throws -> [Int32] { try encode(text, addingSpecialTokens: true) }
    /// The text of tokens, without special ones.
    public func decode(_ tokens: [Int32]) throws -> String { try decode(tokens, keepingSpecialTokens: false) }
}
