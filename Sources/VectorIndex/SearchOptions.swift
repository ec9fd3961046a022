#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How thoroughly, and among which rows, to search.
public struct SearchOptions: Sendable {
    /// Score every row instead of the candidates that the codes propose.
    public var isExact = false
    /// The probability with which each of the true neighbours is found at least, 0.5 to 1; 1 is an exact search.
    ///
    /// The codes give an unbiased estimate of each similarity with a known error. A row is passed over only when the
    /// estimate says, with this certainty, that it is no result; how many rows are scored exactly follows from that.
    /// What is found in fact is more, because most neighbours are not close calls.
    public var recall: Float = 0.99
    /// Only these rows, if set.
    public var filter: RowFilter?
    /// Only rows with at least this similarity, if set.
    public var minimum: Float?

    /// The default search: at least 99 % of the true neighbours, among all rows.
    public init() {}

    /// A search that scores every row.
    public static var exact: SearchOptions {
        var options = SearchOptions()
        options.isExact = true
        return options
    }

    /// What each of two independent stages has to find so that both together find what was asked.
    var recallOfEachStage: Float { min(max(recall, 0), 1).squareRoot() }

    /// A probability as standard deviations of the estimate: the quantile of the normal distribution, and never
    /// nothing, as bounds tell by their distance from the estimate how far it may be off.
    static func deviations(_ recall: Float) -> Float {
        NormalDistribution.quantile(Double(min(max(recall, 0.7), 1)))
    }

    /// Whether every row is to be scored.
    var wantsEveryRow: Bool { isExact || recall >= 1 }
}

/// The standard normal distribution.
enum NormalDistribution {
    /// The quantile of a probability between 0.5 and 1, after Acklam (relative error below 1.2e-9); 8 at most.
    static func quantile(_ probability: Double) -> Float {
        let tail = 1 - probability
        guard tail > 1e-15 else { return 8 }
        if tail >= 0.02425 {
            let q = probability - 0.5
            let r = q * q
            let a = [
                -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
                -3.066479806614716e+01, 2.506628277459239e+00,
            ]
            let b = [
                -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
                -1.328068155288572e+01, 1,
            ]
            return Float(q * polynomial(a, r) / polynomial(b, r))
        }
        let c = [
            -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00, -2.549732539343734e+00,
            4.374664141464968e+00, 2.938163982698783e+00,
        ]
        let d = [
            7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00, 1,
        ]
        let r = (-2 * log(tail)).squareRoot()
        return Float(-polynomial(c, r) / polynomial(d, r))
    }

    private static func polynomial(_ coefficients: [Double], _ x: Double) -> Double {
        coefficients.reduce(0) { $0 * x + $1 }
    }
}
