import Acting
import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Plans of random groups of files on the disk, held against a naive model of Docs/Duplicates.md.
@Suite struct PlanMakingTests {
    private struct Scene {
        let temporary: TemporaryFolder
        var groups: [[DuplicateGroup.Member]] = []
        /// Sidecars and films by path, with their text.
        var beside: [FilePath: String] = [:]
        /// Every picture's path, whether or not it is in a group.
        var pictures: Set<FilePath> = []

        init(_ random: inout SeededRandom) throws {
            temporary = try TemporaryFolder()
            let root = temporary.path
            for number in 1...Int.random(in: 1...4, using: &random) {
                var files: [(path: FilePath, text: String, isReference: Bool)] = []
                for _ in 0..<Int.random(in: 2...6, using: &random) {
                    // Few names in few folders: pictures share their stems, and with them their sidecars.
                    let folder = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                    let format = ["jpg", "png", "heic"].randomElement(using: &random) ?? "jpg"
                    let path = root.pushing(
                        FilePath("\(folder)/\(Int.random(in: 1...3, using: &random)).\(format)"))
                    guard pictures.insert(path).inserted else { continue }
                    let text = "\(["large", "small"].randomElement(using: &random) ?? "") \(number)"
                    try Self.write(text, path)
                    files.append((path, text, Int.random(in: 0...5, using: &random) == 0))
                }
                // As the finder orders them: a reference first, levels as seen from the first.
                let sorted = files.filter(\.isReference) + files.filter { !$0.isReference }
                guard sorted.count > 1 else { continue }
                groups.append(
                    try sorted.map { file in
                        let status = try FileStatus.of(file.path)
                        return DuplicateGroup.Member(
                            path: file.path, level: file.text == sorted[0].text ? .bytes : .copies, score: 1,
                            evidence: "", size: status.size, width: 1, height: 1, format: .jpeg,
                            modified: status.modifiedNanoseconds, captured: nil,
                            contentHash: try digest(file.path), isReference: file.isReference,
                            reason: "because")
                    })
            }
            for picture in pictures where Bool.random(using: &random) {
                guard let name = picture.lastComponent else { continue }
                let folder = picture.removingLastComponent()
                let kind =
                    ["\(name.stem).xmp", "\(name.string).xmp", "\(name.stem).mov"].randomElement(
                        using: &random) ?? ""
                let path = folder.appending(kind)
                // Few texts: some films have an equal one beside the kept picture.
                beside[path] = "beside \(Int.random(in: 0...1, using: &random))"
                try Self.write(beside[path] ?? "", path)
            }
        }

