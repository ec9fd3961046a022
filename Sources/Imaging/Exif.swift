/// The EXIF fields that matter here (EXIF 2.32, CIPA DC-008; the block is a TIFF structure).
struct Exif: Equatable {
    var orientation: Orientation?
    /// DateTimeOriginal as `2024-05-06T07:08:09`.
    var captureTime: String?
    /// Whether a GPS latitude is there.
    var hasLocation = false

    private enum Tag {
        static let orientation: UInt16 = 0x0112
        static let exifDirectory: UInt16 = 0x8769
        static let dateTimeOriginal: UInt16 = 0x9003
        static let gpsDirectory: UInt16 = 0x8825
        static let gpsLatitude: UInt16 = 0x0002
    }

    private static let asciiType: UInt16 = 2
    private static let shortType: UInt16 = 3

    init() {}

    /// Reads a block that starts with `II*\0` or `MM\0*`; whatever does not parse is left out, nothing is an error.
    ///
    /// Costs one look at each entry of two directories.
    init(_ block: UnsafeRawBufferPointer) {
        let isBig: Bool
        switch (block.first, block.dropFirst().first) {
        case (0x49, 0x49): isBig = false
        case (0x4D, 0x4D): isBig = true
        default: return
        }
        let fields = OrderedBytes(block, bigEndian: isBig)
        guard fields.uint16(at: 2) == 42, let first = fields.uint32(at: 4) else { return }
        var exifDirectory: Int?
        var gpsDirectory: Int?
        Self.forEachEntry(of: fields, directory: Int(first)) { tag, type, entry in
            switch tag {
            case Tag.orientation where type == Self.shortType:
                orientation = fields.uint16(at: entry + 8).flatMap { UInt8(exactly: $0) }
                    .flatMap { Orientation(rawValue: $0) }
            case Tag.exifDirectory: exifDirectory = fields.uint32(at: entry + 8).map { Int($0) }
            case Tag.gpsDirectory: gpsDirectory = fields.uint32(at: entry + 8).map { Int($0) }
            default: break
            }
        }
        if let gpsDirectory {
            Self.forEachEntry(of: fields, directory: gpsDirectory) { tag, _, _ in
                if tag == Tag.gpsLatitude { hasLocation = true }
            }
        }
        guard let exifDirectory else { return }
        Self.forEachEntry(of: fields, directory: exifDirectory) { tag, type, entry in
            guard tag == Tag.dateTimeOriginal, type == Self.asciiType,
                let offset = fields.uint32(at: entry + 8), let text = fields.slice(at: Int(offset), count: 19)
            else { return }
            captureTime = Self.isoTime(text)
        }
    }

    private static func forEachEntry(
        of fields: OrderedBytes, directory: Int,
        _ visit: (_ tag: UInt16, _ type: UInt16, _ entry: Int) -> Void
    ) {
        guard let count = fields.uint16(at: directory) else { return }
        for index in 0..<Int(count) {
            let entry = directory + 2 + 12 * index
            guard let tag = fields.uint16(at: entry), let type = fields.uint16(at: entry + 2) else { return }
            visit(tag, type, entry)
        }
    }

    /// Turns `2024:05:06 07:08:09` into ISO 8601; nil for anything that is no date, such as cameras' `0000:00:00`.
    static func isoTime(_ text: UnsafeRawBufferPointer) -> String? {
        guard text.count == 19 else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in text[range] {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = 10 * value + Int(byte - 0x30)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            year >= 1, (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60
        else { return nil }
        let digits = text.map { Character(UnicodeScalar($0)) }
        func part(_ range: Range<Int>) -> String { String(digits[range]) }
        return
            "\(part(0..<4))-\(part(5..<7))-\(part(8..<10))T\(part(11..<13)):\(part(14..<16)):\(part(17..<19))"
    }
}
