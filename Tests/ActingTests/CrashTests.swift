import Acting
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// `apply` and `undo` stopped at every single change they make to the disk, one after the other.
@Suite struct CrashTests {
    /// A scene with one line of each action, and all contents before.
    private struct Stage {
        let scene: Scene
        let lines: [PlanLine]
        let other: OtherDevice?
        let before: [FilePath: Standing]

        init(_ actions: [PlanAction]) throws {
            scene = try Scene()
            other = OtherDevice()
            var lines: [PlanLine] = []
            for (index, action) in actions.enumerated() {
                let group = index + 1
                let keeper = try scene.write(
                    "\(group)/keep.jpg", "kept \(group)", modified: 1_600_000_000_000_000_001)
                let file = try scene.write(
                    "\(group)/copies/copy.jpg", action.isLink ? "kept \(group)" : "copy \(group)")
                var companions: [FilePath] = []
                if action == .trash || action == .move {
                    companions = [try scene.write("\(group)/copies/copy.xmp", "sidecar \(group)")]
                }
                lines.append(try Scene.line(.keep, group, keeper))
                lines.append(
                    try Scene.line(action, group, file, keeper: keeper, to: scene.moved, with: companions))
            }
            if let other {
                let group = actions.count + 1
                let keeper = try scene.write("\(group)/keep.jpg", "kept \(group)")
                let file = try scene.write("\(group)/copy.jpg", "copy over there")
                let sidecar = try scene.write("\(group)/copy.jpg.xmp", "sidecar over there")
                lines.append(try Scene.line(.keep, group, keeper))
                lines.append(
                    try Scene.line(.move, group, file, keeper: keeper, to: other.folder, with: [sidecar]))
            }
            self.lines = lines
            before = try scene.tree()
        }

        func contents() throws -> Set<[UInt8]> {
            let far = try other.map { try Scene.tree($0.folder) } ?? [:]
            return try scene.contents().union(far.values.filter { $0.kind == .regular }.map(\.sha256))
        }
    }

    private static let recoverable: [PlanAction] = [.trash, .move, .hardlink, .symlink]

