import Crypto
import SystemPackage
import SystemSupport

/// What the hub says a file's content hashes to: SHA-256 of files in large-file storage, git's blob hash of the rest.
public enum ContentDigest: Sendable, Hashable {
    /// SHA-256 of the content, 64 hexadecimal digits.
    case sha256(String)
    /// SHA-1 of `blob <size>\0` and the content, 40 hexadecimal digits.
    case gitBlob(String)

    /// The digest that an entity tag (or a file's name in the Hugging Face cache) is, nil when it is another thing.
    package init?(tag: String) {
        var text = tag[...]
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        if text.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { text = text.dropFirst().dropLast() }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            return nil
        }
        switch text.utf8.count {
        case 64: self = .sha256(String(text))
        case 40: self = .gitBlob(String(text))
        default: return nil
        }
    }

    /// The digits; the file's name in the Hugging Face cache.
    var digits: String {
        switch self {
        case .sha256(let digits), .gitBlob(let digits): digits
        }
    }

    /// "SHA-256 0123…", for messages.
    var description: String {
        switch self {
        case .sha256(let digits): "SHA-256 \(digits)"
        case .gitBlob(let digits): "git blob \(digits)"
        }
    }

    /// The digest of the same kind that a file has; reads it in full, about 1 s per GB.
    ///
    /// Throws `HTTPFailure.interrupted` when the user asks to stop.
    func ofFile(_ path: FilePath) throws -> ContentDigest {
        let file = try naming("open", path) {
            try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
        }
        defer { try? file.close() }
        let size = try FileStatus.of(file, path: path).size
        switch self {
        case .sha256:
            var hash = SHA256()
            try Self.read(file, path) { hash.update(bufferPointer: $0) }
            return .sha256(Self.hexadecimal(hash.finalize()))
        case .gitBlob:
            var hash = Insecure.SHA1()
            Array("blob \(size)\0".utf8).withUnsafeBytes { hash.update(bufferPointer: $0) }
            try Self.read(file, path) { hash.update(bufferPointer: $0) }
            return .gitBlob(Self.hexadecimal(hash.finalize()))
        }
    }

    private static func read(
        _ file: FileDescriptor, _ path: FilePath, _ update: (UnsafeRawBufferPointer) -> Void
    ) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            if Interruption.isRequested { throw HTTPFailure.interrupted }
            let count = try naming("read", path) {
                try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            }
            if count == 0 { return }
            buffer.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
}

/// A file of a model on the hub.
public struct HubFile: Sendable, Hashable {
    /// Its path in the repository.
    public let name: String
    /// Its size in bytes.
    public let size: Int64
    /// What its content hashes to.
    public let digest: ContentDigest
}
