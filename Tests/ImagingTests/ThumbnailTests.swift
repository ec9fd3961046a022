import Imaging
import TestSupport
import Testing

@Suite struct ThumbnailTests {
    private func thumbnail(_ bytes: [UInt8], side: Int, quality: Int = 75) throws -> Thumbnail {
        try bytes.withUnsafeBytes { try Thumbnail(of: $0, longerSide: side, quality: quality) }
    }

    /// Mean distance of two pictures' samples, in levels.
    private func distance(_ a: PixelBuffer, _ b: PixelBuffer) -> Double {
        let sum = zip(a.pixels, b.pixels).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        return Double(sum) / Double(max(1, a.pixels.count))
    }

    @Test func everyFormatBecomesASmallUprightJPEG() throws {
        for name in try Picture.names(in: "formats") {
            let picture = try Picture("formats/\(name)")
            let whole = try picture.decoded()
            let small = try thumbnail(picture.bytes, side: 24, quality: 95)
            #expect(
                max(small.width, small.height) == min(24, max(whole.info.width, whole.info.height)), "\(name)"
            )
            let again = try Picture(bytes: small.jpeg).decoded()
            #expect(again.info.format == .jpeg && again.info.orientation == .up, "\(name)")
            #expect(again.pixels.width == small.width && again.pixels.height == small.height, "\(name)")
            let expected = whole.pixels.resized(width: small.width, height: small.height, filter: .bicubic)
            #expect(distance(again.pixels, expected) < 14, "\(name): \(distance(again.pixels, expected))")
        }
    }

    @Test func orientationIsAppliedWhateverTheFileSays() throws {
        // The files hold the same stored pixels and tell apart how they are to be turned.
        let stored = try thumbnail(Picture("formats/orientation-1.jpg").bytes, side: 30, quality: 95)
        let pixels = try Picture(bytes: stored.jpeg).decoded().pixels
        for number in 2...8 {
            let turned = try thumbnail(
                Picture("formats/orientation-\(number).jpg").bytes, side: 30, quality: 95)
            let expected = pixels.oriented(by: try #require(Orientation(rawValue: UInt8(number))))
            #expect(turned.width == expected.width && turned.height == expected.height, "\(number)")
            let found = try Picture(bytes: turned.jpeg).decoded().pixels
            #expect(distance(found, expected) < 12, "\(number): \(distance(found, expected))")
        }
    }

    @Test func smallPicturesStayAsTheyAreAndThinOnesKeepAPixel() throws {
        let small = try thumbnail(Picture("damaged/one-by-one.jpg").bytes, side: 300)
        #expect(small.width == 1 && small.height == 1)
        let thin = PixelBuffer(width: 5000, height: 3, red: 200, green: 10, blue: 30)
        let strip = try thumbnail(thin.jpeg(quality: 90), side: 100)
        #expect(strip.width == 100 && strip.height == 1)
    }

    @Test func qualityIsPaidInBytes() throws {
        let picture = try Picture("gallery/red-car.jpg").bytes
        let sizes = try [20, 50, 75, 95].map { try thumbnail(picture, side: 256, quality: $0).jpeg.count }
        #expect(sizes == sizes.sorted() && sizes[3] > 2 * sizes[0], "\(sizes)")
    }

    @Test func whatCannotBeEncodedIsRefused() throws {
        let picture = PixelBuffer(width: 2, height: 2, red: 1, green: 2, blue: 3)
        for quality in [0, 101, -5, .max] {
            #expect(throws: ImagingError.self) { try picture.jpeg(quality: quality) }
        }
        let empty = PixelBuffer(width: 0, height: 0, pixels: [])
        #expect(throws: ImagingError.self) { try empty.jpeg(quality: 75) }
        let long = PixelBuffer(width: 65_501, height: 1, red: 0, green: 0, blue: 0)
        #expect(throws: ImagingError.self) { try long.jpeg(quality: 75) }
        #expect(throws: ImagingError.self) { try thumbnail([], side: 100) }
        #expect(throws: ImagingError.self) { try thumbnail(Picture("damaged/text.jpg").bytes, side: 100) }
    }
}
