/// What is wrong with a tokenizer's files, or with a text for a tokenizer.
public enum TokenizerError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file is not what it should be: the file, and how.
    case file(String, String)
    /// A piece that the merges make is missing from the vocabulary.
    case missingPiece(String)
    /// A token number outside the model's vocabulary.
    case unknownToken(Int32, vocabulary: Int)

    /// One line naming the file, piece or number and what was expected.
    public var description: String {
        switch self {
        case .file(let file, let problem): "\(file): \(problem)"
        case .missingPiece(let piece):
            "the tokenizer's vocabulary lacks the piece '\(piece)' that its merges make"
        case .unknownToken(let token, let vocabulary):
            "token \(token) is outside the model's vocabulary of \(vocabulary): "
                + "tokenizer and model do not belong together"
        }
    }
}
