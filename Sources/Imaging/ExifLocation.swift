extension Exif {
    /// Reads the EXIF block of a JPEG, PNG, WebP or TIFF file; empty when there is none.
    ///
    /// HEIF keeps its block where only its library finds it.
    init(of bytes: UnsafeRawBufferPointer, format: ImageFormat) {
        let block: UnsafeRawBufferPointer? =
            switch format {
            case .jpeg: Self.jpegBlock(bytes)
            case .png: Self.pngBlock(bytes)
            case .webp: Self.webpBlock(bytes)
            case .tiff: bytes
            case .gif, .bmp, .pnm, .heic, .avif: nil
            }
        guard let block else {
            self.init()
            return
        }
        self.init(Self.withoutName(block))
    }

    private static let blockName = Array("Exif\0\0".utf8)

    private static func withoutName(_ block: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard block.starts(with: blockName) else { return block }
        return UnsafeRawBufferPointer(rebasing: block.dropFirst(blockName.count))
    }

    /// The first APP1 segment named "Exif" before the pixels.
    private static func jpegBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let fields = OrderedBytes(bytes, bigEndian: true)
        var offset = 2
        while fields.uint8(at: offset) == 0xFF, let marker = fields.uint8(at: offset + 1) {
            switch marker {
            case 0xFF: offset += 1  // padding
            case 0x01, 0xD0...0xD7: offset += 2  // markers without a body
            case 0xD9, 0xDA: return nil  // the end, or the first scan
            default:
                guard let length = fields.uint16(at: offset + 2), length >= 2,
                    let body = fields.slice(at: offset + 4, count: Int(length) - 2)
                else { return nil }
                if marker == 0xE1, body.starts(with: blockName) { return body }
                offset += 2 + Int(length)
            }
        }
        return nil
    }

    /// The eXIf chunk, which may stand before or after the pixels.
    private static func pngBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        chunk("eXIf", in: OrderedBytes(bytes, bigEndian: true), from: 8) { fields, offset in
            guard let length = fields.uint32(at: offset) else { return nil }
            return (name: offset + 4, body: offset + 8, count: Int(length), next: offset + 12 + Int(length))
        }
    }

    private static func webpBlock(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        chunk("EXIF", in: OrderedBytes(bytes, bigEndian: false), from: 12) { fields, offset in
            guard let length = fields.uint32(at: offset + 4) else { return nil }
            let padded = Int(length) + Int(length & 1)
            return (name: offset, body: offset + 8, count: Int(length), next: offset + 8 + padded)
        }
    }

    private typealias Chunk = (name: Int, body: Int, count: Int, next: Int)

    /// Walks a list of chunks to the one with a name; every chunk moves on by at least its own head.
    private static func chunk(
        _ wanted: String, in fields: OrderedBytes, from start: Int,
        head: (OrderedBytes, Int) -> Chunk?
    ) -> UnsafeRawBufferPointer? {
        var offset = start
        while let chunk = head(fields, offset), let name = fields.slice(at: chunk.name, count: 4) {
            if name.elementsEqual(wanted.utf8) { return fields.slice(at: chunk.body, count: chunk.count) }
            offset = chunk.next
        }
        return nil
    }
}
