import Acting
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Somebody else changes the very files while they are acted on: what they wrote stays where they wrote it, and
/// nothing goes for a kept file that is not there any more.
@Suite struct RaceTests {
    private enum Deed: CaseIterable { case writeInPlace, replace, replaceByLink, remove, rename }

    /// Does a deed to what stands at a path, if anything does.
    @Sendable private static func act(_ deed: Deed, at path: FilePath) {
        guard (try? FileStatus.of(path, followingLinks: false)) != nil else { return }
        switch deed {
        case .writeInPlace:
            guard let file = try? FileDescriptor.open(path, .writeOnly, options: [.append]) else { return }
            _ = try? file.writeAll("written meanwhile".utf8)
            try? file.close()
        case .replace:
            let other = path.removingLastComponent().appending("new")
            guard
                let file = try? FileDescriptor.open(
                    other, .writeOnly, options: .create, permissions: .ownerReadWrite)
            else { return }
            _ = try? file.writeAll("replaced meanwhile".utf8)
            try? file.close()
            try? AtomicFile.rename(other, to: path)
        case .replaceByLink:
            AtomicFile.unlink(path)
            if let place = try? Place(path) { try? SystemDisk().symlink(to: "/dev/null", at: place) }
        case .remove: AtomicFile.unlink(path)
        case .rename: try? AtomicFile.rename(path, to: path.removingLastComponent().appending("renamed"))
        }
    }

    /// What a deed left behind: what is new or other than before in its folder.
    private final class Left: @unchecked Sendable {
        // Used by one thread only.
        var tree: [FilePath: Standing] = [:]
        var isInKeptFile = false
    }

    private struct Stage {
        let scene: Scene
        let keeper: FilePath, copy: FilePath
        let other: OtherDevice?
        let lines: [PlanLine]

        init(_ action: PlanAction, isFar: Bool) throws {
            scene = try Scene()
            other = isFar ? OtherDevice() : nil
            keeper = try scene.write("a/keep.jpg", "kept")
            copy = try scene.write("b/copy.jpg", action.isLink ? "kept" : "copy")
            lines = [
                try Scene.line(.keep, 1, keeper),
                try Scene.line(action, 1, copy, keeper: keeper, to: other?.folder ?? scene.moved),
            ]
        }

        func contents() throws -> Set<[UInt8]> {
            let far = try other.map { try Scene.tree($0.folder) } ?? [:]
            return try scene.contents().union(far.values.filter { $0.kind == .regular }.map(\.sha256))
        }
    }

    @Test(arguments: [PlanAction.trash, .move, .hardlink, .symlink, .delete])
    func whatOthersDoMeanwhileStays(action: PlanAction) throws {
        // A third of all cases each time: with all of them this is the slowest test of all.
        let third = Int.random(in: 0...2)
        for isFar in action == .move ? [false, true] : [false] {
            let counted = try Stage(action, isFar: isFar)
            let whole = TestDisk()
            _ = try counted.scene.apply(counted.lines, disk: whole)
            // What goes for good goes with the last look at the kept file: later deeds are not seen.
            let removal = whole.changes.firstIndex {
                if case .remove = $0 { true } else { false }
            }
            // The journal's third line says "done".
            let done = try #require(
                whole.changes.indices.filter {
                    if case .write(let path) = whole.changes[$0] { path.extension == "jsonl" } else { false }
                }.dropFirst(2).first)
            for change in 1...whole.count {
                for (place, deed) in Deed.allCases.enumerated() {
                    for isKeeper in [false, true]
                    where (change + place + (isKeeper ? 1 : 0)) % 3 == third {
                        try check(
                            Stage(action, isFar: isFar), action, deed, change: change, isKeeper: isKeeper,
                            isSeen: change <= removal ?? whole.count, isBeforeDone: change <= done)
                    }
                }
            }
        }
    }

    private func check(
        _ stage: Stage, _ action: PlanAction, _ deed: Deed, change: Int, isKeeper: Bool, isSeen: Bool,
        isBeforeDone: Bool
    ) throws {
        let path = isKeeper ? stage.keeper : stage.copy
        let kept = try Scene.digest(stage.keeper), copied = try Scene.digest(stage.copy)
        let comment: Comment = "\(action), \(deed) of \(isKeeper ? "keeper" : "copy") before change \(change)"
        let left = Left()
        let keeper = stage.keeper
        let ran = try stage.scene.apply(
            stage.lines,
            disk: TestDisk(
                .meanwhile(at: change) {
                    let before = (try? Scene.tree(path.removingLastComponent())) ?? [:]
                    Self.act(deed, at: path)
                    let after = (try? Scene.tree(path.removingLastComponent())) ?? [:]
                    left.tree = after.filter { before[$0.key] != $0.value }
                    // What is written through a link arrives in the kept file.
                    left.isInKeptFile = !isKeeper && (try? Scene.digest(keeper)) != kept
                }))
        #expect(ran.unfinished.isEmpty, comment)
        // What happens to the kept file before the step is done calls it off.
        if isKeeper, isBeforeDone { #expect(ran.acted.isEmpty, comment) }
        // Deeds to the kept file never cost the copy as well.
        if isKeeper, isSeen { #expect(try stage.contents().contains(copied), comment) }
        let journal = try JournalFolder.read(#require(stage.scene.journals.journals().last))
        #expect(!journal.isHalfDone, comment)
        _ = try stage.scene.undo()
        let after = try stage.scene.tree()
        for (place, standing) in left.tree where !left.isInKeptFile {
            #expect(after[place] == standing, comment)
        }
        if isKeeper {
            if isSeen { #expect(after[stage.copy]?.sha256 == copied, comment) }
        } else if !left.isInKeptFile {
            #expect(after[stage.keeper]?.sha256 == kept, comment)
        }
    }

    @Test func aKeptFileWithOtherBytesAndItsOldTimeIsSeenByTheNextLine() throws {
        let stage = try Stage(.trash, isFar: false)
        let second = try stage.scene.write("b/second.jpg", "copy 2")
        let lines = stage.lines + [try Scene.line(.trash, 1, second, keeper: stage.keeper)]
        let counted = TestDisk()
        _ = try stage.scene.apply(lines, disk: counted)
        _ = try stage.scene.undo()
        let first = try #require(
            counted.changes.firstIndex {
                if case .rename = $0 { true } else { false }
            })
        let (keeper, scene) = (stage.keeper, stage.scene)
        let status = try FileStatus.of(keeper)
        let ran = try scene.apply(
            lines,
            disk: TestDisk(
                .meanwhile(at: first + 1) {
                    // In place, as long as before, with the time set back: only the time of the change tells.
                    guard let file = try? FileDescriptor.open(keeper, .writeOnly) else { return }
                    _ = try? file.writeAll("KEPT".utf8)
                    try? SystemDisk().set(status, on: file, path: keeper)
                    try? file.close()
                }))
        #expect(ran.skipped.map(\.reason) == [.changed(keeper, what: "content")])
        #expect(ran.acted == [stage.copy])
    }
}
