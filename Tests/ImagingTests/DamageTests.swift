import Imaging
import TestSupport
import Testing

/// What each file of Fixtures/images/damaged leads to.
@Suite struct DamageTests {
    enum Outcome: Equatable {
        case good, madeUp, empty, unknown, truncated, corrupt, unsupported, tooLarge, corruptOrTruncated
    }

    // Random bits without markers are valid Huffman codes of some picture.
    static let outcomes: [String: Outcome] = [
        "truncated.jpg": .madeUp, "truncated-progressive.jpg": .madeUp,
        "truncated-before-pixels.jpg": .truncated,
        "truncated-in-header.jpg": .truncated, "truncated.png": .madeUp,
        "truncated-interlaced.png": .truncated,
        "truncated-in-header.png": .truncated, "truncated.gif": .madeUp, "truncated.webp": .truncated,
        "truncated-animated.webp": .corruptOrTruncated, "truncated.tiff": .truncated,
        "truncated.bmp": .madeUp,
        "truncated-rle.bmp": .madeUp, "truncated.ppm": .madeUp, "truncated-plain.ppm": .madeUp,
        "truncated.heic": .truncated, "truncated.avif": .truncated,
        "empty.jpg": .empty, "one-byte.jpg": .unknown, "text.jpg": .unknown, "png-named.jpg": .good,
        "jpeg-named.png": .good, "one-by-one.png": .good, "one-by-one.jpg": .good, "wide-30000x1.png": .good,
        "tall-1x30000.jpg": .good,
        "bomb.png": .tooLarge, "bomb.jpg": .tooLarge, "bomb.gif": .tooLarge, "bomb-frame.gif": .tooLarge,
        "bomb.bmp": .tooLarge, "bomb.ppm": .tooLarge, "bomb.tiff": .tooLarge,
        "side-too-long.ppm": .unsupported,
        "no-pixels.png": .corrupt, "no-pixels.ppm": .corrupt, "bad-crc-header.png": .corrupt,
        "bad-crc-pixels.png": .corrupt, "bad-deflate.png": .corrupt,
        "unknown-critical-chunk.png": .unsupported,
        "random-pixels.jpg": .good, "random-after-head.jpg": .corruptOrTruncated,
        "random-after-head.png": .corruptOrTruncated, "random-after-head.webp": .corruptOrTruncated,
        "random-after-head.gif": .corruptOrTruncated, "random-after-head.tiff": .corruptOrTruncated,
        "random-after-head.heic": .corruptOrTruncated, "many-scans.jpg": .corrupt, "12-bit.jpg": .unsupported,
        "two-components.jpg": .unsupported, "no-frame.gif": .corrupt, "float.tiff": .unsupported,
        "bad-compression.bmp": .unsupported, "bad-number.ppm": .corrupt, "bad-sample.ppm": .corrupt,
        "exif-offset-outside.jpg": .good, "exif-loop.jpg": .good, "exif-orientation-9.jpg": .good,
        "exif-cut.jpg": .good, "exif-no-date.jpg": .good,
    ]

