/// The space a vector lives in: vectors are only ever compared within one.
public struct VectorSpace: Sendable, Equatable {
    /// How the components of a vector are stored; the raw value is the number of bytes.
    public enum Precision: UInt32, Sendable {
        case float16 = 2
        case float32 = 4

        /// Bytes of one component.
        var byteCount: Int { Int(rawValue) }
    }

    /// Components of a vector, 1 to 65,536.
    public let dimension: Int
    /// What identifies the model, as 1 to 64 printable ASCII characters (a hexadecimal hash).
    public let fingerprint: String

    /// The space of a model; whether the numbers are usable is checked when a store is opened.
    public init(dimension: Int, fingerprint: String) {
        self.dimension = dimension
        self.fingerprint = fingerprint
    }

    /// Bits of a sign code: the dimension rounded up to a multiple of 64.
    var codeBits: Int { (dimension + 63) / 64 * 64 }

    /// Throws when a store could not be made for this space.
    func check() throws(IndexError) {
        guard (1...65_536).contains(dimension) else {
            throw .unusableSpace("dimension \(dimension) is not between 1 and 65,536")
        }
        let characters = Array(fingerprint.utf8)
        guard (1...Self.fingerprintBytes).contains(characters.count),
            characters.allSatisfy({ $0 > 32 && $0 < 127 })
        else {
            throw .unusableSpace(
                "fingerprint \(fingerprint.debugDescription) is not 1 to 64 printable characters")
        }
    }

    /// The fingerprint as it stands in a file header.
    var fingerprintField: [UInt8] {
        let characters = Array(fingerprint.utf8.prefix(Self.fingerprintBytes))
        return characters + [UInt8](repeating: 0, count: Self.fingerprintBytes - characters.count)
    }

    static let fingerprintBytes = 64

    /// Reads the field back; nil when it is not what `fingerprintField` writes.
    static func fingerprint(from field: UnsafeRawBufferPointer) -> String? {
        let characters = field.prefix { $0 != 0 }
        guard !characters.isEmpty, characters.allSatisfy({ $0 > 32 && $0 < 127 }),
            field.dropFirst(characters.count).allSatisfy({ $0 == 0 })
        else { return nil }
        return String(decoding: characters, as: UTF8.self)
    }
}
