import Imaging
import TestSupport
import Testing

@Suite struct ResizeTests {
    struct Entry: Decodable {
        let file, filter: String
        let width, height, offset: Int
    }

    @Test func resizesAreThoseOfPillow() throws {
        let golden = try Golden<Entry>("resize")
        #expect(golden.entries.count >= 40)
        for entry in golden.entries {
            let filter = try #require(ResizeFilter(rawValue: entry.filter))
            let picture = try Picture(entry.file).decoded().pixels
            let resized = picture.resized(width: entry.width, height: entry.height, filter: filter)
            let expected = golden.bytes(at: entry.offset, count: 3 * entry.width * entry.height)
            #expect(resized.pixels == expected, "\(entry)")
        }
    }

    @Test(arguments: ResizeFilter.allCases) func aConstantPictureStaysConstant(_ filter: ResizeFilter) {
        var random = SeededRandom(seed: 11)
        for round in 0..<40 {
            let (width, height) = (
                Int.random(in: 1...60, using: &random), Int.random(in: 1...60, using: &random)
            )
            let (newWidth, newHeight) = (
                Int.random(in: 1...90, using: &random), Int.random(in: 1...90, using: &random)
            )
            let picture = PixelBuffer(width: width, height: height, red: 255, green: 3, blue: 128)
            let expected = PixelBuffer(width: newWidth, height: newHeight, red: 255, green: 3, blue: 128)
            let resized = picture.resized(width: newWidth, height: newHeight, filter: filter)
            #expect(
                resized == expected,
                "seed 11, round \(round): \(width) x \(height) to \(newWidth) x \(newHeight)")
        }
    }

    @Test func mirroringAndResizingExchange() {
        var random = SeededRandom(seed: 31)
        let picture = PixelBuffer.random(width: 40, height: 30, using: &random)
        let a = picture.resized(width: 16, height: 12, filter: .bilinear).oriented(by: .down)
        let b = picture.oriented(by: .down).resized(width: 16, height: 12, filter: .bilinear)
        let found = difference(a.pixels, b.pixels)
        #expect((found?.largest ?? 255) <= 1)
    }

    @Test func sameSizeIsACopy() {
        var random = SeededRandom(seed: 37)
        let picture = PixelBuffer.random(width: 9, height: 8, using: &random)
        for filter in ResizeFilter.allCases {
            #expect(picture.resized(width: 9, height: 8, filter: filter) == picture, "\(filter)")
        }
    }
}
