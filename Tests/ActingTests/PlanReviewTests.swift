import Acting
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct PlanReviewTests {
    /// Random plans over few names, so that groups share files, keep what others act on, and act twice.
    private func randomPlan(_ random: inout SeededRandom, scene: Scene, content: (Int) -> String) throws
        -> [PlanLine]
    {
        var names: [FilePath] = []
        for number in 0..<Int.random(in: 2...8, using: &random) {
            let folder = ["a", "b"].randomElement(using: &random) ?? "a"
            names.append(try scene.write("\(folder)/\(number).jpg", content(number)))
        }
        // Some names are further names of other files.
        for number in 0..<Int.random(in: 0...2, using: &random) {
            let link = scene.pictures.appending("a").appending("link-\(number).jpg")
            try Folders.create(link.removingLastComponent())
            guard let first = names.randomElement(using: &random) else { continue }
            try SystemDisk().link(Place(first), to: Place(link))
            names.append(link)
        }
        return try (0..<Int.random(in: 1...14, using: &random)).map { _ in
            try Scene.line(
                [.keep, .keep, .skip, .trash, .trash, .trash, .move, .hardlink, .symlink, .delete]
                    .randomElement(using: &random) ?? .keep,
                Int.random(in: 1...3, using: &random), names.randomElement(using: &random) ?? "/",
                keeper: Bool.random(using: &random) ? names.randomElement(using: &random) : nil,
                to: scene.moved)
        }
    }

    @Test func noPlanActsOnWhatItKeepsNorTwiceNorOnAWholeGroup() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            let scene = try Scene()
            let lines = try randomPlan(&random, scene: scene) { "content \($0)" }
            let decisions = PlanReview(Plan(lines)).decisions
            // The naive model: quadratic, straight from the rules.
            for (index, line) in lines.enumerated() {
                let isKept = lines.contains { $0.action.leavesAlone && $0.path == line.path }
                let staying = lines.indices.filter {
                    lines[$0].group == line.group && lines[$0].action.leavesAlone
                }
                let isSecond = lines[..<index].enumerated().contains { earlier, other in
                    guard other.path == line.path, case .act = decisions[earlier] else { return false }
                    return true
                }
                let allowed = !line.action.leavesAlone && !isKept && !isSecond && !staying.isEmpty
                switch decisions[index] {
                case .act(let survivors):
                    #expect(allowed && Set(survivors) == Set(staying), "seed \(seed)")
                    if staying.contains(where: { lines[$0].path == line.keeper }) {
                        #expect(lines[survivors[0]].path == line.keeper, "seed \(seed)")
                    }
                case .leave: #expect(line.action.leavesAlone, "seed \(seed)")
                case .refuse: #expect(!allowed && !line.action.leavesAlone, "seed \(seed)")
                }
            }
        }
    }

    /// Carried out on the disk: whatever a plan says, each file it keeps stands as it was, each group acted on has a
    /// file left, no content is lost but the deleted, and all of it can be taken back.
    @Test func carriedOutNoRandomPlanLosesACopy() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        var actions = 0
        for _ in 0..<120 {
            let scene = try Scene()
            // Few contents: many files are equal byte for byte.
            var lines = try randomPlan(&random, scene: scene) { "content \($0 % 3)" }
            let withoutDeletion = Bool.random(using: &random)
            if withoutDeletion {
                for index in lines.indices where lines[index].action == .delete {
                    lines[index].action = .trash
                }
            }
            let before = try scene.tree()
            let contents = try scene.contents()
            let ran = try scene.apply(lines)
            actions += ran.acted.count
            let after = try scene.tree()
            for line in lines where line.action.leavesAlone {
                #expect(after[line.path] == before[line.path], "seed \(seed)")
            }
            for group in ran.groups {
                let stays = lines.contains { $0.group == group && after[$0.path]?.sha256 == $0.sha256 }
                #expect(stays, "seed \(seed)")
            }
            if withoutDeletion { #expect(try scene.contents() == contents, "seed \(seed)") }
            let reasons = try scene.undo()
            #expect(withoutDeletion ? reasons.isEmpty : true, "seed \(seed): \(reasons)")
            for (path, standing) in try scene.tree() {
                #expect(before[path] == standing, "seed \(seed) \(path)")
            }
            if withoutDeletion { #expect(try scene.tree() == before, "seed \(seed)") }
        }
        #expect(actions > 50, "seed \(seed)")
    }

    @Test func aGroupWhoseFilesAreAllActedOnIsRefused() throws {
        let scene = try Scene()
        let a = try scene.write("a.jpg", "1"), b = try scene.write("b.jpg", "2")
        let ran = try scene.apply([
            try Scene.line(.trash, 1, a, keeper: b), try Scene.line(.trash, 1, b, keeper: a),
        ])
        #expect(
            ran.acted.isEmpty && ran.skipped.map(\.reason) == [.noCopyLeft(group: 1), .noCopyLeft(group: 1)])
    }

    @Test func aLineWithoutItsKeeperGoesByTheGroup() throws {
        // A person turns the choice around: "keep" becomes "trash", one "trash" becomes "keep".
        let scene = try Scene()
        let a = try scene.write("a.jpg", "1"), b = try scene.write("b.jpg", "2"),
            c = try scene.write("c.jpg", "3")
        let ran = try scene.apply([
            try Scene.line(.trash, 1, a), try Scene.line(.keep, 1, b, keeper: a),
            try Scene.line(.trash, 1, c, keeper: a),
        ])
        #expect(ran.acted == [a, c] && ran.skipped.isEmpty)
        // A deleted line: nothing happens to its file.
        #expect(try scene.tree().keys.map(\.lastComponent) == ["b.jpg"])
    }
}
