/// The printable characters that stand for bytes in byte-level vocabularies (GPT-2's `bytes_to_unicode`).
///
/// Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and onwards in their
/// order.
enum ByteAlphabet {
    /// The UTF-8 of each byte's character.
    static let characters: [[UInt8]] = {
        var next: UInt32 = 0x100
        return (0..<256).map { byte in
            let value: UInt32
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: value = UInt32(byte)
            default:
                value = next
                next += 1
            }
            return Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
        }
    }()

    private static let bytes: [UInt32: UInt8] = {
        var result: [UInt32: UInt8] = [:]
        for (byte, character) in characters.enumerated() {
            if let scalar = String(decoding: character, as: UTF8.self).unicodeScalars.first {
                result[scalar.value] = UInt8(byte)
            }
        }
        return result
    }()

    /// The bytes a piece stands for; a piece with a character outside the alphabet stands for its own UTF-8.
    static func decode(_ piece: ArraySlice<UInt8>) -> [UInt8] {
        var decoded: [UInt8] = []
        for scalar in String(decoding: piece, as: UTF8.self).unicodeScalars {
            guard let byte = bytes[scalar.value] else { return Array(piece) }
            decoded.append(byte)
        }
        return decoded
    }
}
