/// What turns a piece of text into tokens: the `model` of tokenizer.json.
protocol TokenModel: Sendable {
    /// The pieces and their numbers.
    var vocabulary: Vocabulary { get }
    /// Appends the tokens of one piece.
    func encode(_ piece: UnsafeBufferPointer<UInt8>, into tokens: inout [Int32]) throws(TokenizerError)
    /// What the vocabulary's piece of a token stands for, as the decoder gets it.
    func text(of token: Int32) -> [UInt8]?
}

extension TokenModel {
    func text(of token: Int32) -> [UInt8]? { vocabulary.piece(token).map { Array($0) } }
}
