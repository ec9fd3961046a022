import Foundation
public import SystemPackage
import SystemSupport

/// One line of a plan: a file, what is to be done with it, and what it was when that was decided.
///
/// A JSON object; Docs/Duplicates.md describes each field. A path that is not UTF-8 has its bytes in base64 beside
/// the lossy text (`path_bytes`, `keeper_bytes`, `with_bytes`).
public struct PlanLine: Sendable, Equatable {
    /// A file that belongs to a picture and goes where it goes: a sidecar, a Live Photo's film, a raw file.
    public struct Companion: Sendable, Equatable {
        /// Where it stands, absolute.
        public var path: FilePath
        /// SHA-256 of its bytes.
        public var sha256: [UInt8]

        /// Names a companion and its content.
        public init(path: FilePath, sha256: [UInt8]) {
            self.path = path
            self.sha256 = sha256
        }
    }

    /// What is to be done.
    public var action: PlanAction
    /// The number of the group of copies the file belongs to.
    public var group: Int
    /// The file, absolute.
    public var path: FilePath
    /// Its size in bytes.
    public var size: Int64
    /// Its modification time in nanoseconds since 1970.
    public var modified: Int64
    /// SHA-256 of its bytes.
    public var sha256: [UInt8]
    /// The file that is kept instead; any other file of the group that stays will do when there is none.
    public var keeper: FilePath?
    /// The folder a `move` goes to.
    public var destination: FilePath?
    /// What kind of copy it is of the kept file: bytes, pixels, copies, edits, similar.
    public var level: String?
    /// Cosine similarity to the kept file.
    public var score: Float?
    /// What was done to one to get the other, for people.
    public var evidence: String?
    /// Why it is kept or not.
    public var reason: String?
    /// What belongs to it and goes with it.
    public var companions: [Companion]
    /// Whether it lies in a folder whose files are never touched, whatever else the line says.
    public var isReference: Bool

    /// A line with what every line has.
    public init(
        action: PlanAction, group: Int, path: FilePath, size: Int64, modified: Int64, sha256: [UInt8],
        keeper: FilePath? = nil, destination: FilePath? = nil, level: String? = nil, score: Float? = nil,
        evidence: String? = nil, reason: String? = nil, companions: [Companion] = [],
        isReference: Bool = false
    ) {
        self.action = action
        self.group = group
        self.path = path
        self.size = size
        self.modified = modified
        self.sha256 = sha256
        self.keeper = keeper
        self.destination = destination
        self.level = level
        self.score = score
        self.evidence = evidence
        self.reason = reason
        self.companions = companions
        self.isReference = isReference
    }
}

extension PlanLine: Codable {
    private enum Key: String, CodingKey {
        case action, group, path, size, sha256, keeper, to, level, score, evidence, reason, with, reference
        case modified = "mtime_ns"
        case pathBytes = "path_bytes"
        case keeperBytes = "keeper_bytes"
        case toBytes = "to_bytes"
        case withBytes = "with_bytes"
        case withHashes = "with_sha256"
    }

