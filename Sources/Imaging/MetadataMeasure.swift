/// How much a picture's file tells beside its pixels; for choosing which of several copies to keep.
public struct MetadataMeasure: Sendable, Equatable {
    /// Whether it says where the picture was taken (EXIF GPS latitude).
    public var hasLocation = false
    /// Bytes of its EXIF, XMP, IPTC and text blocks.
    public var byteCount = 0

    /// Nothing.
    public init() {}

    /// Looks through a file of a format; whatever does not parse counts as nothing.
    ///
    /// JPEG: APP1, APP13 and comments; PNG: eXIf and text chunks; WebP: EXIF and XMP chunks; HEIC and AVIF: the EXIF
    /// block, found by its signature; the others have none that could be told from the picture's own data.
    public init(_ bytes: UnsafeRawBufferPointer, format: ImageFormat) {
        hasLocation = Exif(of: bytes, format: format).hasLocation
        switch format {
        case .jpeg: byteCount = Self.jpegByteCount(bytes)
        case .png: byteCount = Self.pngByteCount(bytes)
        case .webp: byteCount = Self.webpByteCount(bytes)
        case .heic, .avif:
            if let block = Self.signedBlock(bytes) {
                hasLocation = Exif(block).hasLocation
                byteCount = block.count
            }
        case .tiff, .gif, .bmp, .pnm: break
        }
    }

    private static func jpegByteCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let fields = OrderedBytes(bytes, bigEndian: true)
        var offset = 2, sum = 0
        while fields.uint8(at: offset) == 0xFF, let marker = fields.uint8(at: offset + 1) {
            switch marker {
            case 0xFF: offset += 1
            case 0x01, 0xD0...0xD7: offset += 2
            case 0xD9, 0xDA: return sum
            default:
                guard let length = fields.uint16(at: offset + 2), length >= 2 else { return sum }
                if [0xE1, 0xED, 0xFE].contains(marker) { sum += Int(length) }
                offset += 2 + Int(length)
            }
        }
        return sum
    }

    private static func pngByteCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let fields = OrderedBytes(bytes, bigEndian: true)
        let names = ["eXIf", "tEXt", "zTXt", "iTXt"].map { Array($0.utf8) }
        var offset = 8, sum = 0
        while let length = fields.uint32(at: offset), let name = fields.slice(at: offset + 4, count: 4) {
            if names.contains(where: { name.elementsEqual($0) }) { sum += Int(length) }
            offset += 12 + Int(length)
        }
        return sum
    }

    private static func webpByteCount(_ bytes: UnsafeRawBufferPointer) -> Int {
        let fields = OrderedBytes(bytes, bigEndian: false)
        let names = ["EXIF", "XMP "].map { Array($0.utf8) }
        var offset = 12, sum = 0
        while let name = fields.slice(at: offset, count: 4), let length = fields.uint32(at: offset + 4) {
            if names.contains(where: { name.elementsEqual($0) }) { sum += Int(length) }
            offset += 8 + Int(length) + Int(length & 1)
        }
        return sum
    }

    /// The first TIFF structure behind an "Exif\0\0" mark, up to the longest that a block can be.
    private static func signedBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let mark = Array("Exif\0\0".utf8)
        var offset = 0
        while offset + mark.count + 8 <= bytes.count {
            if bytes[offset] == mark[0],
                UnsafeRawBufferPointer(rebasing: bytes[offset...]).starts(with: mark)
            {
                let block = UnsafeRawBufferPointer(
                    rebasing: bytes[(offset + mark.count)...].prefix(1 << 16))
                if block.starts(with: [0x49, 0x49, 0x2A, 0]) || block.starts(with: [0x4D, 0x4D, 0, 0x2A]) {
                    return block
                }
            }
            offset += 1
        }
        return nil
    }
}
