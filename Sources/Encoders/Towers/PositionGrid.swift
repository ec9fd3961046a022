import Inference

/// Position embeddings of a square grid of patches, resized to a grid of another side.
enum PositionGrid {
    /// The rows [classTokens + side², width] of a table for whatever square grid it was trained on.
    ///
    /// Bicubic with antialiasing (a = -0.5), as PyTorch's `interpolate` and OpenCLIP's `resize_pos_embed`
    /// compute it. A table of the right size is returned as it is. Throws what `failure` makes of a reason.
    static func resized(
        _ table: Weights, classTokens: Int, side: Int, width: Int, _ failure: (String) -> any Error
    ) throws -> Weights {
        let rows = side * side + classTokens
        if table.shape == [rows, width] { return table }
        guard table.shape.count == 2, table.shape[1] == width, table.shape[0] > classTokens else {
            throw failure("has shape \(table.shape), expected [\(rows), \(width)]")
        }
        let cells = table.shape[0] - classTokens
        let trained = Int(Double(cells).squareRoot())
        guard trained * trained == cells, trained <= 1 << 10 else {
            throw failure("has \(cells) positions of patches, which make no square")
        }
        let values = table.tensor().values
        let taps = weights(from: trained, to: side)
        var squeezed = [Float](repeating: 0, count: trained * side * width)
        for y in 0..<trained {
            for (x, taps) in taps.enumerated() {
                for (source, weight) in taps {
                    let from = (classTokens + y * trained + source) * width, to = (y * side + x) * width
                    for i in 0..<width { squeezed[to + i] += weight * values[from + i] }
                }
            }
        }
        var result = Array(values[..<(classTokens * width)])
        result.append(contentsOf: repeatElement(0, count: side * side * width))
        for (y, taps) in taps.enumerated() {
            for x in 0..<side {
                let to = (classTokens + y * side + x) * width
                for (source, weight) in taps {
                    let from = (source * side + x) * width
                    for i in 0..<width { result[to + i] += weight * squeezed[from + i] }
                }
            }
        }
        return Weights(Tensor([rows, width], result))
    }

    /// For each output position, the inputs that make it with their weights.
    private static func weights(from inputs: Int, to outputs: Int) -> [[(Int, Float)]] {
        let scale = Double(inputs) / Double(outputs), stretch = max(scale, 1)
        return (0..<outputs).map { output in
            let center = (Double(output) + 0.5) * scale
            let start = max(Int(center - 2 * stretch + 0.5), 0),
                end = min(Int(center + 2 * stretch + 0.5), inputs)
            let taps = (start..<end).map { ($0, cubic((Double($0) - center + 0.5) / stretch)) }
            let sum = taps.reduce(0) { $0 + $1.1 }
            return taps.map { ($0.0, Float($0.1 / sum)) }
        }
    }

    private static func cubic(_ x: Double) -> Double {
        let a = -0.5, distance = abs(x)
        if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
        if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
        return 0
    }
}
