import Imaging
import TestSupport
import Testing

/// Copies that have lost nearly everything, and those that words were laid over: what they still show is explained by their
/// photograph, and by no other.
@Suite struct RemnantTests: EditsPictures {
    private static let names = [
        "castle.jpg", "bookshelf.jpg", "night-city.jpg", "sailing-boat.jpg", "mountain-lake.jpg",
        "guitar.jpg",
        "goldfish.jpg", "black-cat.jpg",
    ]

    /// As files in which a picture is stored tell it.
    private func decoded(_ picture: PixelBuffer, quality: Int) throws -> DecodedImage {
        try picture.jpeg(quality: quality).withUnsafeBytes { try ImageDecoder.decode($0) }
    }

    private func verdict(
        _ picture: PixelBuffer, _ copy: DecodedImage, distance: Int, isHashReliable: Bool = false
    ) -> CopyVerdict? {
        PicturePlanes(picture).verdict(
            on: PicturePlanes(copy), shownAs: .up, hashDistance: distance, isHashReliable: isHashReliable)
    }

    /// At most 64 pixels long, whatever made them small; the hashes need not match, but nearly.
    @Test(arguments: names, [ResizeFilter.box, .bilinear, .bicubic])
    func verySmallCopiesAreFound(name: String, filter: ResizeFilter) throws {
        let scene = try picture(name)
        for side in [30, 60] {
            let longer = max(scene.width, scene.height)
            let small = try decoded(
                scene.resized(
                    width: scene.width * side / longer, height: scene.height * side / longer, filter: filter),
                quality: 85)
            let found = try #require(verdict(scene, small, distance: 60), "\(side)")
            #expect(found.isSlight && found.evidence == "very small" && found.agreement >= 0.9)
            for other in Self.names where other != name {
                #expect(try verdict(picture(other), small, distance: 0) == nil, "\(side) of \(other)")
            }
        }
    }

    /// What stands on white has the outline of many things, and at this size little else: it is not asked.
    @Test func verySmallThingsOnWhiteAreNotExplained() throws {
        let shape = try picture("guitar.jpg").resized(width: 90, height: 120, filter: .bilinear)
        let shop = pasted(shape, on: card(240, 180, 250), x: 75, y: 30)
        let small = try decoded(shop.resized(width: 48, height: 36, filter: .bilinear), quality: 90)
        #expect(verdict(shop, small, distance: 0)?.evidence != "very small")
        let wall = pasted(shape, on: card(240, 180, 200), x: 75, y: 30)
        let other = try decoded(wall.resized(width: 48, height: 36, filter: .bilinear), quality: 90)
        #expect(verdict(wall, other, distance: 0)?.evidence == "very small")
    }

    /// JPEG's worst quality leaves the means of blocks, rounded; the photograph's come to the same.
    @Test(arguments: names) func theWorstQualityIsExplained(name: String) throws {
        let scene = try picture(name), poor = try decoded(scene, quality: 3)
        #expect(poor.info.meanStep > 30)
        let found = try #require(verdict(scene, poor, distance: 60))
        #expect(found.evidence.hasPrefix("hardly any quality") && found.agreement >= 0.8, "\(found)")
        for other in Self.names where other != name {
            let other = try picture(other).resized(
                width: scene.width, height: scene.height, filter: .bilinear)
            #expect(verdict(other, poor, distance: 0) == nil)
        }
        // Made smaller first, as programs do that send pictures.
        let sent = try decoded(
            scene.resized(width: scene.width * 3 / 4, height: scene.height * 3 / 4, filter: .bicubic),
            quality: 4)
        #expect(verdict(scene, sent, distance: 60)?.evidence == "hardly any quality")
    }

    /// In low quality the means of blocks tell more than what is left of the detail.
    @Test(arguments: names, [8, 10, 15]) func lowQualityIsExplained(name: String, quality: Int) throws {
        let scene = try picture(name), poor = try decoded(scene, quality: quality)
        let found = try #require(verdict(scene, poor, distance: 60))
        #expect(found.isSlight && found.evidence == "low quality" && found.agreement >= 0.9, "\(found)")
        for other in Self.names where other != name {
            let other = try picture(other).resized(
                width: scene.width, height: scene.height, filter: .bilinear)
            #expect(verdict(other, poor, distance: 0) == nil)
        }
    }

