import Inference

/// BERT, DistilBERT and RoBERTa in transformers' layout, alone or as a sentence-transformers folder.
///
/// A text's vector is the mean of its tokens' last hidden states, or what the folder's modules say.
enum BERTFamily: ModelFamily {
    static let mark = "'bert', 'distilbert', 'roberta', 'xlm-roberta'"

    private static let types = ["bert", "distilbert", "roberta", "xlm-roberta"]

    static func read(_ sources: ModelSources) throws -> ModelDescription? {
        guard let type = sources.configuration?["model_type"]?.string, types.contains(type) else {
            return nil
        }
        let fields = sources.fields
        let configuration = try BERT.Configuration(fields, type: type)
        let prefix = type == "xlm-roberta" ? "roberta" : type
        // Models with a task's head on top have the encoder under a prefix.
        let encoder =
            sources.weights.has("\(prefix).embeddings.word_embeddings.weight")
            ? sources.weights.under(prefix) : sources.weights
        let files = sources.files, shape = configuration.transformer
        let modules = try SentenceModules(files, width: shape.width)
        let label = ["bert": "BERT", "distilbert": "DistilBERT", "roberta": "RoBERTa"][type] ?? "XLM-RoBERTa"
        return ModelDescription(
            architecture: "\(label) \(shape.layers)×\(shape.width), \(modules.label) pooling",
            dimension: modules.head.dimension(width: shape.width),
            text: {
                let words = try SentenceTokenizer(files, modules, longest: configuration.longest)
                return TowerTextEncoder(
                    tower: try BERT(encoder, configuration, head: modules.head), tokenizer: words.tokenizer,
                    prepare: words.prepared)
            },
            otherFiles: ["vocab.txt", "tokenizer_config.json"] + modules.files,
            otherWeights: modules.weights)
    }
}

extension BERT.Configuration {
    init(_ fields: ConfigurationFields, type: String) throws(ModelError) {
        let isDistilled = type == "distilbert", isRoBERTa = type.hasSuffix("roberta")
        naming = isDistilled ? .distilBERT : .bert
        vocabulary = try fields.size("vocab_size", default: 30522, most: 1 << 22)
        positions = try fields.size("max_position_embeddings", default: 512, most: 1 << 14)
        segments = isDistilled ? nil : try fields.size("type_vocab_size", default: isRoBERTa ? 1 : 2)
        let padding = fields.json["pad_token_id"] == nil ? 1 : fields.json["pad_token_id"]?.integer ?? -1
        guard !isRoBERTa || padding >= 0 && padding < positions - 1 else {
            throw .file(fields.file, "pad_token_id is no number below max_position_embeddings")
        }
        firstPosition = isRoBERTa ? padding + 1 : 0
        transformer = try TransformerShape(bert: fields, isDistilled: isDistilled)
        let positionType = try fields.text("position_embedding_type", default: "absolute")
        guard positionType == "absolute" else {
            throw .file(
                fields.file, "position_embedding_type is '\(positionType)', expected 'absolute'")
        }
        guard try !fields.flag("is_decoder", default: false) else {
            throw .file(fields.file, "is_decoder is on, which is not supported")
        }
    }
}

extension TransformerShape {
    fileprivate init(bert fields: ConfigurationFields, isDistilled: Bool) throws(ModelError) {
        width = try fields.size(isDistilled ? "dim" : "hidden_size", default: 768, most: 1 << 14)
        inner = try fields.size(isDistilled ? "hidden_dim" : "intermediate_size", default: 3072)
        heads = try fields.size(isDistilled ? "n_heads" : "num_attention_heads", default: 12, most: 1 << 10)
        layers = try fields.size(
            isDistilled ? "n_layers" : "num_hidden_layers", default: isDistilled ? 6 : 12, most: 1 << 10)
        activation = try fields.activation(isDistilled ? "activation" : "hidden_act", default: .gelu)
        epsilon = Float(
            isDistilled ? 1e-12 : try fields.number("layer_norm_eps", default: 1e-12, in: 0...1))
        guard width % heads == 0 else {
            throw .file(
                fields.file,
                isDistilled
                    ? "dim \(width) is no multiple of n_heads \(heads)"
                    : "hidden_size \(width) is no multiple of num_attention_heads \(heads)")
        }
    }
}
