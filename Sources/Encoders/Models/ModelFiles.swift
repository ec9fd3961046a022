import CBundledModel
import Inference
import SystemPackage
import SystemSupport

/// The files of a model, wherever they stand: a folder, one safetensors file, or the program itself.
struct ModelFiles: Sendable {
    /// One file's bytes, with what keeps them in place.
    struct Content: @unchecked Sendable {
        // Unchecked: the bytes are never written, and `owner` keeps them in place.
        let bytes: UnsafeRawBufferPointer
        let owner: AnyObject?
        /// For messages: the path, or the name within the program.
        let label: String
    }

    private enum Place: Sendable {
        case folder(FilePath)
        case file(FilePath)
        case embedded
    }

    private let place: Place

    /// Files larger than this are no configuration or vocabulary.
    private static let largestText = 64 << 20

    /// A model's folder, or a single safetensors file.
    init(_ path: FilePath) throws {
        place = try FileStatus.of(path).kind == .directory ? .folder(path) : .file(path)
    }

    private init(_ place: Place) { self.place = place }

    /// The model within the program.
    static let embedded = ModelFiles(.embedded)

    /// Whether the files stand in a folder.
    var isFolder: Bool {
        if case .folder = place { true } else { false }
    }

    /// What to call the model when its files do not say.
    var defaultName: String {
        switch place {
        case .folder(let path): ((try? Folders.resolve(path)) ?? path).lastComponent?.string ?? "model"
        case .file(let path): path.stem ?? "model"
        case .embedded: "embedded"
        }
    }

    /// The path for messages.
    var label: String {
        switch place {
        case .folder(let path), .file(let path): path.string
        case .embedded: "the embedded model"
        }
    }

    /// A file by its name, nil when the model has none of it; `keepsOpen` as MappedFile has it.
    func content(_ name: String, keepsOpen: Bool = false) throws -> Content? {
        switch place {
        case .embedded: return ModelFiles.embeddedContent(name)
        case .file: return nil
        case .folder(let folder):
            // Names come from the model's own index too: they must not lead out of the folder.
            guard let relative = ModelFiles.relativePath(name) else {
                throw ModelError.file(label, "names a file '\(name)', which is no file name")
            }
            let path = folder.pushing(relative)
            do throws(SystemError) {
                let file = try MappedFile(path, keepsOpen: keepsOpen)
                return Content(bytes: file.bytes, owner: file, label: path.string)
            } catch {
                if error.errno == .noSuchFileOrDirectory { return nil }
                throw error
            }
        }
    }

    /// A file's name, perhaps in a folder of the model's, as a path that cannot lead out of the model's folder.
    private static func relativePath(_ name: String) -> FilePath? {
        let path = FilePath(name)
        guard (1...2).contains(path.components.count), path.root == nil,
            path.components.allSatisfy({ $0.kind == .regular })
        else { return nil }
        return path
    }

    /// A JSON file as a tree, nil when the model has none of it.
    func json(_ name: String) throws -> JSON? {
        guard let content = try content(name) else { return nil }
        guard content.bytes.count <= ModelFiles.largestText else {
            throw ModelError.file(
                content.label, "has \(content.bytes.count) bytes, which is no configuration")
        }
        defer { withExtendedLifetime(content.owner) {} }
        do throws(JSONError) {
            return try JSON.parse(content.bytes)
        } catch {
            throw ModelError.file(content.label, error.description)
        }
    }

    /// The weights: `model.safetensors`, or the parts that `model.safetensors.index.json` lists, or OpenCLIP's
    /// file.
    ///
    /// Where a folder has both transformers' and OpenCLIP's, transformers' are read when config.json describes
    /// them.
    func weights() throws -> [SafeTensors] {
        if case .file(let path) = place { return [try SafeTensors(path)] }
        let hasConfiguration = try json("config.json")?["model_type"] != nil
        let readers = [transformersWeights, openCLIPWeights]
        for read in hasConfiguration ? readers : readers.reversed() {
            if let weights = try read() { return weights }
        }
        for name in ["pytorch_model.bin", "open_clip_pytorch_model.bin", "model.ckpt"]
        where try content(name) != nil {
            throw ModelError.file(
                label,
                "holds its weights as \(name), a Python program's memory that is not safe to read: "
                    + "fetch or make the model.safetensors of the same model")
        }
        throw ModelError.file(label, "holds no model.safetensors")
    }

    private func transformersWeights() throws -> [SafeTensors]? {
        if let single = try tensors("model.safetensors") { return [single] }
        let index = "model.safetensors.index.json"
        guard let json = try json(index) else { return nil }
        guard case .object(let map)? = json["weight_map"] else {
            throw ModelError.file("\(label)/\(index)", "has no weight_map")
        }
        return try Set(map.values.compactMap(\.string)).sorted().map { name in
            guard let part = try tensors(name) else {
                throw ModelError.file("\(label)/\(index)", "lists \(name), which is missing")
            }
            return part
        }
    }

    private func openCLIPWeights() throws -> [SafeTensors]? {
        guard try content(ModelFiles.openCLIPConfiguration) != nil,
            let single = try tensors("open_clip_model.safetensors")
        else { return nil }
        return [single]
    }

    private func tensors(_ name: String) throws -> SafeTensors? {
        guard let content = try content(name, keepsOpen: true) else { return nil }
        return try SafeTensors(content.bytes, name: content.label, owner: content.owner)
    }

    /// OpenCLIP's counterpart of config.json.
    static let openCLIPConfiguration = "open_clip_config.json"

    /// Everything of the model worth keeping: each file with the name it gets in the store.
    func installable() throws -> [(source: FilePath, name: FilePath)] {
        switch place {
        case .embedded: return []
        case .file(let path): return [(path, "model.safetensors")]
        case .folder(let folder):
            var names = [
                "config.json", ModelFiles.openCLIPConfiguration, "preprocessor_config.json",
                "processor_config.json", "vocab.json",
                "merges.txt",
                "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "README.md", "LICENSE",
                "model.safetensors.index.json",
                "vocab.txt", "modules.json", "sentence_bert_config.json", "config_sentence_transformers.json",
            ]
            // The folders of sentence-transformers' modules.
            for folder in try json("modules.json")?.array?.compactMap({ $0["path"]?.string }) ?? []
            where !folder.isEmpty {
                names += ["\(folder)/config.json", "\(folder)/model.safetensors"]
            }
            names += try weights().compactMap { FilePath($0.name).lastComponent?.string }
            return try names.compactMap { name in
                guard let path = ModelFiles.relativePath(name), try content(name) != nil else { return nil }
                return (folder.pushing(path), path)
            }
        }
    }

    private static func embeddedContent(_ name: String) -> Content? {
        func content(_ start: UnsafePointer<UInt8>, _ count: Int) -> Content {
            let bytes = UnsafeRawBufferPointer(start: start, count: count)
            return Content(bytes: bytes, owner: nil, label: "embedded \(name)")
        }
        switch name {
        case "config.json": return content(cbm_config(), cbm_config_size())
        case "model.safetensors": return content(cbm_weights(), cbm_weights_size())
        case "vocab.json": return content(cbm_vocabulary(), cbm_vocabulary_size())
        case "merges.txt": return content(cbm_merges(), cbm_merges_size())
        case "preprocessor_config.json": return content(cbm_preprocessor(), cbm_preprocessor_size())
        default: return nil
        }
    }
}
