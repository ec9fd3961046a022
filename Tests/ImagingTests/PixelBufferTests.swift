import Imaging
import TestSupport
import Testing

@Suite struct PixelBufferTests {
    /// 3 x 2 pixels whose red channel counts from 0.
    private let counted = PixelBuffer(width: 3, height: 2, pixels: (0..<6).flatMap { [UInt8($0), 100, 200] })

    @Test func orientationsTurnAndMirror() {
        let expected: [Orientation: (Int, [UInt8])] = [
            .up: (3, [0, 1, 2, 3, 4, 5]), .upMirrored: (3, [2, 1, 0, 5, 4, 3]),
            .down: (3, [5, 4, 3, 2, 1, 0]),
            .downMirrored: (3, [3, 4, 5, 0, 1, 2]), .leftMirrored: (2, [0, 3, 1, 4, 2, 5]),
            .right: (2, [3, 0, 4, 1, 5, 2]), .rightMirrored: (2, [5, 2, 4, 1, 3, 0]),
            .left: (2, [2, 5, 1, 4, 0, 3]),
        ]
        for orientation in Orientation.allCases {
            let turned = counted.oriented(by: orientation)
            let reds = stride(from: 0, to: turned.pixels.count, by: 3).map { turned.pixels[$0] }
            #expect(turned.width == expected[orientation]?.0, "\(orientation)")
            #expect(reds == expected[orientation]?.1, "\(orientation)")
            #expect(turned.pixels[1] == 100 && turned.pixels[2] == 200, "\(orientation)")
        }
    }

    @Test func turningFourTimesAndMirroringTwiceGivesThePictureBack() {
        var random = SeededRandom(seed: 5)
        let picture = PixelBuffer.random(width: 13, height: 7, using: &random)
        var turned = picture
        for _ in 0..<4 { turned = turned.oriented(by: .right) }
        #expect(turned == picture)
        for orientation in [Orientation.upMirrored, .down, .downMirrored, .leftMirrored, .rightMirrored] {
            #expect(picture.oriented(by: orientation).oriented(by: orientation) == picture, "\(orientation)")
        }
        #expect(picture.oriented(by: .left).oriented(by: .right) == picture)
    }

    @Test func croppingOutsideIsBlack() {
        let cut = counted.cropped(x: 1, y: -1, width: 4, height: 2)
        let reds = stride(from: 0, to: cut.pixels.count, by: 3).map { cut.pixels[$0] }
        #expect(reds == [0, 0, 0, 0, 1, 2, 0, 0])
        #expect(counted.cropped(x: 0, y: 0, width: 3, height: 2) == counted)
        #expect(counted.cropped(x: 9, y: 9, width: 2, height: 2).pixels.allSatisfy { $0 == 0 })
        #expect(counted.cropped(x: -9, y: 0, width: 2, height: 2).pixels.allSatisfy { $0 == 0 })
    }
}
