import Imaging
import TestSupport
import Testing

/// A picture with something plain around it, and a picture of which a part was cut.
@Suite struct FramingTests: EditsPictures {
    private static let photos = [
        "castle.jpg", "bookshelf.jpg", "night-city.jpg", "red-tulips.jpg", "guitar.jpg",
    ]

    /// Bars with letters, as far as brightness goes.
    private func bar(_ width: Int, _ height: Int) -> PixelBuffer {
        var out = card(width, height, 250)
        for x in stride(from: width / 8, to: width * 7 / 8, by: 12) {
            out = pasted(card(4, height / 3, 10), on: out, x: x, y: height / 3)
        }
        return out
    }

    private func framed(_ picture: PixelBuffer) -> [(String, PixelBuffer, filled: Double)] {
        let (w, h) = (picture.width, picture.height), edge = w / 8
        let black = PixelBuffer(width: w + 2 * edge, height: h + 2 * edge, red: 0, green: 0, blue: 0)
        let coloured = PixelBuffer(width: w + edge, height: h + edge, red: 200, green: 240, blue: 80)
        let captioned = pasted(
            bar(w, h / 5), on: pasted(picture, on: card(w, h + h / 5, 0), x: 0, y: h / 5), x: 0, y: 0)
        var page = pasted(bar(w + 4 * edge, h / 6), on: card(w + 4 * edge, h * 3 / 2, 245), x: 0, y: 0)
        page = pasted(picture, on: page, x: edge, y: h / 4)
        func share(_ all: PixelBuffer) -> Double { Double(w * h) / Double(all.width * all.height) }
        return [
            ("border", pasted(picture, on: black, x: edge, y: edge), share(black)),
            ("aside", pasted(picture, on: coloured, x: edge, y: 0), share(coloured)),
            ("caption", captioned, share(captioned)), ("page", page, share(page)),
        ]
    }

    @Test(arguments: photos) func bordersCaptionsAndPagesAreFrames(name: String) throws {
        let picture = try picture(name)
        for (kind, other, filled) in framed(picture) {
            let here = try #require(verdict(picture, other)?.framing, "\(kind)")
            let there = try #require(verdict(other, picture)?.framing, "\(kind)")
            #expect(!here.isFirst && abs(here.filled - filled) < 0.04, "\(kind): \(here), not \(filled)")
            #expect(there.isFirst && abs(there.filled - filled) < 0.04, "\(kind): \(there), not \(filled)")
        }
    }

    /// A photograph is not set back for a part of it, wherever it is cut.
    @Test(arguments: photos) func whatGoesOnAroundAPartIsNoFrame(name: String) throws {
        let picture = try picture(name)
        for share in [60, 75, 90] {
            for (x, y) in [(0, 0), (100, 0), (50, 50), (0, 100), (100, 100)] {
                let (w, h) = (picture.width * share / 100, picture.height * share / 100)
                let part = picture.cropped(
                    x: (picture.width - w) * x / 100, y: (picture.height - h) * y / 100, width: w, height: h)
                for (a, b) in [(picture, part), (part, picture)] {
                    #expect(verdict(a, b)?.framing == nil, "\(share) % at \(x), \(y)")
                }
            }
        }
    }

    /// A thing on white, of which most of the white was cut away.
    @Test(arguments: photos) func plainGroundThatGoesOnIsNoFrame(name: String) throws {
        let thing = try picture(name), (w, h) = (thing.width, thing.height)
        let picture = pasted(thing, on: card(2 * w, 2 * h, 255), x: w / 2, y: h / 2)
        let part = picture.cropped(x: w / 4, y: h / 4, width: w + w / 2, height: h + h / 2)
        #expect(verdict(picture, part) != nil)
        #expect(verdict(picture, part)?.framing == nil)
        // Cut to the thing itself, nothing but white is gone.
        if name != "guitar.jpg" {  // whose own ground is nearly white
            #expect(verdict(picture, thing)?.framing?.isFirst == true)
        }
    }

    @Test func whatIsNotPlainIsNoFrame() throws {
        let picture = try picture("castle.jpg"), (w, h) = (picture.width, picture.height)
        let sunset = try self.picture("sunset-beach.jpg")
        let around = sunset.resized(width: w * 5 / 4, height: h * 5 / 4, filter: .bicubic)
        let shown = pasted(picture, on: around, x: w / 8, y: h / 8)
        #expect(verdict(picture, shown) != nil)
        #expect(verdict(picture, shown)?.framing == nil)
    }
}
