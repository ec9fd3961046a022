import Imaging
import TestSupport
import Testing

@Suite struct ScaledJPEGTests {
    struct Entry: Decodable {
        let file: String
        let width, height, offset, minimumSide: Int
    }

    @Test func scalingInTheTransformDomainGivesThePixelsOfPillowsDraft() throws {
        let golden = try Golden<Entry>("scaled")
        for entry in golden.entries {
            let decoded = try Picture(entry.file).decoded(minimumSide: entry.minimumSide)
            #expect(decoded.pixels.width == entry.width, "\(entry.file) \(entry.minimumSide)")
            let expected = golden.bytes(at: entry.offset, count: 3 * entry.width * entry.height)
            let found = try #require(difference(decoded.pixels.pixels, expected), "\(entry.file)")
            #expect(found.largest <= 2 && found.mean <= 0.5, "\(entry.file): \(found)")
        }
    }

    @Test func bothSidesReachTheMinimumOrThePictureIsWhole() throws {
        let picture = try Picture("gallery/sunset-beach.jpg")
        let full = try picture.decoded()
        #expect(full.pixels.width == 540 && full.pixels.height == 360)
        for minimum in [1, 44, 45, 46, 89, 90, 91, 180, 181, 359, 360, 361, 5000] {
            let decoded = try picture.decoded(minimumSide: minimum)
            let shorter = min(decoded.pixels.width, decoded.pixels.height)
            #expect(shorter >= minimum || decoded.pixels == full.pixels, "\(minimum)")
            #expect(shorter / 2 < minimum || shorter == 45, "more than needed for \(minimum)")
            #expect(decoded.info == full.info, "\(minimum)")
        }
    }

    @Test func scaledPicturesAreTurnedToo() throws {
        let turned = try Picture("formats/orientation-6.jpg").decoded(minimumSide: 8)
        #expect(turned.pixels.width == 8 && turned.pixels.height == 12)
        #expect(turned.info.width == 31 && turned.info.height == 45)
    }

    @Test func whatPreprocessingAsksForIsEnoughForTheTensor() throws {
        let preprocessing = Preprocessing(
            width: 64, height: 64, mode: .squash, filter: .bicubic, mean: [0, 0, 0], std: [1, 1, 1])
        for name in ["sunset-beach", "red-car", "letter-page", "bookshelf", "orange-cat"] {
            let picture = try Picture("gallery/\(name).jpg")
            let scaled = try picture.decoded(minimumSide: preprocessing.minimumSide).pixels
            let full = try picture.decoded().pixels
            #expect(scaled.width < full.width, "\(name)")
            let found = try #require(
                difference(
                    preprocessing.pixels(from: scaled).pixels, preprocessing.pixels(from: full).pixels))
            #expect(found.mean < 1.2, "\(name): \(found)")
        }
    }

    @Test func otherFormatsAreAlwaysWhole() throws {
        for name in ["rgb.png", "lossy.webp", "plain.gif", "lzw.tiff", "rgb-24.bmp", "raw.ppm"] {
            let decoded = try Picture("formats/\(name)").decoded(minimumSide: 4)
            #expect(decoded.pixels.width == 45, "\(name)")
        }
    }
}
