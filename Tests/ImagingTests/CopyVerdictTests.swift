import Foundation
import Imaging
import TestSupport
import Testing

/// What the attacks make of a picture, and what is no copy of it.
@Suite struct CopyVerdictTests: EditsPictures {
    static let photos = ["castle.jpg", "bookshelf.jpg", "night-city.jpg", "sailing-boat.jpg"]

    @Test(arguments: photos) func sameAndResizedAreSlight(name: String) throws {
        let picture = try picture(name)
        for divisor in [1, 2, 3] {
            let small = picture.resized(
                width: picture.width / divisor, height: picture.height / divisor, filter: .bicubic)
            let found = try #require(verdict(picture, small))
            #expect(found.isSlight && found.evidence.isEmpty && found.agreement > 0.95, "\(found)")
        }
    }

    @Test(arguments: photos) func contrastAndBrightnessAreSlight(name: String) throws {
        let picture = try picture(name)
        for changed in [
            levels(picture) { ($0 * 7 / 10, $1 * 7 / 10, $2 * 7 / 10) },
            levels(picture) { ($0 / 2 + 64, $1 / 2 + 64, $2 / 2 + 64) },
        ] {
            #expect(try #require(verdict(picture, changed)).isSlight)
        }
    }

    @Test(arguments: photos) func noiseAndBlurAreFound(name: String) throws {
        let picture = try picture(name)
        var random = SeededRandom(seed: 3)
        let noisy = levels(picture) { r, g, b in
            let grain = Int(25 * random.normal())
            return (r + grain, g + grain, b + grain)
        }
        #expect(verdict(picture, noisy) != nil)
        let blurred = picture.resized(width: picture.width / 6, height: picture.height / 6, filter: .box)
            .resized(width: picture.width, height: picture.height, filter: .bilinear)
        #expect(verdict(picture, blurred) != nil)
    }

    @Test(arguments: photos) func turnedAndMirroredAreNamed(name: String) throws {
        let picture = try picture(name)
        let words: [Orientation: String] = [
            .upMirrored: "mirrored", .down: "rotated 180°", .downMirrored: "flipped", .right: "rotated",
            .left: "rotated",
        ]
        for (orientation, word) in words {
            let found = try #require(verdict(picture, picture.oriented(by: orientation)), "\(orientation)")
            #expect(!found.isSlight && found.evidence.contains(word), "\(orientation): \(found.evidence)")
        }
    }

    @Test(arguments: photos) func tiltedIsFound(name: String) throws {
        let picture = try picture(name)
        let (cosine, sine) = (0.9945, 0.1045)  // 6 degrees
        let (middleX, middleY) = (Double(picture.width) / 2, Double(picture.height) / 2)
        let tilted = warped(picture) { x, y in
            (
                middleX + cosine * (x - middleX) - sine * (y - middleY),
                middleY + sine * (x - middleX) + cosine * (y - middleY)
            )
        }
        let found = try #require(verdict(picture, tilted))
        #expect(!found.isSlight && found.evidence.contains("tilted 6°"), "\(found.evidence)")
    }

    @Test(arguments: photos) func photographedFromAsideIsFound(name: String) throws {
        let picture = try picture(name)
        let (w, h) = (Double(picture.width), Double(picture.height))
        let slanted = warped(picture) { x, y in
            let depth = 1 + 0.25 * x / w
            return ((x - 0.04 * w) * 1.3 / depth, (y - 0.5 * h) * 1.3 / depth + 0.5 * h)
        }
        #expect(verdict(picture, slanted) != nil)
    }

    @Test(arguments: photos) func farCropIsNamedWithWhatIsLeft(name: String) throws {
        let picture = try picture(name)
        let (width, height) = (picture.width * 6 / 10, picture.height * 6 / 10)
        let cut = picture.cropped(
            x: picture.width * 3 / 10, y: picture.height * 2 / 10, width: width, height: height)
        let found = try #require(verdict(picture, cut))
        #expect(!found.isSlight && found.evidence.hasSuffix("% crop"), "\(found.evidence)")
        let share = try #require(found.evidence.split(separator: " ").first.flatMap { Int($0) })
        #expect((33...39).contains(share), "\(found.evidence)")
    }

