import Imaging
import TestSupport
import Testing

/// A picture with something laid over a part of it, and pictures that differ as a whole.
@Suite struct MarkingTests: EditsPictures {
    private static let photos = [
        "castle.jpg", "bookshelf.jpg", "night-city.jpg", "red-tulips.jpg", "orange-cat.jpg", "lighthouse.jpg",
    ]

    /// Strokes as of letters, so much of each being of a level.
    private func written(on picture: PixelBuffer, level: Int, opacity: Double, top: Double) -> PixelBuffer {
        var out = picture
        let (w, h) = (picture.width, picture.height), size = h / 8, stroke = max(2, h / 60)
        for letter in 0..<9 {
            let left = w / 12 + letter * size, first = Int(Double(h) * top)
            for y in first..<min(h, first + size) {
                for x in left..<min(w, left + size * 3 / 4) {
                    let (dx, dy) = (x - left, y - first)
                    let isInk =
                        dx < stroke || dy < stroke
                        || letter % 2 == 0 && abs(dx - dy * 3 / 4) < stroke
                        || letter % 3 == 0 && dy > size - stroke
                    guard isInk else { continue }
                    for place in 3 * (y * w + x)..<3 * (y * w + x) + 3 {
                        let value = Double(out.pixels[place]) * (1 - opacity) + Double(level) * opacity
                        out.pixels[place] = UInt8(value.rounded())
                    }
                }
            }
        }
        return out
    }

    private func marked(_ picture: PixelBuffer) -> [(String, PixelBuffer)] {
        let (w, h) = (picture.width, picture.height)
        let bar = pasted(card(w, h / 8, 20), on: picture, x: 0, y: h - h / 8)
        return [
            ("watermark", written(on: picture, level: 255, opacity: 0.43, top: 0.4)),
            ("words", written(on: picture, level: 250, opacity: 1, top: 0.75)),
            ("dark words", written(on: picture, level: 10, opacity: 1, top: 0.1)),
            ("bar", written(on: bar, level: 240, opacity: 1, top: 0.89)),
        ]
    }

    private func reencoded(_ picture: PixelBuffer) throws -> PixelBuffer {
        try picture.jpeg(quality: 80).withUnsafeBytes { try ImageDecoder.decode($0).pixels }
    }

    @Test(arguments: photos) func wordsMarksAndBarsAreSeen(name: String) throws {
        let picture = try picture(name)
        var told = 0, found = 0
        for (kind, other) in marked(picture) {
            let shown = try reencoded(other)
            for (a, b, isFirst) in [(picture, shown, false), (shown, picture, true)] {
                // Large words leave too little of a picture of a few shapes to call it the same one.
                guard let verdict = verdict(a, b) else { continue }
                found += 1
                #expect(verdict.marking?.isFirst ?? isFirst == isFirst, "\(kind) of \(name): the wrong one")
                if verdict.marking != nil { told += 1 }
            }
        }
        // Among lit windows edges and few brightnesses are nothing special.
        #expect(
            found >= 2 && (name == "night-city.jpg" ? 4 : 1) * told >= found * 3 / 4,
            "\(name): \(told) of \(found)")
    }

    /// A photograph is not set back for a copy of it.
    @Test(arguments: photos) func changesOfTheWholeAreNoMarks(name: String) throws {
        let picture = try picture(name), (w, h) = (picture.width, picture.height)
        let small = picture.resized(width: w / 4, height: h / 4, filter: .lanczos)
        let changed = [
            ("coded", try reencoded(picture)), ("small", small),
            ("blurred", small.resized(width: w, height: h, filter: .bicubic)),
            ("brighter", levels(picture) { ($0 * 13 / 10, $1 * 13 / 10, $2 * 13 / 10) }),
            ("darker", levels(picture) { ($0 * 7 / 10, $1 * 7 / 10, $2 * 7 / 10) }),
            (
                "contrast",
                levels(picture) { (($0 - 128) * 2 + 128, ($1 - 128) * 2 + 128, ($2 - 128) * 2 + 128) }
            ),
            (
                "grey",
                levels(picture) {
                    let y = ($0 * 3 + $1 * 6 + $2) / 10; return (y, y, y)
                }
            ),
        ]
        for (kind, other) in changed {
            for (a, b) in [(picture, other), (other, picture)] {
                #expect(verdict(a, b)?.marking == nil, "\(kind) of \(name)")
            }
        }
    }

    /// The share that differs is what was drawn.
    @Test func saysHowMuchIsCovered() throws {
        let picture = try picture("castle.jpg"), (w, h) = (picture.width, picture.height)
        let barred = pasted(card(w / 2, h / 5, 250), on: picture, x: w / 4, y: h / 2)
        let marking = try #require(verdict(picture, barred)?.marking)
        #expect(!marking.isFirst && abs(marking.covered - 0.1) < 0.03, "\(marking)")
        #expect(verdict(picture, barred)?.evidence.contains("marked (covers") == true)
    }
}
