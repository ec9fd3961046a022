import Imaging
import TestSupport

/// A suite that makes edits of the gallery's pictures and asks what they are of each other.
protocol EditsPictures {}

extension EditsPictures {
    func picture(_ name: String) throws -> PixelBuffer {
        try Picture("gallery/\(name)").decoded().pixels
    }

    /// Compares as a search for edits does: by corners, else whole on whole in each orientation.
    func verdict(_ a: PixelBuffer, _ b: PixelBuffer) -> CopyVerdict? {
        let (first, second) = (PicturePlanes(a), PicturePlanes(b))
        let (here, there) = (PictureSketch(a), PictureSketch(b))
        for alignment in here.alignments(of: there) where here.mayMatch(there, laid: alignment) {
            if let verdict = first.verdict(on: second, laid: alignment) { return verdict }
        }
        return Orientation.allCases.lazy.compactMap {
            let distance = here.hashes[0].distance(to: there.hashes[Int($0.rawValue) - 1])
            return first.verdict(on: second, shownAs: $0, hashDistance: distance, isHashReliable: true)
        }.first
    }

    /// Changes a picture's levels, pixel by pixel.
    func levels(_ picture: PixelBuffer, _ change: (Int, Int, Int) -> (Int, Int, Int)) -> PixelBuffer {
        var out = picture
        for place in stride(from: 0, to: out.pixels.count, by: 3) {
            let (r, g, b) = change(
                Int(out.pixels[place]), Int(out.pixels[place + 1]), Int(out.pixels[place + 2]))
            out.pixels[place] = UInt8(clamping: r)
            out.pixels[place + 1] = UInt8(clamping: g)
            out.pixels[place + 2] = UInt8(clamping: b)
        }
        return out
    }

    /// Puts a picture onto another with its top left at (x, y).
    func pasted(_ top: PixelBuffer, on below: PixelBuffer, x: Int, y: Int) -> PixelBuffer {
        var out = below
        for row in 0..<top.height where y + row >= 0 && y + row < below.height {
            for column in 0..<top.width where x + column >= 0 && x + column < below.width {
                let (to, from) = (3 * ((y + row) * below.width + x + column), 3 * (row * top.width + column))
                for channel in 0..<3 { out.pixels[to + channel] = top.pixels[from + channel] }
            }
        }
        return out
    }

    func card(_ width: Int, _ height: Int, _ grey: UInt8) -> PixelBuffer {
        PixelBuffer(width: width, height: height, red: grey, green: grey, blue: grey)
    }

    /// Samples a picture along a map from the result's pixels to its own; black outside.
    func warped(_ picture: PixelBuffer, _ map: (Double, Double) -> (Double, Double)) -> PixelBuffer {
        var out = card(picture.width, picture.height, 0)
        for row in 0..<picture.height {
            for column in 0..<picture.width {
                let (x, y) = map(Double(column), Double(row))
                let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
                guard left >= 0, top >= 0, left + 1 < picture.width, top + 1 < picture.height else {
                    continue
                }
                let (fx, fy) = (x - Double(left), y - Double(top))
                for channel in 0..<3 {
                    func level(_ dx: Int, _ dy: Int) -> Double {
                        Double(picture.pixels[3 * ((top + dy) * picture.width + left + dx) + channel])
                    }
                    let value =
                        (level(0, 0) * (1 - fx) + level(1, 0) * fx) * (1 - fy)
                        + (level(0, 1) * (1 - fx) + level(1, 1) * fx) * fy
                    out.pixels[3 * (row * picture.width + column) + channel] = UInt8(value.rounded())
                }
            }
        }
        return out
    }
}