        static func write(_ text: String, _ path: FilePath) throws {
            try Folders.create(path.removingLastComponent())
            try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: path) }
        }

        /// What belongs to a picture by the manual's words: sidecars of its stem or whole name, films of its stem.
        func belongings(of picture: FilePath) -> [FilePath] {
            guard let name = picture.lastComponent else { return [] }
            let isLive = name.extension == "jpg" || name.extension == "heic"
            let names =
                ["\(name.stem).xmp", "\(name.string).xmp"] + (isLive ? ["\(name.stem).mov"] : [])
            return names.map { picture.removingLastComponent().appending($0) }.filter { beside[$0] != nil }
        }

        func owners(of companion: FilePath) -> [FilePath] {
            pictures.filter { belongings(of: $0).contains(companion) }
        }
    }

    private static func digest(_ path: FilePath) throws -> [UInt8] {
        let file = try FileDescriptor.open(path, .readOnly)
        defer { try? file.close() }
        return try ContentDigest.sha256(of: file, path: path)
    }

    @Test func plansOfRandomGroupsAreWhatTheManualSays() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        var acted = 0, held = 0, shared = 0
        for _ in 0..<150 {
            let scene = try Scene(&random)
            let action =
                [PlanAction.trash, .trash, .move, .hardlink, .symlink, .reflink, .delete].randomElement(
                    using: &random)
                ?? .trash
            let folder = scene.temporary.path.appending("moved")
            let plan = Plan(
                scene.groups.map(DuplicateGroup.init(members:)),
                intention: PlanIntention(action, destination: action == .move ? folder : nil))
            let lines = plan.entries.map(\.line)
            #expect(lines.map(\.path) == scene.groups.flatMap { $0 }.map(\.path), "seed \(seed)")
            var going: Set<FilePath> = []
            var next = 0
            for (number, group) in scene.groups.enumerated() {
                for (place, member) in group.enumerated() {
                    let line = lines[next]
                    next += 1
                    let comment: Comment = "seed \(seed): \(line)"
                    #expect(line.group == number + 1 && line.sha256 == member.contentHash, comment)
                    #expect(line.size == member.size && line.modified == member.modified, comment)
                    #expect(line.isReference == member.isReference, comment)
                    // What goes with it, if it goes: all that belongs to no picture that stays.
                    let own = scene.belongings(of: member.path).filter { companion in
                        scene.owners(of: companion).allSatisfy { $0 == member.path || going.contains($0) }
                    }
                    shared += scene.belongings(of: member.path).count - own.count
                    let kept = group[0].path
                    let texts = Set(scene.belongings(of: kept).compactMap { scene.beside[$0] })
                    let isHeld = own.contains { companion in
                        (companion.extension == "mov" || action == .delete)
                            && !texts.contains(scene.beside[companion] ?? "")
                    }
                    if place == 0 || member.isReference {
                        #expect(line.action == .keep && line.companions.isEmpty, comment)
                    } else if action.isLink {
                        #expect(line.action == (member.level == .bytes ? action : .skip), comment)
                        #expect(line.companions.isEmpty, comment)
                    } else if isHeld {
                        held += 1
                        #expect(line.action == .skip && line.companions.isEmpty, comment)
                        #expect(line.reason?.contains("belongs to it") == true, comment)
                    } else {
                        acted += 1
                        going.insert(member.path)
                        #expect(line.action == action && line.keeper == kept, comment)
                        #expect(line.destination == (action == .move ? folder : nil), comment)
                        #expect(Set(line.companions.map(\.path)) == Set(own), comment)
                    }
                }
            }
            try carryOut(plan, scene, "seed \(seed), \(action)")
        }
        #expect(acted > 50 && held > 5 && shared > 20, "seed \(seed): \(acted), \(held), \(shared)")
    }

    /// Carried out, the kept files and the references stand as they were, with what belongs to them, no line is
    /// refused but for want of reflinks, and undoing brings all back.
    private func carryOut(_ plan: Plan, _ scene: Scene, _ comment: Comment) throws {
        var options = ApplyOptions()
        options.allowsDeletion = true
        options.homeTrash = scene.temporary.path.appending("Trash")
        let journals = JournalFolder(scene.temporary.path.appending("journals"))
        var refused: [SkipReason] = []
        _ = try PlanApplication(plan, path: "/plan", options: options, journals: journals).run { event in
            if case .skipped(_, _, let reason) = event { refused.append(reason) }
        }
        let isReflink = plan.entries.contains { $0.line.action == .reflink }
        #expect(refused.isEmpty || isReflink, "\(comment): \(refused)")
        for entry in plan.entries where entry.line.action.leavesAlone {
            #expect(try Self.digest(entry.line.path) == entry.line.sha256, comment)
            for companion in scene.belongings(of: entry.line.path) {
                #expect((try? FileStatus.of(companion)) != nil, "\(comment): \(companion)")
            }
        }
        // No companion is left without any picture.
        for companion in scene.beside.keys where (try? FileStatus.of(companion)) != nil {
            let owners = scene.owners(of: companion)
            #expect(
                owners.isEmpty || owners.contains { (try? FileStatus.of($0)) != nil },
                "\(comment): \(companion)")
        }
        guard let journal = try PlanReversal(journals).latest() else { return }
        _ = try PlanReversal(journals).undo(journal) { _ in }
        guard !plan.entries.contains(where: { $0.line.action == .delete }) else { return }
        for member in scene.groups.flatMap({ $0 }) {
            #expect(try Self.digest(member.path) == member.contentHash, comment)
        }
        for companion in scene.beside.keys { #expect((try? FileStatus.of(companion)) != nil, comment) }
    }
}
