/// How far rows stray from the mean of their bucket along a query.
struct StrayMeasure {
    private var squares: Float = 0
    private var count: Float = 0

    /// The standard deviation, as a multiple of the bucket's spread; 1 when it cannot be told.
    var multiple: Float {
        let deviation = (squares / max(1, count)).squareRoot()
        return deviation.isFinite ? deviation : 1
    }

    /// Takes note of some rows' products with the query; `mean` is the product of their bucket's mean.
    mutating func note(_ products: UnsafePointer<Float>, _ count: Int, mean: Float, spread: Float) {
        // Eight sums, as a single one is added up one number after the other.
        let eights = count / 8
        var sums = SIMD8<Float>.zero
        for index in 0..<eights {
            let distances =
                UnsafeRawPointer(products + 8 * index).loadUnaligned(as: SIMD8<Float>.self) - mean
            sums += distances * distances
        }
        var sum = sums.sum()
        for index in 8 * eights..<count { sum += (products[index] - mean) * (products[index] - mean) }
        let spread = max(spread, 1e-4)
        squares += sum / (spread * spread)
        self.count += Float(count)
    }
}
