import CKernels

/// What PDQ makes of a picture before it takes the bits: 16 x 16 frequencies and the quality.
///
/// All arithmetic is 32-bit float in the reference's order.
struct PDQSpectrum {
    /// Frequencies 1...16 down, then across, row by row.
    let frequencies: [Float]
    /// 0...100.
    let quality: Int

    private static let smallestSide = 5
    private static let blurPasses = 2
    private static let basis: [Float] = {
        let scale = Float((2.0 / 64.0).squareRoot())
        return CosineBasis(size: 64, frequencies: 1..<17).values.map { Float(Double(scale) * $0) }
    }()

    /// nil for a picture with a side under 5 pixels.
    init?(_ picture: PixelBuffer) {
        let (width, height) = (picture.width, picture.height)
        guard width >= Self.smallestSide, height >= Self.smallestSide else { return nil }
        // A picture of 64 x 64 is taken as it is, like the reference.
        let isSample = width == 64 && height == 64
        var luma = Self.luma(picture, passes: isSample ? 0 : Self.blurPasses)
        if !isSample { luma = Self.decimated(luma, width: width, height: height) }
        quality = Self.quality(luma)
        frequencies = Self.transformed(luma)
    }

    /// The luma, blurred by running means along rows and columns so many times.
    private static func luma(_ picture: PixelBuffer, passes: Int) -> [Float] {
        let (width, height) = (picture.width, picture.height), size = ck_pdq_workspace(width, height)
        return [Float](unsafeUninitializedCapacity: width * height) { luma, filled in
            withUnsafeTemporaryAllocation(of: Float.self, capacity: size) { workspace in
                picture.pixels.withUnsafeBufferPointer { rgb in
                    guard let rgb = rgb.baseAddress, let workspace = workspace.baseAddress,
                        let luma = luma.baseAddress
                    else { return }
                    ck_pdq_luma(rgb, width, height, Int32(passes), workspace, luma)
                    filled = width * height
                }
            }
        }
    }

    /// The pixels in the middles of 64 x 64 blocks.
    private static func decimated(_ luma: [Float], width: Int, height: Int) -> [Float] {
        var out: [Float] = []
        out.reserveCapacity(64 * 64)
        for row in 0..<64 {
            let y = Int((Double(row) + 0.5) * Double(height) / 64)
            for column in 0..<64 {
                let x = Int((Double(column) + 0.5) * Double(width) / 64)
                out.append(luma[y * width + x])
            }
        }
        return out
    }

    /// The sum of gradients that are strong enough to count, in percent of the reference's constant.
    private static func quality(_ luma: [Float]) -> Int {
        var sum = 0
        for row in 0..<64 {
            for column in 0..<64 {
                let here = luma[64 * row + column]
                if row < 63 { sum += abs(Int((here - luma[64 * (row + 1) + column]) * 100 / 255)) }
                if column < 63 { sum += abs(Int((here - luma[64 * row + column + 1]) * 100 / 255)) }
            }
        }
        return min(sum / 90, 100)
    }

    private static func transformed(_ luma: [Float]) -> [Float] {
        var down = [Float](repeating: 0, count: 16 * 64)
        for i in 0..<16 {
            for k in 0..<64 {
                let factor = basis[64 * i + k]
                for j in 0..<64 { down[64 * i + j] += factor * luma[64 * k + j] }
            }
        }
        var both = [Float](repeating: 0, count: 16 * 16)
        for i in 0..<16 {
            for j in 0..<16 {
                var sum: Float = 0
                for k in 0..<64 { sum += down[64 * i + k] * basis[64 * j + k] }
                both[16 * i + j] = sum
            }
        }
        return both
    }

    /// The bits the picture would have if it were `oriented(by:)` first.
    ///
    /// Mirroring a side changes the sign of its odd frequencies (those at even places), exchanging sides transposes.
    func hash(shownAs orientation: Orientation) -> PDQHash {
        let (mirrorsAcross, mirrorsDown) =
            switch orientation {
            case .up, .leftMirrored: (false, false)
            case .upMirrored, .left: (true, false)
            case .down, .rightMirrored: (true, true)
            case .downMirrored, .right: (false, true)
            }
        var shown = [Float](repeating: 0, count: 256)
        for i in 0..<16 {
            for j in 0..<16 {
                let isNegated = (mirrorsAcross && j % 2 == 0) != (mirrorsDown && i % 2 == 0)
                let value = frequencies[16 * i + j]
                shown[orientation.exchangesSides ? 16 * j + i : 16 * i + j] = isNegated ? -value : value
            }
        }
        // The reference's median of 256 is the lower of the middle two.
        let median = shown.sorted()[127]
        var words = SIMD4<UInt64>()
        for (bit, value) in shown.enumerated() where value > median {
            words[bit / 64] |= 1 << UInt64(bit % 64)
        }
        return PDQHash(words: words)
    }
}
