import Inference

/// What a sentence-transformers folder says beside the transformer: modules.json and the modules' own folders.
///
/// A folder without modules.json is a plain transformer: its tokens' vectors are averaged.
/// (https://sbert.net/docs/package_reference/sentence_transformer/modules.html)
struct SentenceModules {
    /// What makes a text's vector.
    private(set) var head = SentenceHead.mean
    /// The folder's limit on tokens, start and end included.
    private(set) var longest: Int?
    /// Whether texts are put into lower case before anything else.
    private(set) var lowersCase = false
    /// What is put before every text.
    private(set) var prompt = ""
    /// The files read, whose contents decide the vectors.
    private(set) var files: [String] = []
    /// The weights of dense modules.
    private(set) var weights: [SafeTensors] = []

    /// "mean", or several poolings joined.
    var label: String { head.poolings.map(\.rawValue).joined(separator: "+") }

    /// Reads a folder; `width` is that of the tokens' vectors.
    init(_ model: ModelFiles, width: Int) throws {
        try readTokenizer(model)
        guard let json = try model.json("modules.json") else { return }
        let file = "\(model.label)/modules.json"
        guard let modules = json.array, !modules.isEmpty else {
            throw ModelError.file(file, "is no list of modules")
        }
        files = ["modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"]
        var poolings: [SentenceHead.Pooling] = [], steps: [SentenceHead.Step] = []
        var current = width
        for (index, module) in modules.enumerated() {
            guard let type = module["type"]?.string, let folder = module["path"]?.string else {
                throw ModelError.file(file, "module \(index) has no type or no path")
            }
            let kind = type.split(separator: ".").last.map(String.init) ?? ""
            switch (kind, index, poolings.isEmpty) {
            case ("Transformer", 0, _):
                guard folder.isEmpty else {
                    throw ModelError.file(
                        file, "has the transformer in '\(folder)', expected it in the model's own folder")
                }
            case ("Pooling", 1..., true):
                poolings = try SentenceModules.poolings(fields(model, folder), width: width)
                files.append("\(folder)/config.json")
                current = poolings.count * width
            case ("Dense", _, false):
                let step = try dense(model, folder, inputs: current)
                if case .dense(let map, _) = step { current = map.outputs }
                steps.append(step)
            case ("Normalize", _, false): steps.append(.normalize)
            case ("Dropout", _, _): break
            default:
                throw ModelError.file(
                    file,
                    "module \(index) is '\(type)', expected Transformer, Pooling, then Dense or Normalize")
            }
        }
        guard !poolings.isEmpty else { throw ModelError.file(file, "has no Pooling module") }
        head = SentenceHead(poolings: poolings, steps: steps)
        try readTransformer(model)
        try readPrompt(model)
    }

    private func fields(_ model: ModelFiles, _ folder: String) throws -> ConfigurationFields {
        let name = "\(folder)/config.json"
        guard let json = try model.json(name) else {
            throw ModelError.file(model.label, "modules.json names '\(folder)', but there is no \(name)")
        }
        return ConfigurationFields(json, file: "\(model.label)/\(name)")
    }

