/// A text tokenizer: normalisation, cut into words, model, special tokens, and the way back.
///
/// Gives the numbers of the Python libraries `tokenizers`, `transformers` and `tiktoken` for the same files. A text
/// is a Swift string or bytes; bytes that are no UTF-8 count as U+FFFD, one for each longest beginning of a
/// character, as Python's `errors="replace"` has it (a Python string, which the references take, cannot hold
/// them).
public struct Tokenizer: Sendable {
    let normalizer: Normalizer?
    let preTokenizer: PreTokenizer?
    let model: any TokenModel
    let added: AddedTokens
    var template: TokenTemplate
    let decoder: TokenDecoder?
    /// The file it was read from, for messages.
    public let file: String
    /// Python's strip() and CLIP's clean-up of the decoded text.
    let stripsDecoded: Bool

    init(
        normalizer: Normalizer? = nil, preTokenizer: PreTokenizer? = nil, model: any TokenModel,
        added: [AddedTokens.Token] = [], template: TokenTemplate = TokenTemplate(),
        decoder: TokenDecoder? = nil, stripsDecoded: Bool = false, file: String
    ) throws(TokenizerError) {
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.model = model
        self.template = template
        self.decoder = decoder
        self.stripsDecoded = stripsDecoded
        self.file = file
        self.added = try AddedTokens(added) { content throws(TokenizerError) in
            var content = content, startsText = true
            do throws(PatternError) {
                try normalizer?.apply(to: &content, startsText: &startsText)
            } catch {
                throw .file(file, "normalizer: \(error)")
            }
            return content
        }
    }

    /// One more than the largest token number.
    public var vocabularyEnd: Int { max(model.vocabulary.end, Int(added.largest) + 1) }

    /// The largest number of tokens in a sequence, special ones included; nil when the files set no limit.
    public var maximumLength: Int? {
        get { template.limit }
        set { template.limit = newValue }
    }

    /// The token that a text's sequence begins with, and the one it ends with, where the files say so.
    public var startToken: Int32? { template.before.first }
    /// The token that a text's sequence ends with, where the files say so.
    public var endToken: Int32? { template.after.last }
    /// The token that fills up sequences, where the files name one.
    public var paddingToken: Int32? { template.padding?.token }

    /// The tokens of a text with the special ones around them, cut to `maximumLength`.
    ///
    /// `padding` fills up as the file says. Costs about n log n for the longest word.
    public func encode(
        _ text: String, addingSpecialTokens: Bool = true, padding: Bool = false
    ) throws(TokenizerError) -> [Int32] {
        try encode(Array(text.utf8), addingSpecialTokens: addingSpecialTokens, padding: padding)
    }

    /// The tokens of a text in UTF-8, which is repaired where it is not valid.
    public func encode(
        _ text: [UInt8], addingSpecialTokens: Bool = true, padding: Bool = false
    ) throws(TokenizerError) -> [Int32] {
        let tokens = template.applied(
            to: try tokens(text), addingSpecial: addingSpecialTokens, limit: template.limit)
        return padding ? template.padded(tokens) : tokens
    }

    /// All tokens of a text, without those put around it and without a limit.
    public func tokens(_ text: [UInt8]) throws(TokenizerError) -> [Int32] {
        let text = text.allSatisfy { $0 < 0x80 } ? text : Array(String(decoding: text, as: UTF8.self).utf8)
        var tokens: [Int32] = []
        tokens.reserveCapacity(text.count / 3 + 4)
        for part in text.withText({ added.parts(of: $0, isNormalized: false) }) {
            if let token = part.token {
                tokens.append(token)
            } else {
                try encode(
                    Array(text[part.range]), startsText: part.range.lowerBound == 0, into: &tokens)
            }
        }
        return tokens
    }

    private func encode(
        _ section: [UInt8], startsText: Bool, into tokens: inout [Int32]
    ) throws(TokenizerError) {
        var section = section, startsText = startsText
        try step("normalizer") { () throws(PatternError) in
            try normalizer?.apply(to: &section, startsText: &startsText)
        }
        for part in section.withText({ added.parts(of: $0, isNormalized: true) }) {
            if let token = part.token {
                tokens.append(token)
                continue
            }
            var pieces = TextPieces(
                part.range.count == section.count ? section : Array(section[part.range]),
                startsText: startsText && part.range.lowerBound == 0)
            try step("pre_tokenizer") { () throws(PatternError) in try preTokenizer?.apply(to: &pieces) }
            try pieces.bytes.withText { (text) throws(TokenizerError) in
                for range in pieces.ranges { try model.encode(text.part(range), into: &tokens) }
            }
        }
    }

    /// A pattern that fails on a text is named with the part it stands in.
    func step<Result>(
        _ part: String, _ body: () throws(PatternError) -> Result
    ) throws(TokenizerError) -> Result {
        do throws(PatternError) { return try body() } catch { throw .file(file, "\(part): \(error)") }
    }
}