    // Not the bookshelf: one half of it is the mirror image of the other.
    @Test(arguments: photos.filter { $0 != "bookshelf.jpg" }) func outlinesTellWhetherOneIsWhole(name: String)
        throws
    {
        let whole = try picture(name)
        let (width, height) = (whole.width, whole.height)
        func part(_ x: Int) -> PictureSketch {
            PictureSketch(whole.cropped(x: x, y: 0, width: width * 6 / 10, height: height))
        }
        let (left, right, all) = (part(0), part(width * 4 / 10), PictureSketch(whole))
        // A third of either of them is on the other.
        let beside = try #require(left.alignments(of: right).first)
        var isWhole = left.mayMatch(right, laid: beside)
        #expect(!isWhole)
        for (first, second) in [(all, left), (left, all), (all, right), (all, all)] {
            let alignment = try #require(first.alignments(of: second).first)
            isWhole = first.mayMatch(second, laid: alignment)
            #expect(isWhole)
        }
        let mirrored = PictureSketch(whole.oriented(by: .upMirrored))
        isWhole = all.mayMatch(mirrored, laid: try #require(all.alignments(of: mirrored).first))
        #expect(isWhole)
    }

    /// Laid on each other whole on whole, as corners that meet by chance may say.
    private func mayMatch(_ a: PixelBuffer, _ b: PixelBuffer) -> Bool {
        let (first, second) = (PictureSketch(a), PictureSketch(b))
        let map = PlaneMap(
            a: Double(first.features.width / second.features.width), b: 0, c: 0, d: 0,
            e: Double(first.features.height / second.features.height), f: 0)
        return first.mayMatch(
            second, laid: FeatureAlignment(map: map, isMirrored: false, support: 5))
    }

    @Test func aGlanceRefusesMostStrangers() throws {
        let pictures = try Self.photos.map { try picture($0) }
        var refused = 0
        for first in pictures.indices {
            for second in pictures.indices where first != second {
                if !mayMatch(pictures[first], pictures[second]) { refused += 1 }
            }
        }
        #expect(refused >= 10)  // of 12
    }

    @Test(arguments: photos) func aGlanceKeepsEdits(name: String) throws {
        let mine = try picture(name)
        let small = mine.resized(width: 50, height: 50, filter: .bilinear)
        let pale = levels(mine) { r, g, b in (128 + (r - 128) / 4, 128 + (g - 128) / 4, 128 + (b - 128) / 4) }
        let marked = pasted(
            card(mine.width, mine.height / 4, 0), on: mine, x: 0, y: mine.height * 3 / 4)
        for (kind, edit) in [("small", small), ("pale", pale), ("captioned", marked)] {
            let mayMatch = mayMatch(mine, edit)
            #expect(mayMatch, "\(name), \(kind)")
        }
    }

    @Test(arguments: photos) func greyIsNamed(name: String) throws {
        let picture = try picture(name)
        let grey = levels(picture) { r, g, b in
            let luma = (299 * r + 587 * g + 114 * b) / 1000
            return (luma, luma, luma)
        }
        let found = try #require(verdict(picture, grey))
        #expect(!found.isSlight && found.evidence == "grey", "\(found.evidence)")
    }

    /// A nearly grey picture that lost a little of its colour is no grey edit of itself.
    /// Colours turned by a third of the circle: brightness changes with them, and still the turn is seen.
    @Test(arguments: photos.prefix(2)) func turnedColoursAreFound(name: String) throws {
        let picture = try picture(name)
        let turns = [levels(picture) { ($1, $2, $0) }, levels(picture) { ($2, $0, $1) }]
        for turned in turns + turns.map({ levels($0) { ($0 * 3 / 5, $1 * 3 / 5, $2 * 3 / 5) } }) {
            let (a, b) = (PicturePlanes(picture), PicturePlanes(turned))
            let whole = PlaneMap(a: a.width / b.width, b: 0, c: 0, d: 0, e: a.height / b.height, f: 0)
            let comparison = try #require(a.comparison(with: b, map: whole))
            let (colour, turnedColour) = (
                try #require(comparison.colour), try #require(comparison.turnedColour)
            )
            #expect(colour < 0.5 && turnedColour >= 0.97, "\(colour), \(turnedColour)")
            #expect(verdict(picture, turned)?.evidence.contains("recoloured") == true)
        }
        // Grain hides detail, not the turn.
        var random = SeededRandom(seed: 3)
        let grainy = levels(turns[0]) { r, g, b in
            let grain = Int(25 * random.normal())
            return (r + grain, g + grain, b + grain)
        }
        #expect(verdict(picture, grainy)?.evidence.contains("recoloured") == true)
        // Warm colours turned one way and cold ones the other is no turn of them all.
        let mixed = levels(picture) { $0 > $2 ? ($1, $2, $0) : ($2, $0, $1) }
        let (a, b) = (PicturePlanes(picture), PicturePlanes(mixed))
        let whole = PlaneMap(a: a.width / b.width, b: 0, c: 0, d: 0, e: a.height / b.height, f: 0)
        #expect(a.comparison(with: b, map: whole)?.turnedColour ?? 0 < 0.97)
    }

    @Test(arguments: photos) func palePicturesAreNotCalledGrey(name: String) throws {
        let picture = try picture(name)
        for share in 1...12 {
            func pale(_ value: Int, _ luma: Int) -> Int { luma + (value - luma) * share / 48 }
            let paled = levels(picture) { r, g, b in
                let luma = (299 * r + 587 * g + 114 * b) / 1000
                return (pale(r, luma), pale(g, luma), pale(b, luma))
            }
            let flatter = levels(paled) { ($0 * 3 / 4 + 32, $1 * 3 / 4 + 32, $2 * 3 / 4 + 32) }
            #expect(verdict(paled, flatter)?.isSlight == true, "\(share) of 48")
        }
    }

    /// What is left of a picture at 60 pixels says little to corners, and enough to the pixels.
    @Test(arguments: photos) func tinyCopiesAreSlight(name: String) throws {
        let picture = try picture(name)
        let tiny = picture.resized(width: 60, height: 60 * picture.height / picture.width, filter: .bicubic)
        #expect(try #require(verdict(picture, tiny)).isSlight)
    }

    /// Fewer blocks are compared of a picture with fewer pixels, and a narrow one keeps three across.
    @Test func samplesFollowTheSmallerPicture() throws {
        func blocks(_ picture: PixelBuffer, at width: Int) throws -> Int {
            let small = picture.resized(
                width: width, height: width * picture.height / picture.width, filter: .bicubic)
            let (planes, others) = (PicturePlanes(picture), PicturePlanes(small))
            let found = try #require(
                planes.comparison(
                    with: others,
                    map: PlaneMap(
                        a: planes.width / others.width, b: 0, c: 0, d: 0, e: planes.height / others.height,
                        f: 0)))
            return found.blocks + found.oneSided + found.flat
        }
        let picture = try picture("castle.jpg")
        #expect(try blocks(picture, at: 540) == 14 * 9)
        #expect(try blocks(picture, at: 60) == 9 * 6)
        #expect(try blocks(picture.cropped(x: 0, y: 0, width: 540, height: 150), at: 60) >= 3 * 8)
    }