    /// Reads a line; throws `DecodingError` for a missing or wrong field and for a path that is not absolute.
    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        let word = try fields.decode(String.self, forKey: .action)
        guard let action = PlanAction(rawValue: word) else {
            throw DecodingError.dataCorruptedError(
                forKey: .action, in: fields,
                debugDescription: "\"\(word)\" is no action; there are "
                    + PlanAction.allCases.map(\.rawValue).joined(separator: ", "))
        }
        func path(_ text: Key, _ bytes: Key) throws -> FilePath? {
            guard let name = try fields.decodeIfPresent(String.self, forKey: text) else { return nil }
            return try Self.path(
                name, base64: try fields.decodeIfPresent(String.self, forKey: bytes), key: text, in: fields)
        }
        guard let place = try path(.path, .pathBytes) else {
            throw DecodingError.dataCorruptedError(
                forKey: .path, in: fields, debugDescription: "a path is missing")
        }
        let names = try fields.decodeIfPresent([String].self, forKey: .with) ?? []
        let bytes = try fields.decodeIfPresent([String?].self, forKey: .withBytes) ?? []
        let hashes = try fields.decodeIfPresent([String].self, forKey: .withHashes) ?? []
        guard names.count == hashes.count, bytes.isEmpty || bytes.count == names.count else {
            throw DecodingError.dataCorruptedError(
                forKey: .with, in: fields,
                debugDescription: "\"with\", \"with_bytes\" and \"with_sha256\" must be equally long")
        }
        self.init(
            action: action, group: try fields.decode(Int.self, forKey: .group), path: place,
            size: try fields.decode(Int64.self, forKey: .size),
            modified: try Self.integer(.modified, in: fields),
            sha256: try Self.digest(
                fields.decode(String.self, forKey: .sha256), key: .sha256, in: fields),
            keeper: try path(.keeper, .keeperBytes), destination: try path(.to, .toBytes),
            level: try fields.decodeIfPresent(String.self, forKey: .level),
            score: try fields.decodeIfPresent(Float.self, forKey: .score),
            evidence: try fields.decodeIfPresent(String.self, forKey: .evidence),
            reason: try fields.decodeIfPresent(String.self, forKey: .reason),
            companions: try names.indices.map { index in
                Companion(
                    path: try Self.path(
                        names[index], base64: bytes.isEmpty ? nil : bytes[index], key: .with, in: fields),
                    sha256: try Self.digest(hashes[index], key: .withHashes, in: fields))
            }, isReference: try fields.decodeIfPresent(Bool.self, forKey: .reference) ?? false)
    }

    /// Writes the line's fields; those that say nothing are left out.
    public func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: Key.self)
        func put(_ path: FilePath?, _ text: Key, _ bytes: Key) throws {
            guard let path else { return }
            try fields.encode(String(decoding: path.bytes, as: UTF8.self), forKey: text)
            try fields.encodeIfPresent(Self.base64IfNotText(path), forKey: bytes)
        }
        try fields.encode(action, forKey: .action)
        try fields.encode(group, forKey: .group)
        try put(path, .path, .pathBytes)
        try fields.encode(size, forKey: .size)
        try fields.encode(modified, forKey: .modified)
        try fields.encode(ContentDigest.hexadecimal(sha256), forKey: .sha256)
        try put(keeper, .keeper, .keeperBytes)
        try put(destination, .to, .toBytes)
        try fields.encodeIfPresent(level, forKey: .level)
        try fields.encodeIfPresent(score, forKey: .score)
        try fields.encodeIfPresent(evidence.flatMap { $0.isEmpty ? nil : $0 }, forKey: .evidence)
        try fields.encodeIfPresent(reason, forKey: .reason)
        if isReference { try fields.encode(true, forKey: .reference) }
        guard !companions.isEmpty else { return }
        try fields.encode(companions.map { String(decoding: $0.path.bytes, as: UTF8.self) }, forKey: .with)
        let bytes = companions.map { Self.base64IfNotText($0.path) }
        if bytes.contains(where: { $0 != nil }) { try fields.encode(bytes, forKey: .withBytes) }
        try fields.encode(companions.map { ContentDigest.hexadecimal($0.sha256) }, forKey: .withHashes)
    }

    private static func base64IfNotText(_ path: FilePath) -> String? {
        let bytes = path.bytes
        return String(validating: bytes, as: UTF8.self) == nil ? Data(bytes).base64EncodedString() : nil
    }

    /// Nanoseconds go beyond what JavaScript's numbers hold exactly: a program may write them as a text.
    private static func integer(_ key: Key, in fields: KeyedDecodingContainer<Key>) throws -> Int64 {
        if let text = try? fields.decode(String.self, forKey: key), let number = Int64(text) {
            return number
        }
        return try fields.decode(Int64.self, forKey: key)
    }

    private static func digest(
        _ text: String, key: Key, in fields: KeyedDecodingContainer<Key>
    ) throws -> [UInt8] {
        guard let digest = ContentDigest.bytes(hexadecimal: text), digest.count == ContentDigest.byteCount
        else {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: fields,
                debugDescription: "a SHA-256 has \(2 * ContentDigest.byteCount) hexadecimal digits")
        }
        return digest
    }

    private static func path(
        _ text: String, base64: String?, key: Key, in fields: KeyedDecodingContainer<Key>
    ) throws -> FilePath {
        func wrong(_ reason: String) -> DecodingError {
            DecodingError.dataCorruptedError(forKey: key, in: fields, debugDescription: reason)
        }
        var bytes = Array(text.utf8)
        if let base64 {
            guard let data = Data(base64Encoded: base64) else { throw wrong("its bytes are not base64") }
            bytes = [UInt8](data)
            guard String(decoding: bytes, as: UTF8.self) == text else {
                throw wrong("\"\(text)\" and the bytes beside it are different paths")
            }
        }
        guard let path = FilePath(bytes: bytes), path.bytes == bytes else {
            throw wrong("\"\(text)\" is not written as a path is")
        }
        guard path.isAbsolute, path.lexicallyNormalized() == path, path.lastComponent != nil else {
            throw wrong("\"\(text)\" is not an absolute path without . and ..")
        }
        return path
    }
}
