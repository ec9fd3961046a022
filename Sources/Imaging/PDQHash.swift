/// Meta's PDQ: a 256-bit perceptual hash with a quality, for finding copies of a picture.
///
/// Source: "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (2019) and its reference code,
/// facebook/ThreatExchange, pdq/cpp. Given the same pixels the bits are those of the reference, but for components
/// that lie on the median to within float rounding.
public struct PDQHash: Sendable, Hashable, CustomStringConvertible {
    /// Bits 0...63, 64...127, 128...191, 192...255; bit `16 * i + j` belongs to frequency `i + 1` down, `j + 1` across.
    public let words: SIMD4<UInt64>

    /// A hash read back from its words.
    public init(words: SIMD4<UInt64>) { self.words = words }

    /// A hash read back from 32 bytes, highest bits first.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 32 else { return nil }
        var words = SIMD4<UInt64>()
        for (index, byte) in bytes.enumerated() {
            words[3 - index / 8] = words[3 - index / 8] << 8 | UInt64(byte)
        }
        self.words = words
    }

    /// A hash read back from 64 hexadecimal digits, as the reference writes it.
    public init?(hex: String) {
        let digits = hex.utf8.compactMap { byte in Character(UnicodeScalar(byte)).hexDigitValue }
        guard digits.count == 64, hex.utf8.count == 64 else { return nil }
        self.init(bytes: (0..<32).map { UInt8(16 * digits[2 * $0] + digits[2 * $0 + 1]) })
    }

    /// The 32 bytes, highest bits first.
    public var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: words[3 - $0 / 8] >> UInt64(56 - 8 * ($0 % 8))) }
    }

    /// The 64 hexadecimal digits of the reference's notation.
    public var hex: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// The hexadecimal digits.
    public var description: String { hex }

    /// The number of bits that differ, 0...256; the reference calls 31 and less a match.
    public func distance(to other: PDQHash) -> Int {
        let differing = words ^ other.words
        return (0..<4).reduce(0) { $0 + differing[$1].nonzeroBitCount }
    }

    /// Hashes a picture; `quality` is 0...100, and hashes below 50 (plain areas) say little.
    ///
    /// A picture with a side under 5 pixels has the zero hash and quality 0. Costs five passes over the pixels, some
    /// 15 ns a pixel: hash a picture of 512 to 1024 pixels a side, not a full photo.
    public static func compute(_ picture: PixelBuffer) -> (hash: PDQHash, quality: Int) {
        guard let spectrum = PDQSpectrum(picture) else { return (PDQHash(words: .zero), 0) }
        return (spectrum.hash(shownAs: .up), spectrum.quality)
    }

    /// Hashes of a picture as if turned and mirrored in each of the eight ways, from one transform.
    ///
    /// `hashes[o]` is near what `compute(picture.oriented(by: o))` gives: PDQ's sampling is not quite symmetric, so up to
    /// 20 bits differ at 1000 pixels a side and 40 at 250. Costs little more than one hash.
    public static func computeAllOrientations(
        _ picture: PixelBuffer
    ) -> (hashes: [Orientation: PDQHash], quality: Int) {
        let spectrum = PDQSpectrum(picture)
        let hashes = Orientation.allCases.map { orientation in
            (orientation, spectrum?.hash(shownAs: orientation) ?? PDQHash(words: .zero))
        }
        return (Dictionary(uniqueKeysWithValues: hashes), spectrum?.quality ?? 0)
    }
}