    /// A map that corners tell roughly gives way to the whole picture on the whole picture.
    @Test(arguments: photos) func wholePicturesLieExactlyWhole(name: String) throws {
        let picture = try picture(name), planes = PicturePlanes(picture)
        let tilt = 0.035
        let rough = PlaneMap(
            a: cos(tilt), b: -sin(tilt), c: 0.01, d: sin(tilt), e: cos(tilt), f: -0.01)
        let found = try #require(
            planes.verdict(on: planes, laid: FeatureAlignment(map: rough, isMirrored: false, support: 12)))
        #expect(found.isSlight && found.evidence.isEmpty && found.agreement > 0.99, "\(found)")
    }

    @Test(arguments: photos) func framedAndScreenshotAreFound(name: String) throws {
        let picture = try picture(name)
        let (w, h) = (picture.width, picture.height)
        #expect(
            verdict(picture, pasted(picture, on: card(w + w / 4, h + w / 4, 255), x: w / 8, y: w / 8)) != nil)
        let shown = picture.resized(width: w * 3 / 4, height: h * 3 / 4, filter: .bicubic)
        let screen = pasted(shown, on: card(w * 3 / 4, h * 2, 20), x: 0, y: h / 3)
        let found = try #require(verdict(picture, screen))
        // Where the night ends on a dark page, no edge tells.
        let words = name == "night-city.jpg" ? "% crop" : "framed (fills"
        #expect(!found.isSlight && found.evidence.contains(words), "\(found.evidence)")
    }

    @Test(arguments: photos) func captionedIsFound(name: String) throws {
        let picture = try picture(name)
        var random = SeededRandom(seed: 5)
        let bar = PixelBuffer(
            width: picture.width, height: picture.height / 6,
            pixels: (0..<3 * picture.width * (picture.height / 6)).map { _ in
                UInt8.random(in: 0...1, using: &random) * 255
            })
        let captioned = pasted(bar, on: picture, x: 0, y: picture.height * 4 / 5)
        #expect(verdict(picture, captioned) != nil)
    }

    @Test func tileOfACollageIsFound() throws {
        let pictures = try Self.photos.map { try picture($0) }
        let (w, h) = (pictures[0].width / 2 + pictures[0].width % 2, pictures[0].height / 2)
        var sheet = card(2 * w + 12, 2 * h + 12, 255)
        for (index, picture) in pictures.enumerated() {
            sheet = pasted(
                picture.resized(width: w, height: h, filter: .bicubic), on: sheet, x: 4 + index % 2 * (w + 4),
                y: 4 + index / 2 * (h + 4))
        }
        for (index, picture) in pictures.enumerated() {
            #expect(verdict(picture, sheet) != nil, "\(Self.photos[index])")
        }
    }

    /// Tiles that are cut to shape stick out into neighbours, whose colours say nothing about the tile.
    // The boat on its plain sea has too little detail for a tile.
    @Test(arguments: photos.dropLast()) func tileAmongOtherColoursIsFound(name: String) throws {
        let scene = try picture(name)
        let side = scene.height
        let tile = scene.cropped(x: (scene.width - side) / 2, y: 0, width: side, height: side)
        let inverted = levels(try picture("red-tulips.jpg")) { (255 - $0, 255 - $1, $2) }
            .resized(width: side, height: side, filter: .bicubic)
        var sheet = card(2 * side + 12, 2 * side + 12, 255)
        for (index, shown) in [inverted, tile, inverted, inverted].enumerated() {
            sheet = pasted(shown, on: sheet, x: 4 + index % 2 * (side + 4), y: 4 + index / 2 * (side + 4))
        }
        let found = try #require(verdict(scene, sheet))
        #expect(!found.isSlight && !found.evidence.contains("recoloured"), "\(found.evidence)")
    }

    /// A tile has corners of its own also where the three others have stronger ones: a pale picture beside gaudy ones.
    @Test(arguments: photos.prefix(2)) func paleTileAmongGaudyOnesHasCorners(name: String) throws {
        let scene = try picture(name)
        let pale = levels(scene) { ($0 / 6 + 100, $1 / 6 + 100, $2 / 6 + 100) }
        var random = SeededRandom(seed: 11)
        let gaudy = PixelBuffer(
            width: 240, height: 240,
            pixels: (0..<3 * 240 * 240).map { _ in UInt8.random(in: 0...255, using: &random) })
        var sheet = card(480, 480, 255)
        for (index, shown) in [gaudy, pale.resized(width: 240, height: 240, filter: .bicubic), gaudy, gaudy]
            .enumerated()
        {
            sheet = pasted(shown, on: sheet, x: index % 2 * 240, y: index / 2 * 240)
        }
        let points = LocalFeatures(sheet).points
        let inTile = points.count { $0.x > 0.5 && $0.y < 0.5 }
        #expect(inTile * 6 > points.count, "\(inTile) of \(points.count)")
    }

    /// Large pictures have corners at scales that small ones have not.
    @Test func onlyLargePicturesHaveFineCorners() throws {
        let large = try picture("castle.jpg")
        #expect(large.width > 508)
        let small = large.resized(width: 200, height: 200 * large.height / large.width, filter: .bicubic)
        func finest(_ picture: PixelBuffer) throws -> Int {
            Int(1 / (try #require(LocalFeatures(picture).points.map(\.size).min())) + 0.5)
        }
        #expect(try finest(large) == 508 && finest(small) == 320)
        #expect(LocalFeatures(small).points.count <= 360 && LocalFeatures(large).points.count > 360)
    }

    /// At a twentieth of its sides a picture agrees with itself in most blocks; the hash has to say the same.
    @Test func verySmallCopiesNeedTheirHashes() throws {
        let scene = try picture("bookshelf.jpg"), planes = PicturePlanes(scene)
        var random = SeededRandom(seed: 13)
        // Noise that leaves some seven blocks in ten.
        let spoilt = levels(scene.resized(width: 64, height: 48, filter: .box)) { r, g, b in
            let grain = Int(28 * random.normal())
            return (r + grain, g + grain, b + grain)
        }
        let other = PicturePlanes(spoilt)
        #expect(planes.verdict(on: other, shownAs: .up, hashDistance: 31, isHashReliable: false) == nil)
        #expect(planes.verdict(on: other, shownAs: .up, hashDistance: 31, isHashReliable: true) != nil)
        let stranger = PicturePlanes(try picture("castle.jpg"))
        #expect(planes.verdict(on: stranger, shownAs: .up, hashDistance: 31, isHashReliable: true) == nil)
    }

    /// The worst quality and the smallest sizes leave coarse forms: frame on frame they are enough when the hashes match, and
    /// of a picture that fills its frame also when the hashes are not far from it.
    @Test(
        arguments: [
            (name: "castle.jpg", quality: 3, shrunk: 1, farthest: 56),
            (name: "guitar.jpg", quality: 3, shrunk: 1, farthest: 56),
            (name: "castle.jpg", quality: 30, shrunk: 20, farthest: 56),
            (name: "black-cat.jpg", quality: 3, shrunk: 1, farthest: 31),
            (name: "red-apple.jpg", quality: 30, shrunk: 20, farthest: 31),
        ])
    func coarseFormsNeedTheirHashes(name: String, quality: Int, shrunk: Int, farthest: Int) throws {
        let scene = levels(try picture(name)) { r, g, b in
            let grey = (r + g + b) / 3
            return (grey, grey, grey)
        }
        let small = scene.resized(width: scene.width / shrunk, height: scene.height / shrunk, filter: .box)
        func decoded(_ picture: PixelBuffer) throws -> PicturePlanes {
            try picture.jpeg(quality: quality).withUnsafeBytes {
                PicturePlanes(try ImageDecoder.decode($0, limits: DecodeLimits()).pixels)
            }
        }
        let planes = PicturePlanes(scene), coarse = try decoded(small)
        func isFound(_ hashDistance: Int, isReliable: Bool = true) -> Bool {
            planes.verdict(
                on: coarse, shownAs: .up, hashDistance: hashDistance, isHashReliable: isReliable) != nil
        }
        #expect(isFound(0) && isFound(farthest))
        #expect(!isFound(farthest + 1) && !isFound(0, isReliable: false))
        let stranger = PicturePlanes(try picture("bookshelf.jpg"))
        #expect(stranger.verdict(on: coarse, shownAs: .up, hashDistance: 0, isHashReliable: true) == nil)
    }

    /// Colours of the worst quality are coarse, too; those of a recoloured picture are others.
    @Test func coarseColoursHaveToBeLike() throws {
        let scene = try picture("guitar.jpg"), planes = PicturePlanes(scene)
        func isFound(_ other: PixelBuffer, shownAs orientation: Orientation = .up) throws -> Bool {
            let coarse = try other.jpeg(quality: 3).withUnsafeBytes {
                PicturePlanes(try ImageDecoder.decode($0, limits: DecodeLimits()).pixels)
            }
            return planes.verdict(
                on: coarse, shownAs: orientation, hashDistance: 40, isHashReliable: true) != nil
        }
        #expect(try isFound(scene))
        #expect(try !isFound(levels(scene) { ($2, $0, $1) }))
        // What is mirrored as well is left to its corners.
        #expect(try !isFound(scene.oriented(by: .upMirrored), shownAs: .upMirrored))
    }

    /// A very small size takes fine detail away: frame on frame, with corners that say so, four blocks in five are enough,
    /// but not for a mirrored picture, and not when hardly a corner says so.
    @Test func spoiltDetailIsForgivenFrameOnFrame() throws {
        let scene = try picture("bookshelf.jpg"), planes = PicturePlanes(scene)
        var random = SeededRandom(seed: 17)
        let small = scene.resized(width: scene.width / 9, height: scene.height / 9, filter: .box)
        let spoilt = levels(small) { r, g, b in
            let grain = Int(32 * random.normal())
            return (r + grain, g + grain, b + grain)
        }
        func found(_ other: PixelBuffer, isMirrored: Bool, support: Int) -> CopyVerdict? {
            let width = Double(scene.width) / Double(max(scene.width, scene.height))
            let map = PlaneMap(a: isMirrored ? -1 : 1, b: 0, c: isMirrored ? width : 0, d: 0, e: 1, f: 0)
            return planes.verdict(
                on: PicturePlanes(other),
                laid: FeatureAlignment(map: map, isMirrored: isMirrored, support: support))
        }
        let verdict = try #require(found(spoilt, isMirrored: false, support: 30))
        #expect(verdict.agreement < 0.93, "\(verdict.agreement)")
        #expect(found(spoilt, isMirrored: false, support: 15) == nil)
        #expect(found(spoilt.oriented(by: .upMirrored), isMirrored: true, support: 30) == nil)
    }

    @Test func otherPicturesAreNot() throws {
        let names = [
            "castle.jpg", "bookshelf.jpg", "night-city.jpg", "sailing-boat.jpg", "red-car.jpg",
            "black-cat.jpg",
            "letter-page.jpg", "newspaper-page.jpg", "handwritten-note.jpg", "blue-gradient.jpg",
            "sunset-beach.jpg",
            "desert-dunes.jpg", "chessboard.jpg", "bar-chart.jpg", "color-noise.jpg", "red-apple.jpg",
        ]
        let pictures = try names.map { try picture($0) }
        for i in pictures.indices {
            for j in 0..<i {
                let found = verdict(pictures[i], pictures[j])
                #expect(found == nil, "\(names[i]) and \(names[j]): \(found.map { "\($0)" } ?? "")")
            }
        }
    }

    /// Another colour and another place of one thing, two products on white, two gradients.
    @Test func likeThingsAreNot() throws {
        #expect(verdict(try picture("red-car.jpg"), try picture("blue-car.jpg")) == nil)
        func product(_ x: Int, _ width: Int, _ grey: UInt8) -> PixelBuffer {
            pasted(card(width, 60, grey), on: card(240, 180, 250), x: x, y: 70)
        }
        #expect(verdict(product(60, 110, 40), product(70, 100, 80)) == nil)
        func sky(_ from: Int, _ to: Int) -> PixelBuffer {
            var out = card(240, 180, 0)
            for row in 0..<180 {
                let level = UInt8(from + (to - from) * row / 180)
                for place in 720 * row..<720 * (row + 1) { out.pixels[place] = level }
            }
            return out
        }
        #expect(verdict(sky(40, 220), sky(50, 230)) == nil)
    }

    /// Two small pictures of things with one outline on white, as shops have them: what is inside tells them apart.
    @Test func smallLikeThingsOnWhiteAreNot() throws {
        // Bars of one outline on white, each of them woven in its own way.
        func product(seed: UInt64) -> PixelBuffer {
            var random = SeededRandom(seed: seed)
            return (0..<8).reduce(card(112, 112, 250)) { shop, bar in
                (0..<18 + bar % 3).reduce(shop) { shop, row in
                    pasted(
                        card(7, 3, UInt8.random(in: 30...120, using: &random)), on: shop, x: 6 + 13 * bar,
                        y: 20 + 5 * (bar % 4) + 3 * row)
                }
            }
        }
        let first = product(seed: 1), planes = PicturePlanes(first)
        func found(_ other: PixelBuffer, support: Int) -> [CopyVerdict?] {
            let other = PicturePlanes(other), map = PlaneMap(a: 1, b: 0, c: 0, d: 0, e: 1, f: 0)
            let alignment = FeatureAlignment(map: map, isMirrored: false, support: support)
            return [
                planes.verdict(on: other, laid: alignment),
                planes.verdict(on: other, shownAs: .up, hashDistance: 20, isHashReliable: true),
            ]
        }
        #expect(found(product(seed: 2), support: 70).allSatisfy { $0 == nil })
        let copy = try first.jpeg(quality: 50).withUnsafeBytes { try ImageDecoder.decode($0).pixels }
        #expect(found(copy, support: 70).allSatisfy { $0 != nil })
    }

    /// A second photograph from the same place a moment later: what moved, moved; the camera was held by hand.
    @Test func anotherMomentOfAPlaceIsNot() throws {
        let scene = try picture("castle.jpg")
        let people = try [
            "brown-dog.jpg", "red-tulips.jpg", "snowman.jpg", "bicycle.jpg", "sunflower.jpg", "guitar.jpg",
        ]
        .map { try picture($0).resized(width: scene.width / 3, height: scene.height / 2, filter: .bicubic) }
        func moment(_ who: ArraySlice<PixelBuffer>, shift: Int) -> PixelBuffer {
            var out = scene
            for (index, person) in who.enumerated() {
                out = pasted(person, on: out, x: index * scene.width / 3, y: scene.height / 2)
            }
            return out.cropped(
                x: shift, y: shift / 2, width: scene.width - scene.width / 6,
                height: scene.height - scene.height / 8)
        }
        #expect(
            verdict(moment(people[0..<3], shift: 0), moment(people[3..<6], shift: scene.width / 8)) == nil)
    }
}