    @Test func appliedAndUndoneEverythingIsAsBefore() throws {
        let stage = try Stage(Self.recoverable)
        let ran = try stage.scene.apply(stage.lines)
        #expect(ran.skipped.isEmpty && ran.acted.count >= 4, "\(ran.skipped)")
        #expect(try stage.scene.tree() != stage.before)
        #expect(try stage.scene.undo().isEmpty)
        #expect(try stage.scene.tree() == stage.before)
        #expect(try Scene.tree(stage.scene.trash).isEmpty)
        #expect(try Scene.tree(stage.scene.moved).isEmpty)
        if let other = stage.other { #expect(try Scene.tree(other.folder).isEmpty) }
        #expect(try stage.scene.undo().isEmpty)
        #expect(try stage.scene.tree() == stage.before)
    }

    @Test func stoppedAtEveryChangeOfApplyNothingIsLostAndUndoRestoresAll() throws {
        let whole = TestDisk()
        let counted = try Stage(Self.recoverable)
        _ = try counted.scene.apply(counted.lines, disk: whole)
        #expect(whole.count > 50)
        for change in 1...whole.count {
            let stage = try Stage(Self.recoverable)
            let contents = try stage.contents()
            _ = try? stage.scene.apply(stage.lines, disk: TestDisk(.stop(at: change)))
            #expect(try stage.contents().isSuperset(of: contents), "stopped at \(change)")
            #expect(try stage.scene.undo().isEmpty, "stopped at \(change)")
            #expect(try stage.scene.tree() == stage.before, "stopped at \(change)")
        }
    }

    @Test func stoppedAtEveryChangeOfApplyTheNextApplyFinishes() throws {
        let whole = TestDisk()
        let counted = try Stage(Self.recoverable)
        _ = try counted.scene.apply(counted.lines, disk: whole)
        for change in 1...whole.count {
            let stage = try Stage(Self.recoverable)
            _ = try? stage.scene.apply(stage.lines, disk: TestDisk(.stop(at: change)))
            let ran = try stage.scene.apply(stage.lines)
            #expect(ran.unfinished.isEmpty, "stopped at \(change): \(ran.unfinished)")
            // What the first run had done is gone from its place; nothing else may be refused.
            for (path, reason) in ran.skipped {
                switch reason {
                case .gone, .notAFile, .sameFile, .changed: break
                default: Issue.record("stopped at \(change): \(path): \(reason)")
                }
            }
            let names = try stage.scene.tree().keys.filter { "\($0)".contains(".imgvec-") }
            #expect(names.isEmpty, "stopped at \(change): \(names)")
            // Both runs back: the second one first.
            #expect(try stage.scene.undo().isEmpty)
            #expect(try stage.scene.undo().isEmpty)
            #expect(try stage.scene.tree() == stage.before, "stopped at \(change)")
        }
    }

    @Test func stoppedAtEveryChangeOfUndoTheNextUndoFinishes() throws {
        let whole = TestDisk()
        let counted = try Stage(Self.recoverable)
        _ = try counted.scene.apply(counted.lines)
        _ = try counted.scene.undo(disk: whole)
        #expect(whole.count > 30)
        for change in 1...whole.count {
            let stage = try Stage(Self.recoverable)
            let contents = try stage.contents()
            _ = try stage.scene.apply(stage.lines)
            _ = try? stage.scene.undo(disk: TestDisk(.stop(at: change)))
            #expect(try stage.contents().isSuperset(of: contents), "stopped at \(change)")
            #expect(try stage.scene.undo().isEmpty, "stopped at \(change)")
            #expect(try stage.scene.tree() == stage.before, "stopped at \(change)")
        }
    }

    @Test func oneFailingChangeCostsOneActionAtMost() throws {
        let whole = TestDisk()
        let counted = try Stage(Self.recoverable)
        _ = try counted.scene.apply(counted.lines, disk: whole)
        for change in 1...whole.count {
            let reason = [Errno.noSpace, .ioError, .permissionDenied][change % 3]
            let stage = try Stage(Self.recoverable)
            let contents = try stage.contents()
            _ = try? stage.scene.apply(stage.lines, disk: TestDisk(.once(at: change, reason)))
            #expect(try stage.contents().isSuperset(of: contents), "\(reason) at \(change)")
            #expect(try stage.scene.undo().isEmpty, "\(reason) at \(change)")
            #expect(try stage.scene.tree() == stage.before, "\(reason) at \(change)")
        }
    }

    @Test func stoppedAtEveryChangeOfDeletingTheKeptFilesStay() throws {
        let whole = TestDisk()
        let counted = try Stage([.delete, .delete])
        _ = try counted.scene.apply(counted.lines, disk: whole)
        for change in 1...whole.count {
            let stage = try Stage([.delete, .delete])
            _ = try? stage.scene.apply(stage.lines, disk: TestDisk(.stop(at: change)))
            let left = try stage.scene.tree()
            for (path, standing) in stage.before where path.lastComponent == "keep.jpg" {
                #expect(left[path] == standing, "stopped at \(change)")
            }
            let reasons = try stage.scene.undo()
            let after = try stage.scene.tree()
            for (path, standing) in stage.before where after[path] != standing {
                #expect(
                    after[path] == nil && reasons.contains { $0.hasPrefix("\(path)") }, "stopped at \(change)"
                )
            }
        }
    }
}

/// A folder on another file system than the temporary folder's; nil where there is none.
final class OtherDevice {
    let folder: FilePath

    init?() {
        let memory: FilePath = "/dev/shm"
        guard let there = try? FileStatus.of(memory), let here = try? FileStatus.of("/tmp"),
            there.device != here.device
        else { return nil }
        folder = memory.appending("imgvec-test-\(UInt64.random(in: 0 ... .max))")
        guard (try? Folders.create(folder)) != nil else { return nil }
    }

    deinit { try? Folders.removeTree(folder) }
}