    @Test func everyDamagedFileLeadsToWhatIsWrittenDown() throws {
        #expect(try Set(Picture.names(in: "damaged")) == Set(Self.outcomes.keys))
        for (name, expected) in Self.outcomes.sorted(by: { $0.key < $1.key }) {
            let picture = try Picture("damaged/\(name)")
            do throws(ImagingError) {
                let decoded = try picture.decoded()
                #expect(decoded.info.isTruncated == (expected == .madeUp), "\(name)")
                #expect(expected == .good || expected == .madeUp, "\(name) was decoded")
            } catch {
                let outcome: Outcome =
                    switch error {
                    case .empty: .empty
                    case .unknownFormat: .unknown
                    case .truncated: .truncated
                    case .corrupt: .corrupt
                    case .unsupported: .unsupported
                    case .tooLarge: .tooLarge
                    case .outOfMemory, .libraryMissing: .good
                    }
                let isOneOfTwo =
                    expected == .corruptOrTruncated && (outcome == .corrupt || outcome == .truncated)
                #expect(outcome == expected || isOneOfTwo, "\(name): \(error)")
                #expect(
                    !error.description.contains("\n") && error.description.utf8.count < 400,
                    "\(name): \(error)")
            }
        }
    }

    /// The library goes on behind the end with a marker of its own, and then complains of what that led to.
    @Test func jpegsThatEndInTheirHeaderSaySo() throws {
        let bytes = try Picture("gallery/red-car.jpg").bytes
        for count in 24..<400 {
            let error = #expect(throws: ImagingError.self) {
                try Picture(bytes: Array(bytes.prefix(count))).decoded()
            }
            guard case .truncated(_, let detail) = error else {
                Issue.record("\(count): \(String(describing: error))")
                continue
            }
            #expect(detail.hasPrefix("the data ends"), "\(count): \(detail)")
        }
    }

    @Test func whatIsMissingOfATruncatedPictureIsWhite() throws {
        for name in ["truncated.png", "truncated.gif", "truncated.ppm", "truncated-plain.ppm"] {
            let pixels = try Picture("damaged/\(name)").decoded().pixels
            #expect(
                pixels.pixels.suffix(3 * pixels.width) == ArraySlice(repeating: 255, count: 3 * pixels.width),
                "\(name)")
            #expect(pixels.pixels.prefix(3 * pixels.width).contains { $0 != 255 }, "\(name)")
        }
        // A bitmap's rows run upwards.
        let bitmap = try Picture("damaged/truncated.bmp").decoded().pixels
        #expect(bitmap.pixels.prefix(3 * bitmap.width).allSatisfy { $0 == 255 })
    }

    @Test func badExifLeavesThePictureAsItIs() throws {
        #expect(try Picture("damaged/exif-offset-outside.jpg").decoded().info.orientation == .right)
        #expect(try Picture("damaged/exif-loop.jpg").decoded().info.orientation == .right)
        for name in ["exif-orientation-9.jpg", "exif-cut.jpg", "exif-no-date.jpg"] {
            let info = try Picture("damaged/\(name)").decoded().info
            #expect(info.orientation == .up && info.captureTime == nil, "\(name)")
        }
    }

    @Test func limitsAreTheCallers() throws {
        let picture = try Picture("formats/rgb.png")  // 45 x 31 = 1395 pixels
        #expect(throws: ImagingError.tooLarge(.png, width: 45, height: 31, maxMegapixels: 0.001394)) {
            try picture.decoded(limits: DecodeLimits(maxMegapixels: 0.001394))
        }
        _ = try picture.decoded(limits: DecodeLimits(maxMegapixels: 0.001395))
        for limit in [0, -1, Double.nan] {
            #expect(throws: ImagingError.self) {
                try picture.decoded(limits: DecodeLimits(maxMegapixels: limit))
            }
        }
        _ = try picture.decoded(limits: DecodeLimits(maxMegapixels: .infinity))
    }

    @Test func workingMemoryIsLimited() throws {
        let small = DecodeLimits(maxWorkingBytes: 1000)
        for name in [
            "formats/rgba-interlaced.png", "formats/alpha.webp", "formats/animated.webp", "formats/lzw.tiff",
            "formats/plain.heic", "gallery/sunset-beach.jpg",
        ] {
            let picture = try Picture(name)
            do throws(ImagingError) {
                _ = try picture.decoded(limits: small)
                #expect(name.hasSuffix("beach.jpg"), "\(name) was decoded")  // baseline: rows only
            } catch {
                guard case .outOfMemory = error else {
                    Issue.record("\(name): \(error)")
                    continue
                }
            }
        }
        let progressive = try Picture("gallery/red-car-quality-40.jpg")
        #expect(throws: ImagingError.self) { try progressive.decoded(limits: small) }
    }
}
