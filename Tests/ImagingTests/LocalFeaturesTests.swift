import CKernels
import Imaging
import TestSupport
import Testing

@Suite struct LocalFeaturesTests {
    private static let names = ["bookshelf", "sailing-boat", "night-city", "newspaper-page"]

    private func picture(_ name: String) throws -> PixelBuffer {
        try Picture("gallery/\(name).jpg").decoded().pixels
    }

    private func distance(_ a: ArraySlice<UInt64>, _ b: ArraySlice<UInt64>) -> Int {
        zip(a, b).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    }

    /// The share of corners that have one at the same place with nearly the same descriptor.
    private func likeness(_ a: LocalFeatures, _ b: LocalFeatures) -> Double {
        let found = a.points.indices.count { i in
            b.points.indices.contains { j in
                abs(a.points[i].x - b.points[j].x) < 0.01 && abs(a.points[i].y - b.points[j].y) < 0.01
                    && distance(a.descriptors[4 * i..<4 * i + 4], b.descriptors[4 * j..<4 * j + 4]) <= 50
            }
        }
        return Double(found) / Double(max(1, a.points.count))
    }

    @Test(arguments: names) func mirroredFeaturesAreThoseOfTheMirroredPicture(name: String) throws {
        let picture = try picture(name)
        let features = LocalFeatures(picture)
        #expect(features.points.count > 100 && features.points.count <= LocalFeatures.limit)
        let mirrored = LocalFeatures(picture.oriented(by: .upMirrored))
        #expect(likeness(features.mirrored, mirrored) > 0.8)
        #expect(likeness(features, mirrored) < 0.3)
        #expect(features.mirrored.mirrored.descriptors == features.descriptors)
    }

    @Test(arguments: names) func turnedPicturesLieWhereTheyWereTurnedTo(name: String) throws {
        let picture = try picture(name)
        let features = LocalFeatures(picture)
        let turned = LocalFeatures(picture.oriented(by: .right))
        let alignment = try #require(features.alignments(of: turned, support: 20).first)
        #expect(!alignment.isMirrored && alignment.support >= 60)
        // Turned clockwise, the top left is where the top right was put: (x, y) comes from (y, height - x).
        for (x, y) in [(0.1, 0.1), (0.6, 0.3), (0.2, 0.7)] {
            let place = alignment.map(x, y)
            #expect(abs(place.x - y) < 0.01 && abs(place.y - (Double(features.height) - x)) < 0.01)
        }
        let mirrored = LocalFeatures(picture.oriented(by: .upMirrored))
        #expect(try #require(features.alignments(of: mirrored, support: 20).first).isMirrored)
    }

    /// A picture beside its mirror image holds it in both ways, and both are told, the likelier first; corners that leave no
    /// doubt are not asked for the other.
    @Test(arguments: names) func bothWaysToLieAreTold(name: String) throws {
        let scene = try picture(name).resized(width: 300, height: 240, filter: .bicubic)
        let image = scene.oriented(by: .upMirrored)
        var pixels: [UInt8] = []
        for row in 0..<scene.height {
            for half in [scene, image] {
                pixels += half.pixels[3 * row * scene.width..<3 * (row + 1) * scene.width]
            }
        }
        let both = LocalFeatures(PixelBuffer(width: 2 * scene.width, height: scene.height, pixels: pixels))
        let few = LocalFeatures(scene).strongest(55)
        let found = few.alignments(of: both, support: 5)
        #expect(Set(found.map(\.isMirrored)) == [false, true], "\(found)")
        #expect(found.map(\.support) == found.map(\.support).sorted(by: >))
        let many = LocalFeatures(scene)
        #expect(many.alignments(of: many, support: 5).map(\.isMirrored) == [false])
    }

