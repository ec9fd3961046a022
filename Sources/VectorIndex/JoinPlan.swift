#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How often, and by how many of their signs, codes are brought together so that pairs above a similarity meet.
///
/// Codes that agree in some random bits stand in one bucket and are compared (Indyk and Motwani, STOC 1998). How often
/// a pair at the threshold does not meet, its angle says; pairs above it meet more often.
struct JoinPlan: Sendable, Equatable {
    /// Bits that a bucket's codes have in common.
    let keyBits: Int
    /// How often the codes are brought together, by other bits each time.
    let tables: Int
    /// Codes that differ in more bits are of rows less similar than the threshold.
    let distance: Int
    /// What it costs, in nanoseconds, but for making the codes.
    let cost: Double

    private static let mostTables = 1024
    private static let keyBits = 6...24
    /// Nanoseconds: to put a code in its bucket, and to compare two.
    private static let sorting = 60.0, comparing = 3.0

    /// The cheapest plan that finds a pair at the threshold with the probability `recall`; nil when it would take too many
    /// tables.
    ///
    /// `strangers` are the distances of random pairs: the codes of one bucket that are no pairs follow from them.
    static func cheapest(
        rows: Int, bits: Int, similarity: Float, recall: Float, strangers: [Int]
    ) -> JoinPlan? {
        let angle = acos(min(1, max(-1, Double(similarity)))) / .pi
        let mean = Double(bits) * angle, deviation = (mean * (1 - angle)).squareRoot()
        // The pair's distance is spread around its mean.
        let steps = 256
        let distances = (0..<steps).map { step in
            let share = (Double(step) + 0.5) / Double(steps)
            let normal = Double(NormalDistribution.quantile(max(share, 1 - share)))
            return min(Double(bits), max(0, mean + deviation * (share < 0.5 ? -normal : normal)))
        }
        var best: JoinPlan?
        for keyBits in Self.keyBits where keyBits < bits / 2 {
            let meetings = distances.map { meeting($0, bits: bits, keyBits: keyBits) }
            func found(_ tables: Int) -> Double {
                1 - meetings.reduce(0) { $0 + pow(1 - $1, Double(tables)) } / Double(steps)
            }
            guard found(mostTables) >= Double(recall) else { continue }
            var low = 0, high = mostTables
            while high - low > 1 {
                let middle = (low + high) / 2
                if found(middle) >= Double(recall) { high = middle } else { low = middle }
            }
            let together =
                strangers.reduce(0) { $0 + meeting(Double($1), bits: bits, keyBits: keyBits) }
                / Double(max(1, strangers.count))
            let pairs = Double(rows) * Double(rows) / 2 * together
            // Every bucket is looked at, whether there is anything in it or not.
            let cost =
                Double(high)
                * (sorting * Double(rows) + Double(1 << keyBits) + comparing * pairs)
            if cost < best?.cost ?? .infinity {
                let distance = Int((mean + 4 * deviation).rounded(.up))
                best = JoinPlan(keyBits: keyBits, tables: high, distance: distance, cost: cost)
            }
        }
        return best
    }

    /// The probability that codes which differ in so many bits agree in all of some random ones.
    private static func meeting(_ distance: Double, bits: Int, keyBits: Int) -> Double {
        (0..<keyBits).reduce(1) { product, drawn in
            product * max(0, Double(bits - drawn) - distance) / Double(bits - drawn)
        }
    }
}
