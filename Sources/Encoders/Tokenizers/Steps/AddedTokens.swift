/// Tokens that are found in the text before the model sees it: the `added_tokens` of tokenizer.json.
struct AddedTokens: Sendable {
    /// One of them, with the flags of the file.
    struct Token: Sendable {
        var content: [UInt8]
        var number: Int32
        var isSpecial = false
        var isNormalized = false
        var isSingleWord = false
        var takesSpaceBefore = false, takesSpaceAfter = false
    }

    /// A part of a text: a token found in it, or text between.
    struct Part {
        let range: Range<Int>
        let token: Int32?
    }

    private let tokens: [Token]
    private let byNumber: [Int32: Int]
    private let byContent: [[UInt8]: Int]
    private let verbatim: ByteTrie, normalized: ByteTrie
    private let hasVerbatim: Bool, hasNormalized: Bool

    /// Tokens are looked for in the text as it is or after `normalize`, as each one says.
    init(
        _ tokens: [Token], normalize: ([UInt8]) throws(TokenizerError) -> [UInt8]
    ) throws(TokenizerError) {
        var verbatim = ByteTrie(capacity: 16), normalized = ByteTrie(capacity: 16)
        var byNumber: [Int32: Int] = [:], byContent: [[UInt8]: Int] = [:]
        var hasVerbatim = false, hasNormalized = false
        for (index, token) in tokens.enumerated() where !token.content.isEmpty {
            byNumber[token.number] = index
            byContent[token.content] = index
            if token.isNormalized {
                let content = try normalize(token.content)
                if content.isEmpty { continue }
                normalized.insert(content, Int32(truncatingIfNeeded: index))
                hasNormalized = true
            } else {
                verbatim.insert(token.content, Int32(truncatingIfNeeded: index))
                hasVerbatim = true
            }
        }
        self.tokens = tokens
        self.byNumber = byNumber
        self.byContent = byContent
        self.verbatim = verbatim
        self.normalized = normalized
        self.hasVerbatim = hasVerbatim
        self.hasNormalized = hasNormalized
    }

    /// The token of a number, nil when it is none of these.
    subscript(number: Int32) -> Token? { byNumber[number].map { tokens[$0] } }

    /// The number of a token with this content.
    func number(of content: [UInt8]) -> Int32? { byContent[content].map { tokens[$0].number } }

    /// The largest number, -1 without tokens.
    var largest: Int32 { tokens.map(\.number).max() ?? -1 }

    /// Cuts a text at the tokens found in it, before or after normalisation; of those that begin at one place
    /// the longest counts.
    func parts(of text: UnsafeBufferPointer<UInt8>, isNormalized: Bool) -> [Part] {
        guard isNormalized ? hasNormalized : hasVerbatim else {
            return text.isEmpty ? [] : [Part(range: 0..<text.count, token: nil)]
        }
        let trie = isNormalized ? normalized : verbatim
        var parts: [Part] = [], done = 0, offset = 0
        while offset < text.count {
            var found: (end: Int, index: Int)?
            trie.forEachPrefix(of: text, at: offset) { end, index in found = (end, Int(index)) }
            guard let found else {
                offset += 1
                continue
            }
            let token = tokens[found.index]
            var start = offset, end = found.end
            offset = found.end
            if token.isSingleWord, isWord(text, before: start) || isWord(text, after: end) { continue }
            if token.takesSpaceBefore {
                while start > done, case let before = text.scalarStart(before: start),
                    ScalarClasses.isWhitespace(text.scalar(at: before).value)
                {
                    start = before
                }
            }
            start = max(start, done)
            if token.takesSpaceAfter {
                while end < text.count, case let next = text.scalar(at: end),
                    ScalarClasses.isWhitespace(next.value)
                {
                    end += next.length
                }
            }
            if done < start { parts.append(Part(range: done..<start, token: nil)) }
            parts.append(Part(range: start..<max(start, end), token: token.number))
            done = max(done, end)
        }
        if done < text.count { parts.append(Part(range: done..<text.count, token: nil)) }
        return parts
    }

    private func isWord(_ text: UnsafeBufferPointer<UInt8>, after offset: Int) -> Bool {
        guard offset < text.count, let scalar = Unicode.Scalar(text.scalar(at: offset).value) else {
            return false
        }
        return scalar.value == 0x200C || scalar.value == 0x200D || ScalarClasses.isWord(scalar)
    }

    private func isWord(_ text: UnsafeBufferPointer<UInt8>, before offset: Int) -> Bool {
        offset > 0 && isWord(text, after: text.scalarStart(before: offset))
    }
}