    /// A tint of half of JPEG's step becomes none here and a whole one there: that makes no grey picture a coloured one.
    @Test func coloursLessThanAStepAreNotMissed() throws {
        let castle = try picture("castle.jpg")
        let pale = levels(castle) { level, _, _ in (level + 9 + level / 24, level, level + 11 + level / 24) }
        let grey = levels(pale) { red, green, blue in
            let luma = (299 * red + 587 * green + 114 * blue + 500) / 1000
            return (luma, luma, luma)
        }
        let copy = try decoded(pale, quality: 10)
        for scene in [grey, pale] {
            let found = try #require(verdict(scene, copy, distance: 60))
            #expect(found.isSlight && found.evidence == "low quality", "\(found)")
        }
        let strong = levels(castle) { level, _, _ in (level, level, level > 128 ? 255 : 0) }
        let lost = try #require(verdict(strong, decoded(grey, quality: 10), distance: 60))
        #expect(!lost.isSlight && lost.evidence == "grey", "\(lost)")
    }

    /// A few birds in a hazy sky.
    private func hazySky(grain deviation: Float = 1.8) -> PixelBuffer {
        var random = SeededRandom(seed: 11)
        let haze = levels(card(120, 90, 140)) { level, _, _ in
            let grain = level + Int((deviation * random.normal()).rounded())
            return (grain, grain, grain)
        }
        var scene = haze.resized(width: 480, height: 360, filter: .bilinear)
        for bird in 0..<70 {
            scene = pasted(
                card(14 + bird % 9, 10 + bird % 7, UInt8(100 + bird * 29 % 80)), on: scene,
                x: Int.random(in: 20..<440, using: &random), y: Int.random(in: 20..<330, using: &random))
        }
        return scene
    }

    /// Strong compression takes the haze of a sky, which fills many blocks, and leaves what flies in it as it was.
    @Test func lostGrainIsSlight() throws {
        let scene = hazySky()
        let found = try #require(verdict(scene, decoded(scene, quality: 12).pixels))
        #expect(found.agreement < 0.75 && found.isSlight && found.evidence.isEmpty, "\(found)")
    }

    /// Where perceptual hashes are not relied on, for plain pictures, they may match by chance; brightness does not.
    @Test func whatIsAsBrightAsItWasIsEnough() throws {
        let scene = hazySky(grain: 3.2), copy = try decoded(scene, quality: 17)
        #expect(copy.info.meanStep < 6)
        let found = try #require(verdict(scene, copy, distance: 31))
        #expect(found.isSlight && found.marking == nil, "\(found)")
        #expect(verdict(scene, copy, distance: 32) == nil)
        let aside = warped(scene) { x, y in (x + 5, y + 3) }
        #expect(try verdict(aside, decoded(scene, quality: 17), distance: 0) == nil)
    }

    /// A step is that of the file's own table, for every way to store brightness; other formats have none.
    @Test func stepsComeFromTheQuantisation() throws {
        let scene = try picture("castle.jpg")
        let steps = try [95, 50, 10, 3].map { try decoded(scene, quality: $0).info.meanStep }
        // 16 / 8 levels at quality 50 (ITU-T T.81, table K.1), scaled as libjpeg does, at most 255 / 8.
        #expect(steps == [0.25, 2, 10, 31.875])
        #expect(ImageInfo(format: .png, width: 1, height: 1).meanStep == 0)
    }

    /// Half transparent strokes all over, as of a watermark.
    private func marked(_ picture: PixelBuffer) -> PixelBuffer {
        var out = picture
        let size = min(picture.width, picture.height) / 9
        for stroke in 0..<36 {
            let x = picture.width / 12 + stroke % 9 * size
            let y = picture.height / 10 + stroke / 9 * picture.height * 22 / 100
            for row in y..<min(y + size * 3 / 4, picture.height) {
                for column in x..<min(x + size / 2, picture.width)
                where column - x < size / 8 || (row - y) % (size / 3) < size / 9 {
                    for place in 3 * (row * picture.width + column)..<3 * (row * picture.width + column) + 3 {
                        out.pixels[place] = UInt8((Int(out.pixels[place]) * 57 + 255 * 43) / 100)
                    }
                }
            }
        }
        return out
    }

    /// Of pictures with large plain parts a watermark changes most blocks; what it leaves is as it was.
    @Test(arguments: ["rocket.jpg", "rainbow.jpg", "desert-dunes.jpg", "sunset-beach.jpg"])
    func whatWordsLeaveVisibleIsEnough(name: String) throws {
        let scene = try picture(name), copy = try decoded(marked(scene), quality: 88)
        let found = try #require(verdict(scene, copy, distance: 60))
        #expect(found.marking?.isFirst == false && found.evidence.hasPrefix("marked"))
        #expect(verdict(scene, copy, distance: 61) == nil)
        // Taken from a step aside.
        let (width, height) = (scene.width, scene.height)
        let aside = warped(scene) { x, y in (x + Double(width) / 40, y + Double(height) / 60) }
        #expect(try verdict(aside, decoded(marked(scene), quality: 88), distance: 0) == nil)
        for other in Self.names {
            let other = try picture(other).resized(width: width, height: height, filter: .bilinear)
            #expect(verdict(other, copy, distance: 0) == nil)
        }
    }
}