    /// The poolings of a Pooling module in the order in which sentence-transformers joins them.
    private static func poolings(
        _ fields: ConfigurationFields, width: Int
    ) throws -> [SentenceHead.Pooling] {
        for name in ["word_embedding_dimension", "embedding_dimension"] where fields.json[name] != nil {
            let found = try fields.size(name)
            guard found == width else {
                throw ModelError.file(fields.file, "\(name) is \(found), but the transformer's is \(width)")
            }
        }
        guard try fields.flag("include_prompt", default: true) else {
            throw ModelError.file(fields.file, "include_prompt is off, which is not supported")
        }
        if let field = fields.json["pooling_mode"] {
            let modes = field.array ?? [field]
            guard modes.count <= SentenceHead.Pooling.allCases.count else {
                throw ModelError.file(fields.file, "pooling_mode lists \(modes.count) poolings")
            }
            return try modes.map { mode in
                guard let pooling = mode.string.flatMap(SentenceHead.Pooling.init) else {
                    throw ModelError.file(
                        fields.file,
                        "pooling_mode is '\(mode.string ?? "no text")', expected "
                            + SentenceHead.Pooling.allCases.map(\.rawValue).joined(separator: ", "))
                }
                return pooling
            }
        }
        // One switch per pooling, as versions before 5 write it.
        let switches: [(String, SentenceHead.Pooling)] = [
            ("cls_token", .first), ("max_tokens", .largest), ("mean_tokens", .mean),
            ("mean_sqrt_len_tokens", .sumBySquareRoot), ("weightedmean_tokens", .weightedMean),
            ("lasttoken", .last),
        ]
        let chosen = try switches.filter { try fields.flag("pooling_mode_\($0.0)", default: false) }.map(\.1)
        if chosen.isEmpty { return [.mean] }
        return chosen
    }

    private mutating func dense(_ model: ModelFiles, _ folder: String, inputs: Int) throws
        -> SentenceHead.Step
    {
        let fields = try fields(model, folder)
        let outputs = try fields.size("out_features")
        guard try fields.size("in_features") == inputs else {
            throw ModelError.file(
                fields.file, "in_features is not \(inputs), which the module before it gives")
        }
        guard try !fields.flag("use_residual", default: false) else {
            throw ModelError.file(fields.file, "use_residual is on, which is not supported")
        }
        for name in ["module_input_name", "module_output_name"] {
            let value = try fields.text(name, default: "sentence_embedding")
            guard value == "sentence_embedding" else {
                throw ModelError.file(fields.file, "\(name) is '\(value)', expected 'sentence_embedding'")
            }
        }
        let function = try fields.text("activation_function", default: "torch.nn.modules.activation.Tanh")
        let isTanh = function.hasSuffix(".Tanh")
        guard isTanh || function.hasSuffix(".Identity") else {
            throw ModelError.file(
                fields.file, "activation_function is '\(function)', expected torch's Tanh or Identity")
        }
        let name = "\(folder)/model.safetensors"
        guard let content = try model.content(name) else {
            throw ModelError.file(model.label, "has a Dense module in '\(folder)', but no \(name)")
        }
        let tensors = try SafeTensors(content.bytes, name: content.label, owner: content.owner)
        let map = try WeightReader([tensors]).linear(
            "linear", inputs: inputs, outputs: outputs, bias: try fields.flag("bias", default: true))
        files.append("\(folder)/config.json")
        weights.append(tensors)
        return .dense(map, tanh: isTanh)
    }

    private mutating func readTokenizer(_ model: ModelFiles) throws {
        guard let json = try model.json("tokenizer_config.json"), let limit = json["model_max_length"] else {
            return
        }
        guard let number = limit.number, number >= 1 else {
            throw ModelError.file("\(model.label)/tokenizer_config.json", "model_max_length is no size")
        }
        // Models without a limit have 10^30.
        longest = Int(exactly: number)
    }

    private mutating func readTransformer(_ model: ModelFiles) throws {
        guard let json = try model.json("sentence_bert_config.json") else { return }
        let fields = ConfigurationFields(json, file: "\(model.label)/sentence_bert_config.json")
        lowersCase = try fields.flag("do_lower_case", default: false)
        if json["max_seq_length"] != nil { longest = try fields.size("max_seq_length", most: 1 << 20) }
    }

    private mutating func readPrompt(_ model: ModelFiles) throws {
        let name = "config_sentence_transformers.json"
        guard let json = try model.json(name) else { return }
        let fields = ConfigurationFields(json, file: "\(model.label)/\(name)")
        let chosen = try fields.text("default_prompt_name", default: "")
        guard !chosen.isEmpty else { return }
        guard let text = json["prompts"]?[chosen]?.string else {
            throw ModelError.file(
                fields.file, "default_prompt_name is '\(chosen)', which is none of its prompts")
        }
        prompt = text
    }
}
