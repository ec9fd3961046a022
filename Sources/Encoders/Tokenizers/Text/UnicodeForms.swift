#if canImport(Darwin)
    import Foundation
#else
    @_spi(_Unicode) import Swift
#endif

/// Unicode's four normalization forms (Unicode Standard Annex 15), in the version that `tokenizers` holds.
enum UnicodeForm: String, Sendable {
    case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD"

    /// The text in this form. Text in ASCII comes back as it is.
    ///
    /// The reference's tables are those of Unicode 9: later scalars neither change nor move, and what
    /// stands on their two sides does not combine.
    func applied(to bytes: [UInt8]) -> [UInt8] {
        if bytes.allSatisfy({ $0 < 0x80 }) { return bytes }
        var result: [UInt8] = [], part = ""
        func finish() {
            result.append(contentsOf: canonical(part).utf8)
            part = ""
        }
        bytes.withText { text in
            text.forEachScalar { scalar, range in
                if ScalarClasses.isTooNew(scalar, after: UnicodeForm.version) {
                    finish()
                    result.append(contentsOf: text[range])
                } else if isCompatible, let mapping = CompatibilityMappings.mapping(of: scalar.value) {
                    for value in mapping { part.unicodeScalars.append(Unicode.Scalar(value) ?? scalar) }
                } else {
                    part.unicodeScalars.append(scalar)
                }
            }
        }
        finish()
        return result
    }

    private static let version = 9

    private var isCompatible: Bool { self == .nfkc || self == .nfkd }

    private func canonical(_ text: String) -> String {
        #if canImport(Darwin)
            return self == .nfc || self == .nfkc
                ? text.precomposedStringWithCanonicalMapping : text.decomposedStringWithCanonicalMapping
        #else
            var result = ""
            if self == .nfc || self == .nfkc {
                result.unicodeScalars.append(contentsOf: text._nfc)
            } else {
                result.unicodeScalars.append(contentsOf: text._nfd)
            }
            return result
        #endif
    }
}
