#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// The few statistics that the analyses share.
enum Statistics {
    /// The median; 0 for no values.
    static func median(_ values: [Float]) -> Float {
        guard !values.isEmpty else { return 0 }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// How many standard deviations each value lies above the median, with the deviation estimated from the median
    /// absolute deviation, so that outliers do not hide themselves (Iglewicz and Hoaglin, 1993).
    ///
    /// When more than half of the values are equal, the mean absolute deviation stands in; when all are, it is 0.
    static func robustDeviations(_ values: [Float]) -> [Float] {
        let centre = median(values)
        let distances = values.map { abs($0 - centre) }
        var deviation = 1.4826 * median(distances)
        if !(deviation > 0) {
            deviation = 1.2533 * distances.reduce(0, +) / Float(max(1, distances.count))
        }
        guard deviation > 0 else { return values.map { _ in 0 } }
        return values.map { ($0 - centre) / deviation }
    }

    /// The natural logarithm, with values that are practically 0 (copies) taken as 1e-4.
    static func logarithm(_ value: Float) -> Float { log(max(value, 1e-4)) }
}
