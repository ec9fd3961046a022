/// The picture formats that are read, recognised by their first bytes and never by a file's name.
public enum ImageFormat: String, Sendable, CaseIterable {
    /// JPEG (ITU-T T.81), baseline, progressive or arithmetic.
    case jpeg
    /// Portable Network Graphics.
    case png
    /// WebP, lossy, lossless or animated.
    case webp
    /// GIF 87a and 89a.
    case gif
    /// TIFF and BigTIFF.
    case tiff
    /// Windows and OS/2 bitmaps.
    case bmp
    /// Netpbm: PBM, PGM, PPM (plain and raw) and PAM.
    case pnm
    /// HEIF with HEVC pictures.
    case heic
    /// HEIF with AV1 pictures.
    case avif

    /// The format whose signature starts these bytes, or nil. Looks at no more than a few hundred bytes.
    public static func sniff(_ bytes: UnsafeRawBufferPointer) -> ImageFormat? {
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return .jpeg }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
        if bytes.starts(with: Array("GIF87a".utf8)) || bytes.starts(with: Array("GIF89a".utf8)) {
            return .gif
        }
        if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
            return .webp
        }
        let tiffHeads: [[UInt8]] = [
            [0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B],
        ]
        if tiffHeads.contains(where: { bytes.starts(with: $0) }) { return .tiff }
        if bytes.dropFirst(4).starts(with: Array("ftyp".utf8)) { return sniffBrands(bytes) }
        if bytes.starts(with: Array("BM".utf8)) { return sniffBitmap(bytes) }
        return sniffNetpbm(bytes)
    }

    /// "BM" is also how a text may begin: the size of the second header has to be one that exists.
    private static func sniffBitmap(_ bytes: UnsafeRawBufferPointer) -> ImageFormat? {
        guard let size = OrderedBytes(bytes, bigEndian: false).uint32(at: 14) else { return nil }
        return [12, 16, 40, 52, 56, 64, 108, 124].contains(size) ? .bmp : nil
    }

    private static func sniffNetpbm(_ bytes: UnsafeRawBufferPointer) -> ImageFormat? {
        guard bytes.count >= 3, bytes[0] == UInt8(ascii: "P") else { return nil }
        let isKind = (UInt8(ascii: "1")...UInt8(ascii: "7")).contains(bytes[1])
        let separates =
            bytes[2] == UInt8(ascii: "#") || [0x20, 0x09, 0x0A, 0x0B, 0x0C, 0x0D].contains(bytes[2])
        return isKind && separates ? .pnm : nil
    }

    /// Decides by the brands of the ISO media file's `ftyp` box (ISO/IEC 14496-12, 23008-12; AV1 Image File Format).
    private static func sniffBrands(_ bytes: UnsafeRawBufferPointer) -> ImageFormat? {
        let fields = OrderedBytes(bytes, bigEndian: true)
        guard let boxSize = fields.uint32(at: 0) else { return nil }
        let end = min(Int(boxSize), bytes.count, 512)
        var brands: [UInt32] = []
        for offset in stride(from: 8, through: end - 4, by: 4) where offset != 12 {
            if let brand = fields.uint32(at: offset) { brands.append(brand) }
        }
        func names(_ known: [String]) -> Bool {
            brands.contains { brand in known.contains { $0.utf8.reduce(0) { $0 << 8 | UInt32($1) } == brand }
            }
        }
        if names(["avif", "avis"]) { return .avif }
        if names(["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"]) { return .heic }
        return nil
    }

    private static let pictureExtensions: Set<[UInt8]> = Set(
        [
            "jpg", "jpeg", "jpe", "jfif", "jif", "png", "apng", "webp", "gif", "tif", "tiff", "bmp", "dib",
            "pbm",
            "pgm", "ppm", "pnm", "pam", "heic", "heif", "hif", "avif",
        ].map { Array($0.utf8) })

    /// Whether a file name's extension (without the dot, any case) is one that pictures of these formats go by.
    ///
    /// For choosing candidates in a folder walk; what a file is, `sniff` decides.
    public static func isLikelyPictureName(extension bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count <= 5 else { return false }
        return pictureExtensions.contains(bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 })
    }
}
