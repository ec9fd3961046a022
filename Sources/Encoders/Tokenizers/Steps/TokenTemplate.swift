/// What is put around a text's tokens (the `post_processor` of tokenizer.json, for single texts), and how long
/// the whole may get.
struct TokenTemplate: Sendable {
    /// Tokens before and after the text's.
    var before: [Int32] = [], after: [Int32] = []
    /// The largest number of tokens in all, nil without a limit.
    var limit: Int?
    /// Whether a text that is too long loses its beginning instead of its end.
    var cutsBeginning = false
    var padding: Padding?

    /// Filling up to a length.
    struct Padding: Sendable {
        /// The fixed length, nil for as long as the text is.
        var length: Int?
        /// Lengths are rounded up to a multiple of this.
        var multiple: Int?
        var token: Int32
        var isBefore = false
    }

    /// Cuts the text's tokens to the limit, puts the others around them, and fills up.
    func applied(to tokens: [Int32], addingSpecial: Bool, limit: Int?) -> [Int32] {
        let around = addingSpecial ? before.count + after.count : 0
        var result = tokens[...]
        if let limit {
            let room = max(0, limit - around)
            if result.count > room { result = cutsBeginning ? result.suffix(room) : result.prefix(room) }
        }
        return addingSpecial ? before + result + after : Array(result)
    }

    /// Fills up as the file says.
    func padded(_ tokens: [Int32]) -> [Int32] {
        guard let padding else { return tokens }
        var length = max(tokens.count, padding.length ?? 0)
        if let multiple = padding.multiple, multiple > 0, length % multiple > 0 {
            length += multiple - length % multiple
        }
        let filling = [Int32](repeating: padding.token, count: length - tokens.count)
        return padding.isBefore ? filling + tokens : tokens + filling
    }
}
