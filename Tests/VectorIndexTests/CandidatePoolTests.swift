import TestSupport
import Testing

@testable import VectorIndex

@Suite struct CandidatePoolTests {
    /// Thousands of rows that are all nearly the nearest: the best of their lower bounds are those that erred most, and
    /// were they no more certain than the upper ones, they would shut out nearly all the others.
    @Test(arguments: [Float(0.3), 0.5, 0.8, 0.9, 0.99])
    func rowsThatAreNearlyAlikeDoNotShutEachOtherOut(asked: Float) {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let deviations = SearchOptions.deviations(asked)
        var found = 0
        for _ in 0..<40 {
            var pool = CandidatePool(wanted: 10, deviations: deviations)
            for row in 0..<5000 {
                // The first ten are the nearest by a hair; estimates are off by a standard deviation of 1.
                let estimate = (row < 10 ? 0.01 : 0) + random.normal()
                pool.add(
                    Candidate(upper: estimate + deviations, part: 0, row: UInt32(row)), estimate: estimate)
            }
            found += pool.sorted().count { $0.row < 10 }
        }
        #expect(Float(found) / 400 >= asked - 0.12, "seed \(seed)")
    }
}
