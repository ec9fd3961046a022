import Inference

extension TokenizerJSON {
    private func failure(_ problem: String) -> TokenizerError { .file(file, problem) }

    /// The model, of the kind the file names; old files without a name tell by their fields.
    func tokenModel() throws(TokenizerError) -> any TokenModel {
        let fields = model.fields
        let kind =
            fields["type"]?.string
            ?? (model.isScored
                ? "Unigram"
                : model.merges.count > 0
                    ? "BPE" : fields["max_input_chars_per_word"] != nil ? "WordPiece" : "WordLevel")
        guard ["BPE", "WordPiece", "WordLevel", "Unigram"].contains(kind) else {
            throw failure("model: unknown type '\(kind)'")
        }
        guard model.isScored == (kind == "Unigram"), model.pieces.count > 0 else {
            throw failure("model: no vocabulary as \(kind) has it")
        }
        let vocabulary = try Vocabulary(model.pieces, file: file)
        func flag(_ name: String) -> Bool { fields[name]?.bool ?? false }
        func text(_ name: String) -> String? { fields[name]?.string }
        switch kind {
        case "BPE":
            if let dropout = fields["dropout"]?.number, dropout != 0 {
                throw failure("model: dropout \(dropout) makes tokens random; only 0 is read")
            }
            var options = BytePairModel.Options()
            options.unknown = text("unk_token")
            options.continuingPrefix = Array((text("continuing_subword_prefix") ?? "").utf8)
            options.wordEnd = Array((text("end_of_word_suffix") ?? "").utf8)
            options.fusesUnknown = flag("fuse_unk")
            options.fallsBackToBytes = flag("byte_fallback")
            options.ignoresMerges = flag("ignore_merges")
            return try BytePairModel(vocabulary, merges: model.merges, options, file: file)
        case "WordPiece":
            return try WordPieceModel(
                vocabulary, unknown: text("unk_token") ?? "[UNK]",
                continuingPrefix: text("continuing_subword_prefix") ?? "##",
                longestWord: max(0, fields["max_input_chars_per_word"]?.integer ?? 100), file: file)
        case "WordLevel": return WordLevelModel(vocabulary, unknown: text("unk_token") ?? "<unk>")
        default:
            var unknown: Int32?
            if let number = fields["unk_id"], number != .null {
                guard let value = number.integer, let token = Int32(exactly: value) else {
                    throw failure("model: unk_id is no token number")
                }
                unknown = token
            }
            return try UnigramModel(
                vocabulary, scores: model.scores, unknown: unknown, fallsBackToBytes: flag("byte_fallback"),
                file: file)
        }
    }

    /// The added tokens. As in the reference, one that the model has gets the model's number.
    func addedTokens(_ vocabulary: Vocabulary) throws(TokenizerError) -> [AddedTokens.Token] {
        guard let list = sections["added_tokens"], list != .null else { return [] }
        guard case .array(let items) = list else { throw failure("added_tokens is no list") }
        var tokens: [AddedTokens.Token] = []
        for item in items {
            guard let content = item["content"]?.string, let number = item["id"]?.integer,
                number >= 0, number < Vocabulary.largestToken
            else {
                throw failure("added_tokens: an entry without content or id")
            }
            func flag(_ name: String) -> Bool { item[name]?.bool ?? false }
            tokens.append(
                AddedTokens.Token(
                    content: Array(content.utf8), number: vocabulary.token(content) ?? Int32(number),
                    isSpecial: flag("special"), isNormalized: item["normalized"]?.bool ?? !flag("special"),
                    isSingleWord: flag("single_word"), takesSpaceBefore: flag("lstrip"),
                    takesSpaceAfter: flag("rstrip")))
        }
        return tokens
    }

    /// What is put around the tokens, and the limits.
    func template() throws(TokenizerError) -> TokenTemplate {
        var template = TokenTemplate()
        if let section = sections["post_processor"], section != .null {
            try readPostProcessor(section, into: &template)
        }
        if let truncation = sections["truncation"], truncation != .null {
            guard let limit = truncation["max_length"]?.integer, limit >= 0 else {
                throw failure("truncation: no max_length")
            }
            guard limit >= template.before.count + template.after.count else {
                throw failure("truncation: max_length \(limit) has no room for the special tokens")
            }
            template.limit = limit
            template.cutsBeginning = truncation["direction"]?.string == "Left"
        }
        if let padding = sections["padding"], padding != .null {
            guard let token = padding["pad_id"]?.integer.flatMap({ Int32(exactly: $0) }), token >= 0 else {
                throw failure("padding: no pad_id")
            }
            let length = padding["strategy"]?["Fixed"]?.integer
            let multiple = padding["pad_to_multiple_of"]?.integer
            guard (length ?? 0) >= 0, (length ?? 0) <= 1 << 24, (multiple ?? 0) >= 0,
                (multiple ?? 0) <= 1 << 24
            else {
                throw failure("padding: a length out of range")
            }
            template.padding = TokenTemplate.Padding(
                length: length, multiple: multiple, token: token,
                isBefore: padding["direction"]?.string == "Left")
        }
        return template
    }

    private func readPostProcessor(
        _ section: JSON, into template: inout TokenTemplate
    ) throws(TokenizerError) {
        func token(_ value: JSON?) throws(TokenizerError) -> Int32 {
            guard let number = value?.integer.flatMap({ Int32(exactly: $0) }), number >= 0 else {
                throw failure("post_processor: a token without a number")
            }
            return number
        }
        switch section["type"]?.string {
        case "ByteLevel": break  // it moves offsets only
        case "Sequence":
            guard let steps = section["processors"]?.array else {
                throw failure("post_processor: Sequence without processors")
            }
            for step in steps { try readPostProcessor(step, into: &template) }
        case "BertProcessing", "RobertaProcessing":
            template.before.insert(try token(section["cls"]?.array?.last), at: 0)
            template.after.append(try token(section["sep"]?.array?.last))
        case "TemplateProcessing":
            guard let items = section["single"]?.array else {
                throw failure("post_processor: TemplateProcessing without single")
            }
            var before: [Int32] = [], after: [Int32] = [], hasText = false
            for item in items {
                if item["Sequence"] != nil {
                    guard !hasText else { throw failure("post_processor: a template with the text twice") }
                    hasText = true
                } else if let name = item["SpecialToken"]?["id"]?.string {
                    guard let ids = section["special_tokens"]?[name]?["ids"]?.array else {
                        throw failure("post_processor: special_tokens lacks '\(name)'")
                    }
                    for id in ids {
                        let id = try token(id)
                        if hasText { after.append(id) } else { before.append(id) }
                    }
                } else {
                    throw failure("post_processor: a template entry of an unknown kind")
                }
            }
            guard hasText else { throw failure("post_processor: a template without the text") }
            template.before = before + template.before
            template.after += after
        case let kind: throw failure("post_processor: unknown type '\(kind ?? "")'")
        }
    }
}
