import Inference

extension BytePairTokenizer {
    /// The tokenizer of a model's folder: vocab.json with merges.txt, else tokenizer.json.
    static func read(_ files: ModelFiles, maximumLength: Int) throws -> BytePairTokenizer {
        if let vocabulary = try files.content("vocab.json"), let merges = try files.content("merges.txt") {
            return try withExtendedLifetime((vocabulary.owner, merges.owner)) {
                try BytePairTokenizer(
                    vocabulary: vocabulary.bytes, merges: merges.bytes, maximumLength: maximumLength,
                    name: vocabulary.label)
            }
        }
        guard let file = try files.content("tokenizer.json") else {
            throw ModelError.file(
                files.label, "has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json")
        }
        return try withExtendedLifetime(file.owner) {
            try BytePairTokenizer(tokenizer: file.bytes, maximumLength: maximumLength, name: file.label)
        }
    }
}
