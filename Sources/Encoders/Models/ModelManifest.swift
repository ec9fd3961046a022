import Inference
import SystemPackage
import SystemSupport

/// What was installed under a model's name: `imgvec-model.json` in its folder.
public struct ModelManifest: Sendable, Equatable {
    /// One installed file.
    public struct File: Sendable, Equatable {
        /// Its name in the model's folder.
        public let name: String
        /// Its size in bytes.
        public let size: Int64
        /// Its SHA-256 as 64 hexadecimal digits.
        public let sha256: String
    }

    /// The model's fingerprint when it was installed.
    public let fingerprint: String
    /// What the model is, for people.
    public let architecture: String
    /// The installed files.
    public let files: [File]

    static let fileName: FilePath.Component = "imgvec-model.json"

    /// Reads the manifest in a model's folder, nil when there is none.
    static func read(_ folder: FilePath) throws -> ModelManifest? {
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
            guard let name = file["name"]?.string, let size = file["size"]?.integer,
                let digest = file["sha256"]?.string
            else { return nil }
            return File(name: name, size: Int64(size), sha256: digest)
        }
        guard files.count == list.count else {
            throw ModelError.file(path.string, "lists a file without name, size or sha256")
        }
        return ModelManifest(fingerprint: fingerprint, architecture: architecture, files: files)
    }

    /// Writes the manifest into a model's folder.
    func write(_ folder: FilePath) throws {
        let lines = files.map { file in
            let name = ModelManifest.quoted(file.name)
            return "    {\"name\": \(name), \"size\": \(file.size), \"sha256\": \"\(file.sha256)\"}"
        }
        let text = """
            {
              "format": 1,
              "architecture": \(ModelManifest.quoted(architecture)),
              "fingerprint": "\(fingerprint)",
              "files": [
            \(lines.joined(separator: ",\n"))
              ]
            }

            """
        try Array(text.utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: folder.appending(ModelManifest.fileName))
        }
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

    /// Copies a file into a folder, hashing it on the way.
    static func copy(_ source: FilePath, to folder: FilePath, as name: FilePath) throws -> File {
        let file = try MappedFile(source)
        file.advise(.sequential)
        let target = folder.pushing(name)
        try Folders.create(target.removingLastComponent())
        try AtomicFile.write(file.bytes, to: target)
        // What is on the disk now counts, not what was read.
        return File(
            name: name.string, size: try FileStatus.of(target).size,
            sha256: FileDigest.hexadecimal(try FileDigest.sha256(of: target)))
    }
}
