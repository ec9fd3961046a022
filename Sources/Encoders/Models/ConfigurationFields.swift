import Inference

/// Checked access to the numbers of a configuration, with errors that name file and field.
struct ConfigurationFields {
    let json: JSON
    let file: String
    let path: String

    init(_ json: JSON, file: String, path: String = "") {
        self.json = json
        self.file = file
        self.path = path
    }

    /// The fields of a member; `<name>_dict`, which old conversions have, stands in its place, as in
    /// transformers.
    func under(_ name: String) -> ConfigurationFields {
        var members: [String: JSON] = [:]
        if case .object(let fields)? = json[name + "_dict"] ?? json[name] { members = fields }
        return ConfigurationFields(.object(members), file: file, path: path + name + ".")
    }

    /// Throws when one of the fields is there and neither null, false nor an empty text.
    func refuse(_ names: [String], as reason: String = "is not supported") throws(ModelError) {
        for name in names {
            switch json[name] {
            case nil, .bool(false)?, .string("")?: continue
            default: throw .file(file, "\(path)\(name) \(reason)")
            }
        }
    }

    /// A positive whole number, limited so that no product of sizes overflows.
    func size(_ name: String, default value: Int? = nil, most: Int = 1 << 16) throws(ModelError) -> Int {
        guard let field = json[name] else {
            guard let value else { throw .file(file, "\(path)\(name) is missing") }
            return value
        }
        guard let size = field.integer, size > 0, size <= most else {
            throw .file(file, "\(path)\(name) is no whole number from 1 to \(most)")
        }
        return size
    }

    /// Requires a text field to have a value.
    func require(_ name: String, _ value: String) throws(ModelError) {
        guard json[name]?.string == value else {
            throw .file(file, "\(path)\(name) is '\(json[name]?.string ?? "missing")', expected '\(value)'")
        }
    }
}