    @Test(arguments: names) func cropLiesWhereItWasCut(name: String) throws {
        let picture = try picture(name)
        let (width, height) = (picture.width * 6 / 10, picture.height * 6 / 10)
        let cut = picture.cropped(x: picture.width / 4, y: picture.height / 5, width: width, height: height)
            .resized(width: width * 3 / 4, height: height * 3 / 4, filter: .bicubic)
        let alignment = try #require(
            LocalFeatures(picture).alignments(of: LocalFeatures(cut), support: 12).first)
        let longer = Double(max(picture.width, picture.height))
        let corner = alignment.map(0, 0)
        #expect(abs(corner.x - Double(picture.width / 4) / longer) < 0.01)
        #expect(abs(corner.y - Double(picture.height / 5) / longer) < 0.01)
        let far = alignment.map(Double(cut.width) / Double(max(cut.width, cut.height)), 0)
        #expect(abs(far.x - corner.x - Double(width) / longer) < 0.02)
    }

    /// Numbers that are no multiples of 8, and more than fit into one tile.
    @Test(arguments: [(37, 53), (11, 1), (29, 1037)])
    func nearestDescriptorsAreThoseOfBruteForce(count: Int, otherCount: Int) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let first = (0..<4 * count).map { _ in random.next() }
        var second = (0..<4 * otherCount).map { _ in random.next() }
        for index in second.indices.suffix(40) { second[index] = first[(index + 8) % first.count] }
        var forth = [ck_nearest](repeating: ck_nearest(), count: count)
        var back = [ck_nearest](repeating: ck_nearest(), count: otherCount)
        ck_match_descriptors(first, count, second, otherCount, &forth, &back)
        func expected(_ index: Int, _ mine: [UInt64], _ others: [UInt64]) -> (place: Int, distance: Int) {
            let all = (0..<others.count / 4).map {
                distance(mine[4 * index..<4 * index + 4], others[4 * $0..<4 * $0 + 4])
            }
            let least = all.min() ?? 0
            return (all.firstIndex(of: least) ?? 0, least)
        }
        for (index, nearest) in forth.enumerated() {
            #expect(
                (Int(nearest.place), Int(nearest.distance)) == expected(index, first, second), "seed \(seed)")
        }
        for (index, nearest) in back.enumerated() {
            #expect(
                (Int(nearest.place), Int(nearest.distance)) == expected(index, second, first), "seed \(seed)")
        }
    }

    @Test func picturesOfAnySizeAndFlatnessAreSafe() {
        for (width, height) in [(1, 1), (1, 2000), (2000, 1), (24, 24), (5, 300), (3000, 24)] {
            let flat = PixelBuffer(width: width, height: height, red: 90, green: 120, blue: 30)
            let features = LocalFeatures(flat)
            #expect(features.points.isEmpty, "\(width) x \(height)")
            #expect(features.alignments(of: features, support: 1).isEmpty)
            let planes = PicturePlanes(flat)
            #expect(planes.verdict(on: planes, shownAs: .up, hashDistance: 0, isHashReliable: true) == nil)
        }
        var random = SeededRandom(seed: 7)
        let noise = PixelBuffer(
            width: 300, height: 40,
            pixels: (0..<36_000).map { _ in UInt8.random(in: 0...255, using: &random) })
        #expect(LocalFeatures(noise).points.count <= LocalFeatures.limit)
    }

    @Test func strongestAreSomeOfThem() throws {
        let features = LocalFeatures(try picture("castle"))
        let some = features.strongest(120)
        #expect(some.points.count <= 120 && some.points.count > 96)
        #expect(some.descriptors.count == 4 * some.points.count)
        #expect(some.points.allSatisfy { features.points.contains($0) })
        #expect(Set(some.points.map(\.size)) == Set(features.points.map(\.size)))
        #expect(features.strongest(1000) == features)
    }
}

@Suite struct PictureSketchTests {
    private func sketch() throws -> PictureSketch {
        PictureSketch(try Picture("gallery/lighthouse.jpg").decoded().pixels)
    }

    @Test func comesBackFromItsBytes() throws {
        let sketch = try sketch()
        let stored = sketch.stored
        #expect(stored.features.descriptors == sketch.features.descriptors && stored.hashes == sketch.hashes)
        #expect(stored.glance == sketch.glance)
        for (a, b) in zip(stored.features.points, sketch.features.points) {
            #expect(abs(a.x - b.x) < 1e-4 && abs(a.y - b.y) < 1e-4 && abs(a.size - b.size) < 1e-4)
            #expect(abs((a.angle - b.angle).remainder(dividingBy: 2 * .pi)) < 1e-3)
        }
        #expect(stored.stored == stored)
    }

    @Test func damagedBytesAreRefused() throws {
        let bytes = try sketch().bytes
        func read(_ bytes: [UInt8]) -> PictureSketch? { bytes.withUnsafeBytes { PictureSketch(bytes: $0) } }
        #expect(read(bytes) != nil)
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        for place in Array(0..<40) + (0..<200).map({ _ in Int.random(in: 0..<bytes.count, using: &random) }) {
            var damaged = bytes
            damaged[place] ^= UInt8.random(in: 1...255, using: &random)
            #expect(read(damaged) == nil, "seed \(seed), byte \(place)")
        }
        for count in [0, 1, 23, 24, 279, 280, bytes.count - 1] {
            #expect(read(Array(bytes.prefix(count))) == nil)
        }
        #expect(read(bytes + [0]) == nil)
    }

    @Test(arguments: Orientation.allCases) func hashesTurnWithThePicture(orientation: Orientation) throws {
        let picture = try Picture("gallery/lighthouse.jpg").decoded().pixels
        let turned = PictureSketch(picture.oriented(by: orientation))
        let expected = PictureSketch(picture).hashes[Int(orientation.rawValue) - 1]
        #expect(turned.hashes[0].distance(to: expected) <= 10)
    }
}
