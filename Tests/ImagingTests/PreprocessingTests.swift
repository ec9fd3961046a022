import Imaging
import TestSupport
import Testing

@Suite struct PreprocessingTests {
    struct Entry: Decodable {
        let file, mode, filter, rounding: String
        let width, height, offset, resize: Int
        let mean, std: [Float]

        var preprocessing: Preprocessing? {
            guard let filter = ResizeFilter(rawValue: filter) else { return nil }
            return Preprocessing(
                width: width, height: height,
                mode: mode == "squash" ? .squash : .shortestEdgeCrop(resize: resize),
                filter: filter, mean: mean, std: std, cropRounding: rounding == "down" ? .down : .halfToEven)
        }
    }

    @Test func tensorsAreThoseOfTransformersAndTorchvision() throws {
        let golden = try Golden<Entry>("preprocessing")
        #expect(golden.entries.count >= 15)
        for entry in golden.entries {
            let preprocessing = try #require(entry.preprocessing)
            let tensor = preprocessing.tensor(from: try Picture(entry.file).decoded().pixels)
            let expected = golden.floats(at: entry.offset, count: 3 * entry.width * entry.height)
            #expect(tensor.count == expected.count)
            let largest = zip(tensor, expected).map { abs($0 - $1) }.max() ?? .infinity
            #expect(
                largest <= 1e-6, "\(entry.file) \(entry.mode) \(entry.resize) \(entry.rounding): \(largest)")
        }
    }

    @Test func thinPicturesCostNoMoreThanTheirCrop() throws {
        let preprocessing = Preprocessing(
            width: 224, height: 224, mode: .shortestEdgeCrop(resize: 224), filter: .bicubic, mean: [0, 0, 0],
            std: [1, 1, 1])
        let wide = try Picture("damaged/wide-30000x1.png").decoded().pixels
        let pixels = preprocessing.pixels(from: wide)
        #expect(pixels.width == 224 && pixels.height == 224)
        // The middle of alternating stripes, each 224 wide: both are there.
        #expect(pixels.pixels.contains(0) && pixels.pixels.contains(255))
        let tall = try Picture("damaged/tall-1x30000.jpg").decoded().pixels
        #expect(preprocessing.tensor(from: tall).count == 3 * 224 * 224)
    }

    @Test func asksTheDecoderForMoreThanTheSize() {
        var preprocessing = Preprocessing(
            width: 112, height: 96, mode: .squash, filter: .bicubic, mean: [0, 0, 0], std: [1, 1, 1])
        #expect(preprocessing.minimumSide == 180)
        preprocessing.mode = .shortestEdgeCrop(resize: 256)
        #expect(preprocessing.minimumSide == 410)
    }
}
