import SystemPackage

/// What a plan as a whole allows for each of its lines, before any file is looked at.
///
/// A file that any line keeps or calls a reference is not acted on, nothing is acted on twice, and nothing is acted
/// on unless another file of its group stays.
package struct PlanReview: Sendable {
    /// What becomes of a line.
    package enum Decision: Sendable, Equatable {
        /// It asks for nothing.
        case leave
        /// It may be acted on while one of these lines' files is as the plan says; the one it names comes first.
        case act(survivors: [Int])
        /// It may not.
        case refuse(SkipReason)
    }

    /// One decision per entry of the plan.
    package let decisions: [Decision]

    /// Looks at a whole plan; costs O(n) for n lines.
    package init(_ plan: Plan) {
        var protected: [FilePath: Int] = [:]
        var staying: [Int: [Int]] = [:]
        let references = Set(plan.entries.filter(\.line.isReference).map(\.line.path))
        for (index, entry) in plan.entries.enumerated() where entry.line.action.leavesAlone {
            protected[entry.line.path] = entry.number
            staying[entry.line.group, default: []].append(index)
        }
        var acting: [FilePath: Int] = [:]
        decisions = plan.entries.map { entry in
            let line = entry.line
            if line.action.leavesAlone { return .leave }
            let unit = [line.path] + line.companions.map(\.path)
            for path in unit {
                if references.contains(path) { return .refuse(.reference) }
                if let number = protected[path] { return .refuse(.kept(line: number)) }
                if let number = acting[path] { return .refuse(.actedOn(line: number)) }
            }
            let survivors = staying[line.group] ?? []
            guard !survivors.isEmpty else { return .refuse(.noCopyLeft(group: line.group)) }
            for path in unit { acting[path] = entry.number }
            let named = survivors.filter { plan.entries[$0].line.path == line.keeper }
            return .act(survivors: named + survivors.filter { plan.entries[$0].line.path != line.keeper })
        }
    }
}
