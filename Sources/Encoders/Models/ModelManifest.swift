import Inference
public import SystemPackage
import SystemSupport

/// What was installed under a model's name: `imgvec-model.json` in its folder.
public struct ModelManifest: Sendable, Equatable {
    /// One installed file.
    public struct File: Sendable, Equatable {
        /// Its path in the model's folder: a name, or a folder's name and a name (`1_Pooling/config.json`).
        public let name: String
        /// Its size in bytes.
        public let size: Int64
        /// Its SHA-256 as 64 hexadecimal digits.
        public let sha256: String

        /// Its path below the model's folder, nil when the name leads elsewhere.
        var path: FilePath? { ModelManifest.path(name) }
    }

    /// Where a model was pulled from.
    public struct Origin: Sendable, Equatable {
        /// The hub: `https://huggingface.co`.
        public let endpoint: String
        /// The model's name there: `owner/name`.
        public let repository: String
        /// The commit, 40 hexadecimal digits.
        public let commit: String

        /// Names a place on a hub.
        public init(endpoint: String, repository: String, commit: String) {
            self.endpoint = endpoint
            self.repository = repository
            self.commit = commit
        }
    }

    /// The model's fingerprint when it was installed.
    public let fingerprint: String
    /// What the model is, for people.
    public let architecture: String
    /// The licence its README.md states, if it does.
    public let license: String?
    /// Where it was pulled from; nil for one that was added from a folder.
    public let origin: Origin?
    /// The installed files.
    public let files: [File]

    static let fileName: FilePath.Component = "imgvec-model.json"

    /// The sizes of all files.
    public var size: Int64 { files.reduce(0) { $0 &+ $1.size } }

    /// Reads the manifest in a model's folder, nil when there is none.
    public static func read(_ folder: FilePath) throws -> ModelManifest? {
        let path = folder.appending(fileName)
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileContents.read(path, limit: 1 << 20).bytes
        } catch {
            if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
            throw error
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON.parse(bytes)
        } catch {
            throw ModelError.file(path.string, error.description)
        }
        guard json["format"]?.integer == 1, let fingerprint = json["fingerprint"]?.string,
            let architecture = json["architecture"]?.string, let list = json["files"]?.array
        else { throw ModelError.file(path.string, "is no manifest of an installed model") }
        let files = list.compactMap { file -> File? in
            guard let name = file["name"]?.string, let size = file["size"]?.integer, size >= 0,
                let digest = file["sha256"]?.string, Self.path(name) != nil
            else { return nil }
            return File(name: name, size: Int64(size), sha256: digest)
        }
        guard files.count == list.count else {
            throw ModelError.file(path.string, "lists a file without name, size or sha256")
        }
        return ModelManifest(
            fingerprint: fingerprint, architecture: architecture, license: json["license"]?.string,
            origin: json["origin"].flatMap(Origin.init), files: files)
    }

    /// Writes the manifest into a model's folder.
    func write(_ folder: FilePath) throws {
        var lines = [
            "\"format\": 1", "\"architecture\": \(Self.quoted(architecture))",
            "\"fingerprint\": \(Self.quoted(fingerprint))",
        ]
        if let license { lines.append("\"license\": \(Self.quoted(license))") }
        if let origin {
            lines.append(
                "\"origin\": {\"endpoint\": \(Self.quoted(origin.endpoint)), "
                    + "\"repository\": \(Self.quoted(origin.repository)), \"commit\": \(Self.quoted(origin.commit))}"
            )
        }
        let list = files.map { file in
            "    {\"name\": \(Self.quoted(file.name)), \"size\": \(file.size), \"sha256\": \(Self.quoted(file.sha256))}"
        }
        lines.append("\"files\": [\n\(list.joined(separator: ",\n"))\n  ]")
        let text = "{\n" + lines.map { "  " + $0 }.joined(separator: ",\n") + "\n}\n"
        try Array(text.utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: folder.appending(ModelManifest.fileName))
        }
    }

    /// A name in a manifest as a path: one or two plain components, so that it stays below the model's folder.
    static func path(_ name: String) -> FilePath? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), !name.utf8.contains(0) else { return nil }
        var path = FilePath()
        for part in parts {
            guard let component = FilePath.Component(String(part)), component.kind == .regular else {
                return nil
            }
            path.append(component)
        }
        return path
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

extension ModelManifest.Origin {
    fileprivate init?(_ json: JSON) {
        guard let endpoint = json["endpoint"]?.string, let repository = json["repository"]?.string,
            let commit = json["commit"]?.string
        else { return nil }
        self.init(endpoint: endpoint, repository: repository, commit: commit)
    }
}
