import Inference

/// What a `tokenizer.json` holds: its parts as they stand, the vocabulary as tables.
struct TokenizerJSON {
    var sections: [String: JSON] = [:]
    var model = ModelSection()
    let file: String

    /// The `model` section; vocabulary and merges are read without building a tree.
    struct ModelSection {
        var fields: [String: JSON] = [:]
        var pieces = ByteStringTable(capacity: 16)
        /// Unigram's, by token.
        var scores: [Double] = []
        var isScored = false
        var merges = MergeList()
    }

    /// Reads the whole file. A vocabulary of 49,408 pieces with as many merges takes about 15 ms.
    init(_ bytes: UnsafeRawBufferPointer, file: String) throws(TokenizerError) {
        self.file = file
        do throws(JSONError) {
            var scanner = JSONScanner(bytes)
            var sections: [String: JSON] = [:], model = ModelSection()
            try scanner.members { (name, scanner) throws(JSONError) in
                let name = String(decoding: name, as: UTF8.self)
                if name == "model" {
                    try TokenizerJSON.readModel(&scanner, into: &model)
                } else {
                    sections[name] = try scanner.value()
                }
            }
            try scanner.end()
            self.sections = sections
            self.model = model
        } catch {
            throw .file(file, error.description)
        }
    }

    private static func readModel(
        _ scanner: inout JSONScanner, into model: inout ModelSection
    ) throws(JSONError) {
        try scanner.members { (name, scanner) throws(JSONError) in
            let name = String(decoding: name, as: UTF8.self)
            switch name {
            case "vocab" where scanner.startsArray():
                model.isScored = true
                try readScoredVocabulary(&scanner, into: &model)
            case "vocab": model.pieces = try readVocabulary(&scanner, expected: 1 << 16)
            case "merges" where scanner.startsArray(): try readMerges(&scanner, into: &model.merges)
            default: model.fields[name] = try scanner.value()
            }
        }
    }

    /// Reads an object of pieces and numbers.
    static func readVocabulary(
        _ scanner: inout JSONScanner, expected: Int
    ) throws(JSONError) -> ByteStringTable {
        var table = ByteStringTable(capacity: min(expected, 1 << 17))
        try scanner.members { (piece, scanner) throws(JSONError) in
            let token = try scanner.integer()
            guard token >= 0, token < Vocabulary.largestToken, let token = Int32(exactly: token) else {
                throw scanner.failure("a token number below \(Vocabulary.largestToken)")
            }
            guard piece.withUnsafeBytes({ table.insert($0, token) }) else {
                throw scanner.failure("each piece only once")
            }
        }
        return table
    }

    /// Reads a list of [piece, score].
    private static func readScoredVocabulary(
        _ scanner: inout JSONScanner, into model: inout ModelSection
    ) throws(JSONError) {
        model.pieces = ByteStringTable(capacity: 1 << 15)
        var piece: [UInt8] = []
        try scanner.elements { (scanner) throws(JSONError) in
            var place = 0, score = 0.0
            try scanner.elements { (scanner) throws(JSONError) in
                switch place {
                case 0: try scanner.text(into: &piece)
                case 1:
                    guard let number = try scanner.value().number else { throw scanner.failure("a score") }
                    score = number
                default: throw scanner.failure("a piece and a score")
                }
                place += 1
            }
            guard place == 2, model.scores.count < Vocabulary.largestToken else {
                throw scanner.failure("a piece and a score")
            }
            let token = Int32(truncatingIfNeeded: model.scores.count)
            guard piece.withUnsafeBytes({ model.pieces.insert($0, token) }) else {
                throw scanner.failure("each piece only once")
            }
            model.scores.append(score)
        }
    }

    /// Reads pairs: older files write one as a string with a space, newer ones as a list of two.
    private static func readMerges(
        _ scanner: inout JSONScanner, into merges: inout MergeList
    ) throws(JSONError) {
        var text: [UInt8] = [], left: [UInt8] = []
        merges.reserve(1 << 15)
        try scanner.elements { (scanner) throws(JSONError) in
            if scanner.startsArray() {
                var place = 0
                try scanner.elements { (scanner) throws(JSONError) in
                    swap(&left, &text)
                    try scanner.text(into: &text)
                    place += 1
                }
                guard place == 2, merges.append(left, text) else { throw scanner.failure("a pair of pieces") }
                return
            }
            try scanner.text(into: &text)
            guard let space = text.firstIndex(of: 0x20), text[(space + 1)...].allSatisfy({ $0 != 0x20 }),
                merges.append(text[..<space], text[(space + 1)...])
            else {
                throw scanner.failure("a pair of pieces")
            }
        }
    }
}

extension Tokenizer {
    /// Reads `tokenizer.json`, with all its parts: normalizer, pre-tokenizer, model, post-processor, decoder,
    /// added tokens, truncation and padding. A part of an unknown kind is an error that names it.
    public init(
        json bytes: UnsafeRawBufferPointer, file: String = "tokenizer.json"
    ) throws(TokenizerError) {
        let json = try TokenizerJSON(bytes, file: file)
        func part<Value>(
            _ name: String, _ read: (StepReader) throws(TokenizerError) -> Value
        ) throws(TokenizerError) -> Value? {
            guard let section = json.sections[name], section != .null else { return nil }
            return try read(StepReader(section, path: name, file: file))
        }
        let model = try json.tokenModel()
        let added = try json.addedTokens(model.vocabulary)
        let template = try json.template()
        let decoder = try part("decoder") { (reader) throws(TokenizerError) in try reader.decoder() }
        // transformers' CLIP tokenizer puts a space where a word ended, and strips the text.
        let wordEnd = json.model.fields["end_of_word_suffix"]?.string ?? ""
        var isWordEnded = false
        if case .byteLevel = decoder, !wordEnd.isEmpty { isWordEnded = true }
        try self.init(
            normalizer: try part("normalizer") { (reader) throws(TokenizerError) in try reader.normalizer() },
            preTokenizer: try part("pre_tokenizer") { (reader) throws(TokenizerError) in
                try reader.preTokenizer()
            },
            model: model, added: added, template: template,
            decoder: isWordEnded ? .wordEnded(by: wordEnd) : decoder, stripsDecoded: isWordEnded, file: file)
    }
}

extension TokenDecoder {
    /// CLIP's: bytes, then a space for each mark at the end of a word.
    static func wordEnded(by mark: String) -> TokenDecoder {
        .sequence([.byteLevel, .replace(.literal(Array(mark.utf8)), [0x20])])
    }
}
