import Imaging
import TestSupport
import Testing

@Suite struct HashTests {
    struct Entry: Decodable {
        let file, phash: String
        let resize: [Int]?
        let pdq: String?
        let quality: Int?
        let dihedral: [String]?
        let sharpness, brightness, contrast, entropy: Double

        func picture() throws -> PixelBuffer {
            let picture = try Picture(file).decoded().pixels
            guard let resize else { return picture }
            return picture.resized(width: resize[0], height: resize[1], filter: .bicubic)
        }
    }

    /// JPEGs may decode to slightly other levels in another libjpeg.
    private func tolerance(_ entry: Entry) -> Int { entry.file.hasSuffix(".jpg") ? 6 : 2 }

    @Test func pdqIsThatOfTheReference() throws {
        var exact = 0
        let golden = try Golden<Entry>("hashes")
        for entry in golden.entries {
            guard let hex = entry.pdq, let quality = entry.quality else { continue }
            let expected = try #require(PDQHash(hex: hex))
            let found = PDQHash.compute(try entry.picture())
            let distance = found.hash.distance(to: expected)
            #expect(distance <= tolerance(entry), "\(entry.file) \(entry.resize ?? [])")
            #expect(abs(found.quality - quality) <= (entry.file.hasSuffix(".jpg") ? 1 : 0), "\(entry.file)")
            if distance == 0 { exact += 1 }
        }
        #expect(exact >= 12, "\(exact) of \(golden.entries.count) hashes are exact")
    }

    @Test func pdqOfAllOrientationsIsThatOfTheReference() throws {
        // The reference's order: as it is, turned by 90, 180, 270 (counter-clockwise), flipped along x, y, both diagonals.
        let order: [Orientation] = [
            .up, .left, .down, .right, .downMirrored, .upMirrored, .leftMirrored, .rightMirrored,
        ]
        for entry in try Golden<Entry>("hashes").entries {
            // The reference blurs even 64 x 64 pixels here, but not in its plain hash; ours follows the latter.
            guard let dihedral = entry.dihedral, entry.resize != [64, 64] else { continue }
            let hashes = PDQHash.computeAllOrientations(try entry.picture()).hashes
            for (orientation, hex) in zip(order, dihedral) {
                let expected = try #require(PDQHash(hex: hex))
                let found = try #require(hashes[orientation])
                #expect(found.distance(to: expected) <= tolerance(entry), "\(entry.file) \(orientation)")
            }
        }
    }

    @Test func hashesOfOrientationsAreThoseOfTurnedPictures() throws {
        let picture = try Picture("formats/scene.png").decoded().pixels.resized(
            width: 1024, height: 768, filter: .bicubic)
        let hashes = PDQHash.computeAllOrientations(picture).hashes
        for orientation in Orientation.allCases {
            let turned = PDQHash.compute(picture.oriented(by: orientation)).hash
            let distance = try #require(hashes[orientation]).distance(to: turned)
            #expect(distance <= 20, "\(orientation): \(distance)")
        }
    }

    @Test func copiesAreNearAndOthersFar() throws {
        func hash(_ name: String) throws -> PDQHash {
            PDQHash.compute(try Picture("gallery/\(name)").decoded().pixels).hash
        }
        let car = try hash("red-car.jpg")
        #expect(car.distance(to: try hash("red-car-quality-40.jpg")) <= 31)
        #expect(car.distance(to: try hash("red-car-grey.jpg")) <= 31)
        #expect(car.distance(to: try hash("sunflower.jpg")) > 90)
    }

    @Test func dctHashIsThatOfImageHash() throws {
        for entry in try Golden<Entry>("hashes").entries {
            let expected = try #require(UInt64(entry.phash, radix: 16))
            let found = DCTHash(try entry.picture())
            // A blank picture's frequencies are all rounding noise.
            guard entry.entropy > 0 else { continue }
            #expect(
                found.distance(to: DCTHash(bits: expected)) <= (entry.file.hasSuffix(".jpg") ? 2 : 0),
                "\(entry.file)")
        }
    }

    @Test func notations() throws {
        let hex = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
        let hash = try #require(PDQHash(hex: hex))
        #expect(hash.hex == hex)
        #expect(hash.words[0] == 0x33e6_b39c_4e9c_9b22 && hash.words[3] == 0xf8f8_f0ce_e0f4_a84f)
        #expect(PDQHash(bytes: hash.bytes) == hash)
        #expect(PDQHash(hex: String(hex.dropLast())) == nil)
        #expect(PDQHash(hex: "g" + hex.dropFirst()) == nil)
        #expect(PDQHash(hex: "é" + hex.dropFirst(2)) == nil)
        #expect(PDQHash(bytes: [1, 2, 3]) == nil)
        #expect(hash.distance(to: hash) == 0)
        #expect(hash.distance(to: PDQHash(words: ~hash.words)) == 256)
        #expect(DCTHash(bits: 0xAB).description == "00000000000000ab")
    }

    @Test func tinyPicturesHaveTheZeroHash() {
        for (width, height) in [(4, 100), (100, 4), (1, 1)] {
            let found = PDQHash.compute(PixelBuffer(width: width, height: height, red: 9, green: 9, blue: 9))
            #expect(found.hash == PDQHash(words: .zero) && found.quality == 0)
        }
        var random = SeededRandom(seed: 3)
        for (width, height) in [(5, 5), (5, 2000), (129, 7), (64, 64), (63, 65)] {
            _ = PDQHash.compute(PixelBuffer.random(width: width, height: height, using: &random))
        }
    }

    @Test func qualityMeasuresAreThoseOfTheirDefinition() throws {
        for entry in try Golden<Entry>("hashes").entries where !entry.file.hasSuffix(".jpg") {
            let found = QualityMeasures(try entry.picture())
            #expect(
                abs(found.sharpness - entry.sharpness) <= 1e-6 * max(1, entry.sharpness),
                "\(entry.file) \(entry.resize ?? [])")
            #expect(abs(found.brightness - entry.brightness) <= 1e-9, "\(entry.file)")
            #expect(abs(found.contrast - entry.contrast) <= 1e-6, "\(entry.file)")
            #expect(abs(found.entropy - entry.entropy) <= 1e-9, "\(entry.file)")
        }
    }

    @Test func blurredPicturesAreLessSharp() throws {
        let sharp = QualityMeasures(try Picture("gallery/brown-dog.jpg").decoded().pixels)
        let blurred = QualityMeasures(try Picture("gallery/brown-dog-blurred.jpg").decoded().pixels)
        #expect(blurred.sharpness < 0.5 * sharp.sharpness)
        #expect(abs(blurred.brightness - sharp.brightness) < 0.02)
        let plain = QualityMeasures(PixelBuffer(width: 10, height: 10, red: 255, green: 255, blue: 255))
        #expect(
            plain == QualityMeasures(sharpness: 0, brightness: 1, contrast: 0, entropy: 0, colorfulness: 0))
        // Pure red: no variance, and a mean of 255 and 127.5 on the two opponent axes.
        let red = QualityMeasures(PixelBuffer(width: 10, height: 10, red: 255, green: 0, blue: 0))
        #expect(abs(red.colorfulness - 0.3 * (255.0 * 255 + 127.5 * 127.5).squareRoot()) < 1e-9)
        let car = QualityMeasures(try Picture("gallery/red-car.jpg").decoded().pixels)
        let grey = QualityMeasures(try Picture("gallery/red-car-grey.jpg").decoded().pixels)
        #expect(car.colorfulness > 15 && grey.colorfulness < 1)
    }
}
