/// Grouping of pictures that were found to be copies of each other.
public enum Duplicates {
    /// Two rows that were found to be copies.
    public struct Edge: Sendable, Equatable {
        /// One row.
        public let a: Int
        /// The other row.
        public let b: Int
        /// What kind of match it is; 0 is the surest (the same bytes), larger is looser.
        public let level: Int
        /// How alike the rows are within the level; larger is more alike.
        public let score: Float

        /// A match of two rows.
        public init(a: Int, b: Int, level: Int, score: Float) {
            self.a = a
            self.b = b
            self.level = level
            self.score = score
        }
    }

    /// A row of a group, with its match with the group's representative.
    public struct Member: Sendable, Equatable {
        /// The row.
        public let row: Int
        /// The level of its match with the representative.
        public let level: Int
        /// The score of that match.
        public let score: Float
    }

    /// A representative and the rows that match it.
    public struct Group: Sendable, Equatable {
        /// The row that the caller's order prefers to all others in the group.
        public let representative: Int
        /// The other rows, the surest match first; each matches the representative itself, not just another member.
        public let members: [Member]
    }

    /// Groups rows around representatives, so that every member matches its representative directly.
    ///
    /// Connected components would chain: A like B, B like C, and unlike pictures A and C end up together. Here the
    /// preferred row among those that match becomes a representative, again and again; every other row joins, of the
    /// representatives it matches, the most preferred one, so that what belongs together is not scattered among several;
    /// but a match of a lower tier comes first. A row is in one group at most. The result does not depend on the order of
    /// the edges; groups come in the order of their representatives' rows. Of edges between the same rows the surest counts; an edge from a row to itself does not.
    /// Cost: O(m log m) for m edges.
    ///
    /// - Parameters:
    ///   - tier: the tier of a level: matches of one tier are equally good reasons to join a representative.
    ///   - isPreferred: whether the first row is to be kept rather than the second; rows it does not tell apart are
    ///     ordered by their numbers.
    public static func groups(
        edges: [Edge], tier: (Int) -> Int, isPreferred: (Int, Int) -> Bool
    ) -> [Group] {
        var matches: [Int: [Member]] = [:]
        for edge in edges where edge.a != edge.b {
            matches[edge.a, default: []].append(Member(row: edge.b, level: edge.level, score: edge.score))
            matches[edge.b, default: []].append(Member(row: edge.a, level: edge.level, score: edge.score))
        }
        let order = matches.keys.sorted { a, b in
            if isPreferred(a, b) { return true }
            return isPreferred(b, a) ? false : a < b
        }
        var representatives: [Int: Int] = [:]
        var members: [Int: [Member]] = [:]
        for row in order {
            // Rows come most preferred first: the representatives so far are all preferred to this row, the earlier the more.
            let choices = (matches[row] ?? []).compactMap { match in
                representatives[match.row].map { (tier: tier(match.level), place: $0, match: match) }
            }
            let closest = choices.min { a, b in
                (a.tier, a.place) != (b.tier, b.place)
                    ? (a.tier, a.place) < (b.tier, b.place) : isSurer(a.match, b.match)
            }
            if let best = closest?.match {
                members[best.row, default: []].append(Member(row: row, level: best.level, score: best.score))
            } else {
                representatives[row] = representatives.count
            }
        }
        return members.keys.sorted().map { representative in
            Group(
                representative: representative, members: (members[representative] ?? []).sorted(by: isSurer))
        }
    }

    /// The order of matches: surer first, then by row.
    private static func isSurer(_ a: Member, _ b: Member) -> Bool {
        if a.level != b.level { return a.level < b.level }
        if a.score != b.score { return a.score > b.score }
        return a.row < b.row
    }
}
