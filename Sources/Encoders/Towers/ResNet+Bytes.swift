import Imaging
import Inference
import Synchronization

/// The scales that a residual network's maps of bytes are expected to have, one for each convolution in the order in which
/// they are computed; found with the first pictures.
///
/// They come of a few drawn pictures, computed with scales of their own, and so are the same for the same weights.
final class ByteExpectations: Sendable {
    private let found = Mutex<[Float]?>(nil)

    /// Side of the drawn pictures: what maps reach hardly depends on it.
    private static let side = 112
    /// Photographs may reach further than drawings.
    private static let room: Float = 1.4

    func scales(of network: ResNet) throws -> [Float] {
        try found.withLock { found in
            if let found { return found }
            let side = Self.side
            let pixels = Preprocessing.imageNet(side: side).numbers(
                of: CheckPictures.all(width: side, height: side))
            let scales = try network.ownScales(pixels).map { Self.expected(from: $0) }
            found = scales
            return scales
        }
    }

    /// A scale with room, rounded up to two binary places, so that the last bits of sums decide nothing.
    private static func expected(from scale: Float) -> Float {
        guard scale > 0, scale < 1e30 else { return 1 }
        let wanted = scale * room
        return Float(
            sign: .plus, exponent: wanted.exponent, significand: (wanted.significand * 4).rounded(.up) / 4)
    }
}

extension ResNet {
    /// Mean features [count, widths.last] of pixels [count, 3, height, width], with the scales that are expected.
    func pooledInBytes(_ pixels: Tensor, _ scales: [Float]) throws -> Tensor {
        var passage = BytePassage(expected: scales)
        return try pooled(pixels, &passage)
    }

    /// The same of pictures' own bytes.
    func pooledInBytes(
        _ pictures: ArraySlice<PixelBuffer>, _ preprocessing: Preprocessing, by stem: PixelConvolution,
        _ scales: [Float]
    ) throws -> Tensor {
        let scale = preprocessing.pixelScale
        var passage = BytePassage(expected: scales)
        return try pooled(pictures.count, &passage) { picture, passage in
            let picture = pictures[pictures.startIndex + picture]
            return try passage.through(stem, picture.pixels, picture.height, picture.width, scale)
        }
    }

    /// The largest scale that each convolution's results have over some pictures.
    fileprivate func ownScales(_ pixels: Tensor) throws -> [Float] {
        let count = 1 + stages.joined().reduce(0) { $0 + $1.convolutions.count }
        // No map fits this: all are made with scales of their own.
        var passage = BytePassage(expected: [Float](repeating: 1e-20, count: count))
        _ = try pooled(pixels, &passage)
        return passage.largest
    }

    private func pooled(_ pixels: Tensor, _ passage: inout BytePassage) throws -> Tensor {
        try pooled(pixels.shape[0], &passage) { picture, passage in
            try passage.through(stem, pixels.channelsLast(of: picture))
        }
    }

    /// `first` puts a picture through the stem.
    private func pooled(
        _ count: Int, _ passage: inout BytePassage, _ first: (Int, inout BytePassage) throws -> ByteMap
    ) throws -> Tensor {
        var parts: [ByteMap] = []
        for picture in 0..<count {
            passage.next = 0
            let stem = try first(picture, &passage)
            parts.append(try through(0..<ResNet.stagesApart, ResNet.stemPool(stem), &passage))
        }
        let x = try through(ResNet.stagesApart..<stages.count, ByteMap(joining: parts), &passage)
        return x.meanOverPositions()
    }

    private func through(_ range: Range<Int>, _ x: ByteMap, _ passage: inout BytePassage) throws -> ByteMap {
        var x = x
        for block in stages[range].joined() {
            var y = x
            for convolution in block.inner { y = try passage.through(convolution, y) }
            if let shortcut = block.shortcut { x = try passage.through(shortcut, x) }
            x = try passage.through(block.last, y, adding: x)
        }
        return x
    }
}

/// What is expected of the convolutions, in the order in which pictures come through them, and what was found.
private struct BytePassage {
    let expected: [Float]
    var largest: [Float]
    /// The convolution that comes next.
    var next = 0

    init(expected: [Float]) {
        self.expected = expected
        largest = [Float](repeating: 0, count: expected.count)
    }

    mutating func through(_ convolution: Convolution, _ x: Tensor) throws -> ByteMap {
        note(try convolution.bytes(x, expecting: expected[next]))
    }

    mutating func through(
        _ convolution: PixelConvolution, _ pixels: [UInt8], _ height: Int, _ width: Int, _ scale: PixelScale
    ) throws -> ByteMap {
        note(try convolution(pixels, height: height, width: width, scale, expecting: expected[next]))
    }

    mutating func through(
        _ convolution: Convolution, _ x: ByteMap, adding shortcut: ByteMap? = nil
    ) throws -> ByteMap {
        note(try convolution.bytes(x, adding: shortcut, expecting: expected[next]))
    }

    private mutating func note(_ map: ByteMap) -> ByteMap {
        for scale in map.scales where scale > largest[next] { largest[next] = scale }
        next += 1
        return map
    }
}
