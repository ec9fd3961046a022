import Imaging
import TestSupport
import Testing

@Suite struct FormatTests {
    struct Entry: Decodable {
        let file: String
        let width, height, offset, largest: Int
        let mean: Double
    }

    @Test func everyFormatFileDecodesToTheReferencePixels() throws {
        let golden = try Golden<Entry>("formats")
        #expect(golden.entries.count >= 90)
        for entry in golden.entries {
            let picture = try Picture("formats/\(entry.file)")
            let decoded = try picture.decoded()
            #expect(decoded.pixels.width == entry.width, "\(entry.file)")
            #expect(decoded.pixels.height == entry.height, "\(entry.file)")
            #expect(!decoded.info.isTruncated, "\(entry.file)")
            let expected = golden.bytes(at: entry.offset, count: 3 * entry.width * entry.height)
            let found = try #require(difference(decoded.pixels.pixels, expected), "\(entry.file)")
            #expect(found.largest <= entry.largest, "\(entry.file): \(found)")
            #expect(found.mean <= entry.mean, "\(entry.file): \(found)")
        }
    }

    @Test func headerAndDecodingAgree() throws {
        for name in try Picture.names(in: "formats") {
            let picture = try Picture("formats/\(name)")
            #expect(try picture.info() == picture.decoded().info, "\(name)")
        }
    }

    @Test func formatIsSniffedFromTheBytes() throws {
        let endings: [String: ImageFormat] = [
            "jpg": .jpeg, "png": .png, "webp": .webp, "gif": .gif, "tiff": .tiff, "bmp": .bmp, "pbm": .pnm,
            "pgm": .pnm, "ppm": .pnm, "pam": .pnm, "heic": .heic, "avif": .avif,
        ]
        var seen: Set<ImageFormat> = []
        for name in try Picture.names(in: "formats") {
            let format = try Picture("formats/\(name)").format
            #expect(
                format != nil && format == endings[String(name.split(separator: ".").last ?? "")], "\(name)")
            if let format { seen.insert(format) }
        }
        #expect(seen == Set(ImageFormat.allCases))
        for text in [
            "", "B", "BM", "BMW is a car maker, and this a text of some length", "P5x", "RIFFxxxxWAVE", "II",
        ] {
            let bytes = Array(text.utf8)
            #expect(Picture(bytes: bytes).format == nil, "\(text)")
        }
        let brands: [(String, ImageFormat?)] = [
            ("mif1heic", .heic), ("mif1avif", .avif), ("avif", .avif), ("heix", .heic), ("isommp42", nil),
            ("mif1", .heic),
        ]
        for (brand, format) in brands {
            var box = [UInt8](repeating: 0, count: 3) + [UInt8(12 + brand.utf8.count)] + Array("ftyp".utf8)
            box += Array(brand.utf8.prefix(4)) + [0, 0, 0, 0] + Array(brand.utf8.dropFirst(4))
            #expect(Picture(bytes: box).format == format, "\(brand)")
        }
    }

    @Test func namesOfPictures() {
        for name in ["jpg", "JPG", "Jpeg", "tif", "HEIC", "avif", "PnM", "webp"] {
            #expect(ImageFormat.isLikelyPictureName(extension: Array(name.utf8)), "\(name)")
        }
        for name in ["", "txt", "jp", "jpgx", "mp4", "[pg", "heicss"] {
            #expect(!ImageFormat.isLikelyPictureName(extension: Array(name.utf8)), "\(name)")
        }
    }

    @Test func orientationAndCaptureTimeAreRead() throws {
        let time = "2024-05-06T07:08:09"
        for value in UInt8(1)...8 {
            let info = try Picture("formats/orientation-\(value).jpg").info()
            #expect(info.orientation.rawValue == value)
            #expect(info.captureTime == time)
            #expect(info.width == (value >= 5 ? 31 : 45))
            let tiff = try Picture("formats/orientation-\(value).tiff").info()
            #expect(tiff.orientation.rawValue == value)
        }
        for name in [
            "exif-big-endian.jpg", "orientation-6.png", "orientation-8.webp", "exif.heic",
            "orientation-6.avif",
        ] {
            #expect(try Picture("formats/\(name)").info().captureTime == time, "\(name)")
        }
        let heic = try Picture("formats/exif.heic").info()
        #expect(heic.orientation == .up)
        #expect(try Picture("formats/baseline.jpg").info().captureTime == nil)
    }
}
