#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import Inference

/// What makes one vector of a text's token vectors: pooling, then maps and normalisations in their order.
///
/// The modules behind the transformer of sentence-transformers (Reimers and Gurevych, 2019).
package struct SentenceHead: Sendable {
    /// How the vectors of a text's tokens become one.
    package enum Pooling: String, Sendable, CaseIterable {
        /// The first token's.
        case first = "cls"
        /// The largest of each coordinate.
        case largest = "max"
        /// Their mean.
        case mean
        /// Their sum over the square root of their number.
        case sumBySquareRoot = "mean_sqrt_len_tokens"
        /// Their mean, weighted by 1, 2, 3, ….
        case weightedMean = "weightedmean"
        /// The last token's.
        case last = "lasttoken"
    }

    /// A step behind the pooling.
    package enum Step: Sendable {
        /// A linear map, then tanh if it is wanted.
        case dense(Linear, tanh: Bool)
        /// Scaling to length 1.
        case normalize
    }

    /// The poolings, whose results stand one after the other.
    package let poolings: [Pooling]
    /// What follows.
    package let steps: [Step]

    /// Mean pooling alone.
    package static let mean = SentenceHead(poolings: [.mean], steps: [])

    package init(poolings: [Pooling], steps: [Step]) {
        precondition(!poolings.isEmpty)
        self.poolings = poolings
        self.steps = steps
    }

    /// Coordinates of the result for tokens' vectors of a width.
    package func dimension(width: Int) -> Int {
        steps.reduce(poolings.count * width) { width, step in
            if case .dense(let map, _) = step { map.outputs } else { width }
        }
    }

    /// The vectors of consecutive sequences in x [rows, width], one a row.
    func callAsFunction(_ x: Tensor, lengths: [Int]) throws -> Tensor {
        let width = x.shape[1]
        var vectors = Tensor([lengths.count, poolings.count * width])
        vectors.write { target in
            x.read { x in
                var tokens = x, target = target
                for length in lengths {
                    for pooling in poolings {
                        SentenceHead.pool(tokens, length, width, pooling, into: target)
                        target += width
                    }
                    tokens += length * width
                }
            }
        }
        for step in steps {
            switch step {
            case .dense(let map, let hasTanh):
                vectors = try map(vectors)
                if hasTanh {
                    let count = vectors.count
                    vectors.write { vectors in for i in 0..<count { vectors[i] = tanh(vectors[i]) } }
                }
            case .normalize: SentenceHead.normalizeRows(&vectors)
            }
        }
        return vectors
    }

    /// Pools `length` rows, of which there is at least one, into `target`, which holds zeros.
    private static func pool(
        _ rows: UnsafePointer<Float>, _ length: Int, _ width: Int, _ pooling: Pooling,
        into target: UnsafeMutablePointer<Float>
    ) {
        func sum(_ weight: (Int) -> Float, over divisor: Float) {
            for row in 0..<length {
                let factor = weight(row), row = rows + row * width
                for i in 0..<width { target[i] += factor * row[i] }
            }
            for i in 0..<width { target[i] /= divisor }
        }
        switch pooling {
        case .first: target.update(from: rows, count: width)
        case .last: target.update(from: rows + (length - 1) * width, count: width)
        case .largest:
            target.update(from: rows, count: width)
            for row in 1..<max(1, length) {
                for i in 0..<width { target[i] = max(target[i], rows[row * width + i]) }
            }
        case .mean: sum({ _ in 1 }, over: Float(length))
        case .sumBySquareRoot: sum({ _ in 1 }, over: Float(length).squareRoot())
        case .weightedMean: sum({ Float($0 + 1) }, over: Float(length * (length + 1) / 2))
        }
    }

    private static func normalizeRows(_ vectors: inout Tensor) {
        let (count, width) = (vectors.shape[0], vectors.shape[1])
        vectors.write { vectors in
            for row in 0..<count {
                let row = vectors + row * width
                var squares: Float = 0
                for i in 0..<width { squares += row[i] * row[i] }
                // As torch: nothing is divided by less than 1e-12.
                let length = max(squares.squareRoot(), 1e-12)
                for i in 0..<width { row[i] /= length }
            }
        }
    }
}
