import CKernels

/// What a search for edited copies keeps of a picture: perceptual hashes for the eight ways to turn and mirror it, its
/// local features, and the picture itself at 64 pixels.
public struct PictureSketch: Sendable, Equatable {
    /// PDQ hashes of the picture at 64 x 64 pixels, by the EXIF value of the orientation less one: the first is the
    /// picture's own. At that size turning the picture turns its hash exactly.
    public let hashes: [PDQHash]
    /// PDQ's quality of the hashes, 0 to 100; those below 50 say little.
    public let hashQuality: Int
    /// Corners and what is around them.
    public let features: LocalFeatures
    /// The picture at 64 pixels.
    public let glance: Glance

    /// Makes the sketch of a picture. Costs its features and eight hashes.
    public init(_ picture: PixelBuffer) {
        guard picture.width > 0, picture.height > 0 else {
            hashes = Orientation.allCases.map { _ in PDQHash(words: .zero) }
            hashQuality = 0
            features = LocalFeatures(picture)
            glance = Glance(width: 1, height: 1, values: [0])
            return
        }
        let small = picture.resized(width: 64, height: 64, filter: .bilinear)
        let (found, quality) = PDQHash.computeAllOrientations(small)
        hashes = Orientation.allCases.map { found[$0] ?? PDQHash(words: .zero) }
        hashQuality = quality
        features = LocalFeatures(picture)
        glance = Glance(picture)
    }

    /// The version of the bytes; sketches of another version are made anew.
    static let version: UInt16 = 4
    private static let headerCount = 24
    private static let pointCount = 40

    /// The sketch as bytes, as Docs/IndexFormat.md describes them.
    public var bytes: [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(
            Self.headerCount + 32 * hashes.count + Self.pointCount * features.points.count
                + glance.plane.values.count)
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { out.append(contentsOf: $0) }
        }
        append(UInt32(0))
        append(Self.version)
        append(UInt16(hashQuality))
        append(features.width.bitPattern)
        append(features.height.bitPattern)
        append(UInt32(features.points.count))
        append(UInt16(glance.plane.width))
        append(UInt16(glance.plane.height))
        for hash in hashes { out += hash.bytes }
        for point in features.points {
            append(Self.share(point.x))
            append(Self.share(point.y))
            append(Self.share(point.size))
            append(Self.share(point.angle / (2 * .pi)))
        }
        for word in features.descriptors { append(word) }
        out += glance.plane.values
        let check = out.withUnsafeBytes { ck_crc32c(0, $0.baseAddress.map { $0 + 4 }, $0.count - 4) }
        withUnsafeBytes(of: check.littleEndian) { out.replaceSubrange(0..<4, with: $0) }
        return out
    }

    /// The sketch as it is when it has been stored and read back, with positions and angles in 16 bits.
    public var stored: PictureSketch { bytes.withUnsafeBytes { PictureSketch(bytes: $0) } ?? self }

    /// Whether bytes are a sketch of this version that is not damaged.
    public static func isSound(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= headerCount, let base = bytes.baseAddress,
            UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)) == version
        else { return false }
        return ck_crc32c(0, base + 4, bytes.count - 4)
            == UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    }

    /// Reads a sketch back; nil when the bytes are damaged or of another version.
    public init?(bytes: UnsafeRawBufferPointer) {
        func read<T: FixedWidthInteger>(_ offset: Int, _ type: T.Type) -> T {
            T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
        let fixed = Self.headerCount + 32 * Orientation.allCases.count
        guard bytes.count >= fixed, Self.isSound(bytes) else { return nil }
        let count = Int(read(16, UInt32.self))
        let (width, height) = (
            Float(bitPattern: read(8, UInt32.self)), Float(bitPattern: read(12, UInt32.self))
        )
        let sides = (Int(read(20, UInt16.self)), Int(read(22, UInt16.self)))
        let pixels = fixed + Self.pointCount * min(count, LocalFeatures.limit)
        guard count <= LocalFeatures.limit, (1...Glance.longerSide).contains(sides.0),
            (1...Glance.longerSide).contains(sides.1), bytes.count == pixels + sides.0 * sides.1,
            (0...1).contains(width), (0...1).contains(height)
        else { return nil }
        glance = Glance(width: sides.0, height: sides.1, values: Array(bytes[pixels...]))
        hashQuality = Int(read(6, UInt16.self))
        hashes = Orientation.allCases.indices.map { index in
            let start = Self.headerCount + 32 * index
            return PDQHash(bytes: bytes[start..<start + 32]) ?? PDQHash(words: .zero)
        }
        func share(_ offset: Int) -> Float { Float(read(offset, UInt16.self)) / 65_536 }
        let points = (0..<count).map { index in
            let start = fixed + 8 * index
            return LocalFeatures.Point(
                x: share(start), y: share(start + 2), size: share(start + 4),
                angle: 2 * .pi * share(start + 6))
        }
        let words = (0..<4 * count).map { read(fixed + 8 * count + 8 * $0, UInt64.self) }
        features = LocalFeatures(width: width, height: height, points: points, descriptors: words)
    }

    /// A number from 0 up to 1 in 16 bits; an angle may be any whole turn away.
    private static func share(_ value: Float) -> UInt16 {
        let turned = value >= 0 && value < 1 ? value : value - value.rounded(.down)
        return UInt16(clamping: Int((turned * 65_536).rounded()))
    }
}
