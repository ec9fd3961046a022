import Crypto

/// The hashes that a hub announces, as hexadecimal digits.
public enum Hashes {
    /// SHA-256.
    public static func sha256(_ bytes: [UInt8]) -> String { digits(SHA256.hash(data: bytes)) }

    /// SHA-1 of `blob <size>\0` and the content: git's name for it.
    public static func gitBlob(_ bytes: [UInt8]) -> String {
        digits(Insecure.SHA1.hash(data: Array("blob \(bytes.count)\0".utf8) + bytes))
    }

    private static func digits(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
