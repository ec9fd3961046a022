import Analysis
import TestSupport
import Testing

@Suite struct DuplicatesTests {
    private typealias Edge = Duplicates.Edge

    @Test func chainsAreCut() {
        // 1 is like 2 and 2 is like 3, but 1 is not like 3.
        let edges = [Edge(a: 1, b: 2, level: 2, score: 0.9), Edge(a: 2, b: 3, level: 2, score: 0.9)]
        let groups = Duplicates.groups(edges: edges, tier: { $0 }) { $0 < $1 }
        #expect(groups.map(\.representative) == [1])
        #expect(groups.first?.members.map(\.row) == [2])
        // With 2 preferred, it matches both.
        let others = Duplicates.groups(edges: edges, tier: { $0 }) { a, b in a == 2 && b != 2 }
        #expect(others.map(\.representative) == [2])
        #expect(others.first?.members.map(\.row) == [1, 3])
    }

    @Test func theMostPreferredRepresentativeOfTheLowestTierIsJoined() {
        // 9 matches the representatives 1 and 2, the latter more surely.
        let edges = [
            Edge(a: 9, b: 1, level: 3, score: 0.99), Edge(a: 2, b: 9, level: 1, score: 0.5),
            Edge(a: 2, b: 9, level: 2, score: 0.9), Edge(a: 9, b: 9, level: 0, score: 1),
        ]
        let groups = Duplicates.groups(edges: edges, tier: { $0 }) { $0 < $1 }
        #expect(groups.map(\.representative) == [2])
        #expect(groups.first?.members.map(\.level) == [1])
        let together = Duplicates.groups(edges: edges, tier: { $0 / 4 }) { $0 < $1 }
        #expect(together.map(\.representative) == [1])
        #expect(together.first?.members.map(\.level) == [3])
        let preferred = Duplicates.groups(edges: edges, tier: { $0 }) { a, b in
            a == 1 ? b != 1 : a == 9 && b == 2
        }
        #expect(preferred.map(\.representative) == [1])
        #expect(preferred.first?.members.map(\.row) == [9])
    }

    @Test func propertiesHoldForRandomGraphs() {
        for seed in UInt64(1)...200 {
            var random = SeededRandom(seed: seed)
            let rows = Int.random(in: 2...40, using: &random)
            let edges = (0..<Int.random(in: 0...80, using: &random)).map { _ in
                Edge(
                    a: Int.random(in: 0..<rows, using: &random), b: Int.random(in: 0..<rows, using: &random),
                    level: Int.random(in: 0...3, using: &random),
                    score: Float(Int.random(in: 0...4, using: &random)))
            }
            let quality = (0..<rows).map { _ in Int.random(in: 0...5, using: &random) }
            let prefers: (Int, Int) -> Bool = { quality[$0] > quality[$1] }
            let tier: (Int) -> Int = { $0 / 2 }
            func isBetter(_ a: Int, _ b: Int) -> Bool { prefers(a, b) || !prefers(b, a) && a < b }
            let groups = Duplicates.groups(edges: edges, tier: tier, isPreferred: prefers)
            let heads = Set(groups.map(\.representative))
            var seen: Set<Int> = []
            for group in groups {
                #expect(seen.insert(group.representative).inserted, "seed \(seed)")
                #expect(!group.members.isEmpty, "seed \(seed)")
                for member in group.members {
                    #expect(seen.insert(member.row).inserted, "seed \(seed)")
                    #expect(!prefers(member.row, group.representative), "seed \(seed)")
                    let direct = edges.filter {
                        Set([$0.a, $0.b]) == Set([member.row, group.representative]) && $0.a != $0.b
                    }
                    let surest = direct.min { ($0.level, -$0.score) < ($1.level, -$1.score) }
                    #expect(surest?.level == member.level && surest?.score == member.score, "seed \(seed)")
                    // No representative that it matches as well is better than its own.
                    for edge in edges where edge.a != edge.b && (edge.a == member.row || edge.b == member.row)
                    {
                        let other = edge.a == member.row ? edge.b : edge.a
                        guard heads.contains(other), isBetter(other, member.row) else { continue }
                        #expect(tier(edge.level) >= tier(member.level), "seed \(seed)")
                        #expect(
                            tier(edge.level) > tier(member.level) || !isBetter(other, group.representative),
                            "seed \(seed)")
                    }
                }
            }
            // Nobody is left out who matches a row that is nobody's member.
            let members = Set(groups.flatMap { $0.members.map(\.row) })
            for edge in edges where edge.a != edge.b {
                #expect(members.contains(edge.a) || members.contains(edge.b), "seed \(seed)")
            }
            #expect(
                Duplicates.groups(edges: edges.reversed(), tier: tier, isPreferred: prefers) == groups,
                "seed \(seed)")
        }
    }
}
