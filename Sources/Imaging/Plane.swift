/// One quantity of a picture, sampled row by row.
struct Plane: Sendable, Equatable {
    var width: Int, height: Int
    var values: [UInt8]

    /// The plane at half the size, each value the mean of four.
    var halved: Plane {
        let (w, h) = (max(1, width / 2), max(1, height / 2))
        var out = [UInt8](repeating: 0, count: w * h)
        for y in 0..<h {
            let (top, bottom) = (2 * y * width, min(2 * y + 1, height - 1) * width)
            for x in 0..<w {
                let (left, right) = (2 * x, min(2 * x + 1, width - 1))
                let sum =
                    Int(values[top + left]) + Int(values[top + right]) + Int(values[bottom + left])
                    + Int(values[bottom + right])
                out[y * w + x] = UInt8((sum + 2) / 4)
            }
        }
        return Plane(width: w, height: h, values: out)
    }

    /// Lends the samples for reading between them.
    func withSamples<Result>(_ body: (PlaneSamples) -> Result) -> Result {
        values.withUnsafeBufferPointer { body(PlaneSamples(values: $0, width: width, height: height)) }
    }
}

/// The samples of a plane for as long as they are lent.
struct PlaneSamples {
    fileprivate let values: UnsafeBufferPointer<UInt8>
    let width: Int, height: Int

    fileprivate init(values: UnsafeBufferPointer<UInt8>, width: Int, height: Int) {
        (self.values, self.width, self.height) = (values, width, height)
    }

    /// The value at a place in samples from the upper left corner, between the samples' centres in proportion.
    @inline(__always)
    func callAsFunction(_ x: Double, _ y: Double) -> Float {
        let x = max(0, min(Double(width - 1), x - 0.5)), y = max(0, min(Double(height - 1), y - 0.5))
        let column = Int(x), row = Int(y)
        let fx = Float(x - Double(column)), fy = Float(y - Double(row))
        let right = min(column + 1, width - 1), below = min(row + 1, height - 1)
        let top = Float(values[row * width + column]) * (1 - fx) + Float(values[row * width + right]) * fx
        let bottom =
            Float(values[below * width + column]) * (1 - fx) + Float(values[below * width + right]) * fx
        return top * (1 - fy) + bottom * fy
    }
}
