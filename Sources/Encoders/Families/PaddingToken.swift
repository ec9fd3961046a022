import Inference

/// The token that fills a text up to a tower's length, where the tower sees it.
enum PaddingToken {
    /// The files that say which it is.
    static let files = ["tokenizer_config.json", "special_tokens_map.json"]

    /// The number of the tokenizer's padding token, else the configuration's `pad_token_id`, else a default.
    ///
    /// The tokenizer goes before: it is what fills the texts up in transformers and OpenCLIP alike, and SigLIP
    /// 2's configurations say another number.
    static func read(
        _ files: ModelFiles, _ fields: ConfigurationFields, default value: Int, vocabulary: Int
    ) throws -> Int32 {
        var number = fields.json["pad_token_id"].map { $0.integer ?? -1 } ?? value
        if let piece = try piece(files), let token = try self.number(of: piece, files) { number = token }
        guard number >= 0, number < vocabulary, let token = Int32(exactly: number) else {
            throw ModelError.file(
                fields.file,
                "\(fields.path)pad_token_id \(number) is no token of a vocabulary of \(vocabulary)")
        }
        return token
    }

    private static func piece(_ files: ModelFiles) throws -> String? {
        for name in self.files {
            guard let token = try files.json(name)?["pad_token"] else { continue }
            if let piece = token.string ?? token["content"]?.string { return piece }
        }
        return nil
    }

    private static func number(of piece: String, _ files: ModelFiles) throws -> Int? {
        let tokens = try files.json("tokenizer.json")?["added_tokens"]?.array ?? []
        return tokens.first { $0["content"]?.string == piece }?["id"]?.integer
    }
}
