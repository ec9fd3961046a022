import Acting
import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct PlanTests {
    private static let head = Plan.Head(
        program: "imgvec 1", time: "2026-01-02T03:04:05Z", command: "imgvec dupes\n--plan x", index: "/index")

    private func randomPath(_ random: inout SeededRandom) -> FilePath {
        let names = (0..<Int.random(in: 1...3, using: &random)).map { _ in
            [UInt8(ascii: "n")]
                + (0..<Int.random(in: 0...6, using: &random)).map { _ in
                    let byte = UInt8.random(in: 1...255, using: &random)
                    return byte == UInt8(ascii: "/") ? UInt8(ascii: "\n") : byte
                }
        }
        return FilePath(bytes: names.flatMap { [UInt8(ascii: "/")] + $0 }) ?? "/n"
    }

    private func randomLine(_ random: inout SeededRandom) -> PlanLine {
        let hash = { (random: inout SeededRandom) in
            (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        let companions = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            PlanLine.Companion(path: randomPath(&random), sha256: hash(&random))
        }
        return PlanLine(
            action: PlanAction.allCases.randomElement(using: &random) ?? .keep,
            group: Int.random(in: 1...5, using: &random), path: randomPath(&random),
            size: Int64.random(in: 0 ... .max, using: &random),
            modified: Int64.random(in: .min ... .max, using: &random), sha256: hash(&random),
            keeper: Bool.random(using: &random) ? randomPath(&random) : nil,
            destination: Bool.random(using: &random) ? randomPath(&random) : nil, level: "copies",
            score: 0.5, evidence: "half size", reason: "fewer pixels", companions: companions)
    }

    @Test func whatIsWrittenIsRead() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        for _ in 0..<50 {
            let lines = (0..<20).map { _ in randomLine(&random) }
            let text = try Plan(lines).text(Self.head)
            let read = try Plan(text: text, path: "plan")
            #expect(read.entries.map(\.line) == lines, "seed \(seed)")
            // Every line stands where its number says.
            let rows = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            for entry in read.entries { #expect(rows[entry.number - 1].first == UInt8(ascii: "{")) }
        }
    }

    @Test func headTellsTotalsOnLinesOfItsOwn() throws {
        let scene = try Scene()
        let keeper = try scene.write("a.jpg", "12345"), copy = try scene.write("b.jpg", "123")
        let plan = Plan([try Scene.line(.keep, 1, keeper), try Scene.line(.trash, 1, copy, keeper: keeper)])
        let lines = plan.headLines(Self.head)
        #expect(lines[0] == "# imgvec plan 1")
        #expect(lines.contains("# 1 groups, 1 files to act on, 3 bytes"))
        #expect(lines.allSatisfy { $0.hasPrefix("#") && !$0.contains("\n") })
    }

    private func failure(_ text: String) -> PlanError? {
        do {
            _ = try Plan(text: Array(text.utf8), path: "p")
            return nil
        } catch { return error as? PlanError }
    }

    @Test func errorsNameFileAndLine() throws {
        let scene = try Scene()
        let line = try Scene.line(.keep, 1, scene.write("a.jpg", "x"))
        let good = String(decoding: try Plan.encoder.encode(line), as: UTF8.self)
        #expect(failure("") == .notAPlan("p"))
        #expect(failure("{}") == .notAPlan("p"))
        #expect(failure("# imgvec plan 2\n") == .newer("p", version: "2"))
        #expect(failure("# imgvec plan 1\r\n\r\n# note\r\n\(good)\r\n") == nil)
        for (change, word) in [
            (good.replacingOccurrences(of: "keep", with: "kep"), "\"kep\" is no action"),
            (good.replacingOccurrences(of: "\"path\"", with: "\"pth\""), "path"),
            (good.replacingOccurrences(of: "\"size\":1", with: "\"size\":\"1\""), "size"),
            (good.replacingOccurrences(of: scene.pictures.string, with: "pictures"), "absolute"),
            (good.replacingOccurrences(of: "/pictures/", with: "/pictures/../"), "absolute"),
            (good.replacingOccurrences(of: "/pictures/", with: "/pictures//"), "written"),
            (good.replacingOccurrences(of: "\"sha256\":\"", with: "\"sha256\":\"0"), "hexadecimal"),
            (String(good.dropLast()), "no JSON"), ("[1]", "no JSON"), ("keep a.jpg", "no JSON"),
        ] {
            let error = failure("# imgvec plan 1\n\n\(change)\n")
            let text = error?.description ?? "none"
            #expect(text.hasPrefix("p:3: ") && text.contains(word), "\(text) for \(change)")
        }
    }

    @Test func timesMayBeTexts() throws {
        let scene = try Scene()
        let line = try Scene.line(.keep, 1, scene.write("a.jpg", "x"))
        let text = String(decoding: try Plan.encoder.encode(line), as: UTF8.self)
            .replacingOccurrences(
                of: "\"mtime_ns\":\(line.modified)", with: "\"mtime_ns\":\"\(line.modified)\"")
        #expect(try Plan(text: Array("# imgvec plan 1\n\(text)".utf8), path: "p").entries[0].line == line)
    }

    @Test func onlyPlansAreReplaced() throws {
        let scene = try Scene()
        let plan = Plan([try Scene.line(.keep, 1, scene.write("a.jpg", "x"))])
        try plan.write(to: scene.planPath, head: Self.head)
        try plan.write(to: scene.planPath, head: Self.head)
        #expect(try Plan(contentsOf: scene.planPath).entries.count == 1)
        let picture = try scene.write("b.jpg", "picture")
        #expect(throws: PlanError.notReplaced(picture)) { try plan.write(to: picture, head: Self.head) }
        #expect(try FileContents.read(picture).bytes == Array("picture".utf8))
    }

    /// Plans with bytes changed at random: read or refused, and nothing is ever touched that the plan does not name.
    @Test func mutatedPlansNeverCrashAndNeverActOutside() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let scene = try Scene()
        let keeper = try scene.write("a.jpg", "kept"), copy = try scene.write("b.jpg", "copy")
        let sidecar = try scene.write("b.xmp", "sidecar")
        let stranger = try scene.write("c.jpg", "stranger")
        let lines = [
            try Scene.line(.keep, 1, keeper),
            try Scene.line(.trash, 1, copy, keeper: keeper, with: [sidecar]),
        ]
        let before = try scene.tree()
        let text = try Plan(lines).text(Self.head)
        var applied = 0
        for round in 0..<400 {
            var changed = text
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<changed.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: changed[at] = UInt8.random(in: 0...255, using: &random)
                case 1: changed.remove(at: at)
                case 2: changed.insert(UInt8.random(in: 32...126, using: &random), at: at)
                default: changed.replaceSubrange(at..<min(at + 8, changed.count), with: changed.prefix(8))
                }
            }
            guard let plan = try? Plan(text: changed, path: "p") else { continue }
            var options = scene.options
            options.journal = scene.temporary.path.appending("\(round).jsonl")
            let ran = try scene.apply(plan.entries.map(\.line), options: options)
            let now = try scene.tree()
            #expect(now[keeper] == before[keeper] && now[stranger] == before[stranger], "seed \(seed)")
            #expect(try scene.contents().count == 4, "seed \(seed)")
            guard ran.report.acted > 0, let journal = ran.report.journal else { continue }
            applied += 1
            _ = try PlanReversal(scene.journals).undo(journal) { _ in }
            #expect(try scene.tree() == before, "seed \(seed)")
        }
        #expect(applied > 0, "seed \(seed)")
    }
}
