import Acting
import Foundation
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// What can have happened between a plan and its application: nothing is acted on that is not as the plan says.
@Suite struct FaultTests {
    private struct Pair {
        let scene: Scene
        let keeper: FilePath, copy: FilePath
        var lines: [PlanLine]

        init(_ action: PlanAction = .trash, copy content: String = "the copy") throws {
            scene = try Scene()
            keeper = try scene.write("a/keep.jpg", "the kept file")
            copy = try scene.write("b/copy.jpg", content)
            lines = [
                try Scene.line(.keep, 1, keeper),
                try Scene.line(action, 1, copy, keeper: keeper, to: scene.moved),
            ]
        }

        /// Expects that applying leaves everything as it is, and gives the reason.
        func refusal(_ comment: Comment? = nil) throws -> SkipReason? {
            let before = try scene.tree()
            let ran = try scene.apply(lines)
            #expect(ran.acted.isEmpty, comment)
            #expect(try scene.tree() == before, comment)
            return ran.skipped.first?.reason
        }
    }

    private static let acting: [PlanAction] = [.trash, .move, .delete]

    @Test(arguments: acting) func changedFilesAreLeftAlone(action: PlanAction) throws {
        for isKeeper in [false, true] {
            var pair = try Pair(action)
            let path = isKeeper ? pair.keeper : pair.copy
            try pair.scene.write(path, "longer than it was before")
            #expect(try pair.refusal() == .changed(path, what: "size"))
            pair = try Pair(action)
            let other = isKeeper ? pair.keeper : pair.copy
            try pair.scene.write(other, isKeeper ? "the kept file" : "the copy", modified: 7)
            #expect(try pair.refusal() == .changed(other, what: "modification time"))
            // Same size and time, other bytes: only the hash can tell.
            pair = try Pair(action)
            let third = isKeeper ? pair.keeper : pair.copy
            try pair.scene.write(third, isKeeper ? "the KEPT file" : "the COPY")
            #expect(try pair.refusal() == .changed(third, what: "content"))
        }
    }

    @Test(arguments: acting) func vanishedAndSwappedFilesAreLeftAlone(action: PlanAction) throws {
        for isKeeper in [false, true] {
            var pair = try Pair(action)
            var path = isKeeper ? pair.keeper : pair.copy
            AtomicFile.unlink(path)
            #expect(try pair.refusal() == .gone(path))
            // A symbolic link to a file that is exactly as the plan says.
            pair = try Pair(action)
            path = isKeeper ? pair.keeper : pair.copy
            let elsewhere = pair.scene.pictures.appending("elsewhere.jpg")
            try AtomicFile.rename(path, to: elsewhere)
            try SystemDisk().symlink(to: elsewhere, at: Place(path))
            #expect(try pair.refusal() == .notAFile(path))
            pair = try Pair(action)
            path = isKeeper ? pair.keeper : pair.copy
            AtomicFile.unlink(path)
            try Folders.create(path)
            #expect(try pair.refusal() == .notAFile(path))
            pair = try Pair(action)
            path = isKeeper ? pair.keeper : pair.copy
            AtomicFile.unlink(path)
            _ = path.withPlatformString { mkfifo($0, 0o600) }
            #expect(try pair.refusal() == .notAFile(path))
        }
    }

    @Test func aFolderSwappedForALinkToTheKeptOnesIsNoSecondCopy() throws {
        let pair = try Pair(.delete, copy: "the kept file")
        // b becomes a link to a, where a file of the copy's name is the kept file itself.
        try Folders.removeTree(pair.copy.removingLastComponent())
        try SystemDisk().link(
            Place(pair.keeper), to: Place(pair.keeper.removingLastComponent().appending("copy.jpg")))
        try SystemDisk().symlink(
            to: pair.keeper.removingLastComponent(), at: Place(pair.copy.removingLastComponent()))
        #expect(try pair.refusal() == .sameFile(pair.copy, as: pair.keeper))
    }

    @Test func namesOfOneFileAreNeverBothActedOn() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "same"), copy = try scene.write("copy.jpg", "same")
        let second = scene.pictures.appending("second-name.jpg"),
            third = scene.pictures.appending("of-kept.jpg")
        try SystemDisk().link(Place(copy), to: Place(second))
        try SystemDisk().link(Place(keeper), to: Place(third))
        let ran = try scene.apply([
            try Scene.line(.keep, 1, keeper), try Scene.line(.trash, 1, copy, keeper: keeper),
            try Scene.line(.trash, 1, second, keeper: keeper),
            try Scene.line(.trash, 1, third, keeper: keeper),
        ])
        #expect(ran.acted == [copy])
        #expect(
            ran.skipped.map(\.reason) == [.sameFile(second, as: copy), .sameFile(third, as: keeper)])
    }

    @Test func aFileWhoseFirstLineFailedMayBeActedOnByItsOtherName() throws {
        let pair = try Pair()
        let second = pair.scene.pictures.appending("second-name.jpg")
        try SystemDisk().link(Place(pair.copy), to: Place(second))
        let lines = pair.lines + [try Scene.line(.trash, 1, second, keeper: pair.keeper)]
        let counted = TestDisk()
        _ = try pair.scene.apply(lines, disk: counted)
        #expect(try pair.scene.undo().isEmpty)
        let rename = try #require(
            counted.changes.firstIndex {
                if case .rename = $0 { true } else { false }
            })
        let ran = try pair.scene.apply(lines, disk: TestDisk(.once(at: rename + 1, .ioError)))
        #expect(ran.skipped.map(\.path) == [pair.copy] && ran.acted == [second])
    }

    @Test(arguments: [PlanAction.hardlink, .symlink, .reflink]) func linksAreForEqualBytesOnly(
        action: PlanAction
    ) throws {
        let pair = try Pair(action)
        #expect(try pair.refusal() == .notByteEqual(to: pair.keeper))
    }

    @Test func reflinksShareOrAreRefused() throws {
        let pair = try Pair(.reflink, copy: "the kept file")
        let before = try pair.scene.tree()
        let ran = try pair.scene.apply(pair.lines)
        // Whether the file system can do it or not, path, bytes and time are as before.
        #expect(try pair.scene.tree() == before)
        #expect(ran.acted.count + ran.skipped.count == 1)
        #expect(try pair.scene.undo().isEmpty)
        #expect(try pair.scene.tree() == before)
    }

    @Test func hardLinksSaveTheSpaceAndAreUndoneWithTheirOwnTime() throws {
        let pair = try Pair(.hardlink, copy: "the kept file")
        try pair.scene.write(pair.copy, "the kept file", modified: 1_234_567_890_987_654_321)
        var lines = pair.lines
        lines[1] = try Scene.line(.hardlink, 1, pair.copy, keeper: pair.keeper)
        let before = try pair.scene.tree()
        #expect(try pair.scene.apply(lines).acted == [pair.copy])
        #expect(try FileStatus.of(pair.copy).inode == FileStatus.of(pair.keeper).inode)
        #expect(try pair.scene.undo().isEmpty)
        #expect(try FileStatus.of(pair.copy).inode != FileStatus.of(pair.keeper).inode)
        #expect(try pair.scene.tree() == before)
    }

    @Test func lockedFilesAreLeftAlone() throws {
        let pair = try Pair()
        let file = try FileDescriptor.open(pair.copy, .readOnly)
        defer { try? file.close() }
        #expect(flock(file.rawValue, LOCK_EX | LOCK_NB) == 0)
        #expect(try pair.refusal() == .inUse(pair.copy))
        #expect(flock(file.rawValue, LOCK_UN) == 0)
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
    }

    @Test func deletionNeedsToBeAllowed() throws {
        let pair = try Pair(.delete)
        var options = pair.scene.options
        options.allowsDeletion = false
        #expect(
            try pair.scene.apply(pair.lines, options: options).skipped.first?.reason == .deletionNotAllowed)
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
        #expect(try pair.scene.undo().count == 1)
        #expect(try pair.scene.tree().count == 1)
    }

    @Test func dryRunsChangeNothing() throws {
        for action in Self.acting + [.hardlink, .symlink] {
            let pair = try Pair(action, copy: "the kept file")
            var options = pair.scene.options
            options.isDryRun = true
            let before = try Scene.tree(pair.scene.temporary.path)
            let ran = try pair.scene.apply(pair.lines, options: options)
            #expect(ran.acted == [pair.copy] && ran.report.journal == nil)
            #expect(try Scene.tree(pair.scene.temporary.path) == before)
            #expect((try? FileStatus.of(pair.scene.trash)) == nil)
            #expect((try? FileStatus.of(pair.scene.moved)) == nil)
        }
    }

    @Test func movingNeverOverwritesAndKeepsUnitsTogether() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let copy = try scene.write("b/copy.jpg", "copy"), sidecar = try scene.write("b/copy.xmp", "edits")
        try scene.write(scene.moved.appending("copy.xmp"), "somebody's")
        let ran = try scene.apply([
            try Scene.line(.keep, 1, keeper),
            try Scene.line(.move, 1, copy, keeper: keeper, to: scene.moved, with: [sidecar]),
        ])
        #expect(ran.acted == [copy])
        let names = try Folders.list(scene.moved).map(\.name.string)
        #expect(names == ["copy 2.jpg", "copy 2.xmp", "copy.xmp"])
        #expect(try FileContents.read(scene.moved.appending("copy.xmp")).bytes == Array("somebody's".utf8))
    }

    @Test func undoNeverOverwritesWhatHasAppeared() throws {
        let pair = try Pair()
        _ = try pair.scene.apply(pair.lines)
        try pair.scene.write(pair.copy, "something new")
        let reasons = try pair.scene.undo()
        #expect(reasons.count == 1 && reasons[0].contains("something else stands"), "\(reasons)")
        #expect(try FileContents.read(pair.copy).bytes == Array("something new".utf8))
        #expect(try pair.scene.contents().contains(Scene.digest(pair.copy)))
        // Once the place is free, undoing the same journal brings the file back, folder and all.
        try Folders.removeTree(pair.copy.removingLastComponent())
        let journal = try #require(try pair.scene.journals.journals().last)
        let report = try PlanReversal(pair.scene.journals).undo(journal) { _ in }
        #expect(report.restored == 1)
        #expect(try FileContents.read(pair.copy).bytes == Array("the copy".utf8))
    }

    @Test func companionsMustBeKnownAndOriginalsMustHaveACopy() throws {
        for name in ["copy.xmp", "copy.jpg.xmp", "copy.AAE", "copy.mov"] {
            let pair = try Pair()
            let companion = try pair.scene.write("b/\(name)", "belongs to it")
            #expect(try pair.refusal() == .newCompanion(companion))
        }
        var pair = try Pair()
        let raw = try pair.scene.write("b/copy.CR2", "raw data")
        pair.lines[1] = try Scene.line(.trash, 1, pair.copy, keeper: pair.keeper, with: [raw])
        #expect(try pair.refusal() == .companionWithoutCopy(raw))
        // With an equal raw file beside the kept picture, both go.
        try pair.scene.write("a/keep.cr2", "raw data")
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
        #expect(try pair.scene.tree().count == 2)
        // A further name of the same raw file is no copy of it.
        pair = try Pair()
        let film = try pair.scene.write("b/copy.mov", "film")
        pair.lines[1] = try Scene.line(.trash, 1, pair.copy, keeper: pair.keeper, with: [film])
        try SystemDisk().link(
            Place(film), to: Place(pair.keeper.removingLastComponent().appending("keep.mov")))
        #expect(try pair.refusal() == .companionWithoutCopy(film))
        // A sidecar that has changed holds its picture back.
        pair = try Pair()
        let sidecar = try pair.scene.write("b/copy.xmp", "edits")
        pair.lines[1] = try Scene.line(.trash, 1, pair.copy, keeper: pair.keeper, with: [sidecar])
        try pair.scene.write(sidecar, "EDITS")
        #expect(try pair.refusal() == .changed(sidecar, what: "content"))
    }

    @Test func whatBelongsToTwoPicturesGoesWithTheLastOfThem() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let first = try scene.write("b/a.jpg", "1"), second = try scene.write("b/a.PNG", "2")
        let sidecar = try scene.write("b/a.xmp", "edits")
        let text = try scene.write("b/a.txt", "no picture")
        let keep = try Scene.line(.keep, 1, keeper)
        // The other picture stays: so does what belongs to both.
        let with = try Scene.line(.trash, 1, first, keeper: keeper, with: [sidecar])
        #expect(
            try scene.apply([keep, with]).skipped.map(\.reason) == [.companionOfAnother(sidecar, second)])
        // A film belongs to the JPEG alone.
        let film = try scene.write("b/a.mov", "film")
        let without = try Scene.line(.trash, 1, first, keeper: keeper)
        #expect(try scene.apply([keep, without]).skipped.map(\.reason) == [.newCompanion(film)])
        AtomicFile.unlink(film)
        let before = try scene.tree()
        #expect(try scene.apply([keep, without]).acted == [first])
        #expect(try scene.tree()[sidecar] != nil)
        #expect(try scene.undo().isEmpty)
        // Both go, and the sidecar with the second one; on a dry run as well.
        let last = try Scene.line(.trash, 1, second, keeper: keeper, with: [sidecar])
        var options = scene.options
        for isDryRun in [true, false] {
            options.isDryRun = isDryRun
            let ran = try scene.apply([keep, without, last], options: options)
            #expect(ran.acted == [first, second], "\(ran.skipped)")
        }
        #expect(Set(try scene.tree().keys) == [keeper, text])
        #expect(try scene.undo().isEmpty)
        #expect(try scene.tree() == before)
        // When the first is left alone after all, the second may not take the sidecar from it.
        try scene.write(first, "changed")
        let ran = try scene.apply([keep, without, last])
        #expect(ran.skipped.last?.reason == .companionOfAnother(sidecar, first) && ran.acted.isEmpty)
        // A link leaves the name, and what belongs to it, where they are.
        let copy = try scene.write("b/a.gif", "kept")
        let linked = try scene.apply([
            keep, try Scene.line(.hardlink, 1, copy, keeper: keeper),
            try Scene.line(.trash, 1, second, keeper: keeper, with: [sidecar]),
        ])
        #expect(linked.skipped.count == 1 && linked.acted == [copy], "\(linked.skipped)")
    }

    @Test func referencesAreNotActedOnWhateverThePlanSays() throws {
        var pair = try Pair()
        pair.lines[1].isReference = true
        #expect(try pair.refusal() == .reference)
        // Nor by another line that does not call it one.
        var line = pair.lines[1]
        line.isReference = false
        pair.lines.append(line)
        let ran = try pair.scene.apply(pair.lines)
        #expect(ran.acted.isEmpty && ran.skipped.map(\.reason) == [.reference, .reference])
    }

    @Test func namesAsLongAsTheyCanBeGoToTheTrashAndBack() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let names = [
            String(repeating: "x", count: 251), String(repeating: "x", count: 250) + "y",
            String(repeating: "é", count: 125), String(repeating: "日", count: 83) + "zz",
        ]
        var lines = [try Scene.line(.keep, 1, keeper)]
        for name in names {
            lines.append(try Scene.line(.trash, 1, scene.write("\(name).jpg", name), keeper: keeper))
        }
        let before = try scene.tree()
        let ran = try scene.apply(lines)
        #expect(ran.acted.count == names.count, "\(ran.skipped)")
        for entry in try Folders.list(scene.trash.appending("info")) {
            #expect(String(validating: entry.name.bytes, as: UTF8.self)?.hasSuffix(".jpg.trashinfo") == true)
        }
        #expect(try scene.undo().isEmpty)
        #expect(try scene.tree() == before)
        // Where the name is taken, the unit gets a shorter one with a number.
        let copy = try scene.write("\(names[0]).jpg", names[0])
        let sidecar = try scene.write("\(names[0]).xmp", "edits")
        try scene.write(scene.moved.appending("\(names[0]).xmp"), "somebody's")
        let moved = try scene.apply([
            lines[0], try Scene.line(.move, 1, copy, keeper: keeper, to: scene.moved, with: [sidecar]),
        ])
        #expect(moved.acted == [copy], "\(moved.skipped)")
        let stem = String(repeating: "x", count: 249) + " 2"
        #expect(
            Set(try Folders.list(scene.moved).map(\.name.string)).isSuperset(of: [
                "\(stem).jpg", "\(stem).xmp",
            ]))
    }

    @Test func theUsersOwnTrashMayBeALink() throws {
        let pair = try Pair()
        let real = pair.scene.temporary.path.appending("elsewhere")
        try Folders.create(real)
        try SystemDisk().symlink(to: real, at: Place(pair.scene.trash))
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
        #expect(try Folders.list(real.appending("files")).count == 1)
        // What stands in it may not.
        try Folders.removeTree(real.appending("files"))
        try SystemDisk().symlink(to: pair.scene.pictures, at: Place(real.appending("files")))
        try pair.scene.write(pair.copy, "the copy")
        #expect(try pair.scene.apply(pair.lines).acted.isEmpty)
    }

    @Test func aHardLinkIsUndoneFromItsOwnBytesWhenTheKeptFileHasChanged() throws {
        let pair = try Pair(.hardlink, copy: "the kept file")
        let before = try pair.scene.tree()
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
        try pair.scene.write(pair.keeper, "another file of that name")
        #expect(try pair.scene.undo().isEmpty)
        #expect(try pair.scene.tree()[pair.copy] == before[pair.copy])
    }

    @Test func namesThatAreNotTextGoToTheTrashAndBack() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let names: [[UInt8]] = [
            Array("new\nline.jpg".utf8), [0x66, 0xFF, 0xFE] + Array(".jpg".utf8), Array("%41 b.jpg".utf8),
            Array("-rf".utf8), [UInt8](repeating: UInt8(ascii: "x"), count: 240),
        ]
        var lines = [try Scene.line(.keep, 1, keeper)]
        for name in names {
            let path = scene.pictures.appending(try #require(FilePath(bytes: name)?.lastComponent))
            try scene.write(path, "copy \(name)")
            lines.append(try Scene.line(.trash, 1, path, keeper: keeper))
        }
        let before = try scene.tree()
        let ran = try scene.apply(lines)
        #expect(ran.acted.count == names.count, "\(ran.skipped)")
        let note = try FileContents.read(scene.trash.pushing("info/%41 b.jpg.trashinfo")).bytes
        #expect(String(decoding: note, as: UTF8.self).contains("/%2541%20b.jpg\nDeletionDate=2"))
        #expect(try scene.undo().isEmpty)
        #expect(try scene.tree() == before)
        #expect(try Scene.tree(scene.trash).isEmpty)
    }

    @Test func twoFilesOfOneNameLieInTheTrashUnderTwo() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let first = try scene.write("a/x.jpg", "1"), second = try scene.write("b/x.jpg", "2")
        let before = try scene.tree()
        #expect(
            try scene.apply([
                try Scene.line(.keep, 1, keeper), try Scene.line(.trash, 1, first),
                try Scene.line(.trash, 1, second),
            ]).acted.count == 2)
        #expect(try Folders.list(scene.trash.appending("files")).map(\.name.string) == ["x 2.jpg", "x.jpg"])
        #expect(try scene.undo().isEmpty)
        #expect(try scene.tree() == before)
    }

    @Test func runsAtOneTimeAreRefused() throws {
        let pair = try Pair()
        try Folders.create(pair.scene.journals.path)
        let lock = try #require(try FileLock(pair.scene.journals.path.appending("lock")))
        #expect(throws: JournalError.self) { try pair.scene.apply(pair.lines) }
        #expect(throws: JournalError.self) {
            try PlanReversal(pair.scene.journals).undo(pair.scene.planPath) { _ in }
        }
        withExtendedLifetime(lock) {}
    }

    @Test func aNameThatIsTakenMeanwhileIsNotOverwritten() throws {
        let pair = try Pair(.move)
        let taken = pair.scene.moved.appending("copy.jpg")
        let counted = TestDisk()
        _ = try pair.scene.apply(pair.lines, disk: counted)
        #expect(try pair.scene.undo().isEmpty)
        let before = try pair.scene.tree()
        let rename = try #require(counted.changes.firstIndex(of: .rename(pair.copy, taken)))
        let ran = try pair.scene.apply(
            pair.lines,
            disk: TestDisk(
                .meanwhile(at: rename + 1) { try? SystemDisk().symlink(to: "/dev/null", at: Place(taken)) }))
        #expect(ran.acted.isEmpty && ran.skipped.count == 1)
        #expect(try pair.scene.tree() == before)
        #expect(try Place(taken).linkTarget() == "/dev/null")
        // A line that failed is nothing to undo.
        #expect(try PlanReversal(pair.scene.journals).latest() == nil)
    }

    @Test func aNoteThatIsLeftInTheTrashKeepsItsName() throws {
        let pair = try Pair()
        let note = pair.scene.trash.pushing("info/copy.jpg.trashinfo")
        try pair.scene.write(note, "somebody's")
        #expect(try pair.scene.apply(pair.lines).acted == [pair.copy])
        #expect(try Folders.list(pair.scene.trash.appending("files")).map(\.name.string) == ["copy 2.jpg"])
        #expect(try pair.scene.undo().isEmpty)
        #expect(try FileContents.read(note).bytes == Array("somebody's".utf8))
    }

    @Test func aUnitComesBackWholeOrNotAtAll() throws {
        var pair = try Pair()
        let sidecar = try pair.scene.write("b/copy.xmp", "edits")
        pair.lines[1] = try Scene.line(.trash, 1, pair.copy, keeper: pair.keeper, with: [sidecar])
        _ = try pair.scene.apply(pair.lines)
        try pair.scene.write(pair.copy, "something new")
        let tree = try pair.scene.tree()
        #expect(try pair.scene.undo().count == 1)
        #expect(try pair.scene.tree() == tree)
        AtomicFile.unlink(pair.copy)
        let journal = try #require(try pair.scene.journals.journals().last)
        #expect(try PlanReversal(pair.scene.journals).undo(journal) { _ in }.restored == 1)
        #expect(try pair.scene.tree().count == 3)
        // What was changed in the trash is not the file any more.
        _ = try pair.scene.apply(pair.lines)
        let trashed = pair.scene.trash.pushing("files/copy.jpg")
        let file = try FileDescriptor.open(trashed, .writeOnly)
        try file.writeAll("THE".utf8)
        try file.close()
        let reasons = try pair.scene.undo()
        #expect(reasons.count == 1 && reasons[0].contains("cannot be put back"), "\(reasons)")
        #expect(try pair.scene.tree().count == 1)
    }

    @Test func aSidecarIsNotTakenFromAPictureWhoseLineFailed() throws {
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let first = try scene.write("b/a.jpg", "1"), second = try scene.write("b/a.png", "2")
        let sidecar = try scene.write("b/a.xmp", "edits")
        let lines = [
            try Scene.line(.keep, 1, keeper), try Scene.line(.trash, 1, first, keeper: keeper),
            try Scene.line(.trash, 1, second, keeper: keeper, with: [sidecar]),
        ]
        let counted = TestDisk()
        #expect(try scene.apply(lines, disk: counted).acted.count == 2)
        #expect(try scene.undo().isEmpty)
        let rename = try #require(
            counted.changes.firstIndex {
                if case .rename(first, _) = $0 { true } else { false }
            })
        let ran = try scene.apply(lines, disk: TestDisk(.once(at: rename + 1, .ioError)))
        #expect(ran.acted.isEmpty && ran.skipped.last?.reason == .companionOfAnother(sidecar, first))
    }

    @Test func aCopyThatArrivesChangedIsTakenBack() throws {
        guard let other = OtherDevice() else { return }
        var pair = try Pair()
        pair.lines[1] = try Scene.line(.move, 1, pair.copy, keeper: pair.keeper, to: other.folder)
        let before = try pair.scene.tree()
        let ran = try pair.scene.apply(pair.lines, disk: TestDisk(.spoil))
        #expect(ran.acted.isEmpty && ran.skipped.map(\.reason) == [.changed(pair.copy, what: "content")])
        #expect(try pair.scene.tree() == before)
        #expect(try Scene.tree(other.folder).isEmpty)
    }

    @Test func whatWaitsToBeDeletedStaysWhenTheKeptFileHasChanged() throws {
        let pair = try Pair(.delete)
        let before = try pair.scene.tree()
        let counted = TestDisk()
        let whole = try Pair(.delete)
        _ = try whole.scene.apply(whole.lines, disk: counted)
        let removal = try #require(
            counted.changes.firstIndex {
                if case .remove = $0 { true } else { false }
            })
        _ = try? pair.scene.apply(pair.lines, disk: TestDisk(.stop(at: removal + 1)))
        try pair.scene.write(pair.keeper, "another file")
        let ran = try pair.scene.apply([])
        #expect(ran.unfinished.count == 1, "\(ran.unfinished)")
        #expect(try pair.scene.undo().isEmpty)
        #expect(try pair.scene.tree()[pair.copy] == before[pair.copy])
    }

    @Test func damagedJournalsAreNamed() throws {
        let pair = try Pair()
        _ = try pair.scene.apply(pair.lines)
        let journal = try #require(try pair.scene.journals.journals().last)
        let bytes = try FileContents.read(journal).bytes
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let tree = try Scene.tree(pair.scene.pictures)
        for _ in 0..<200 {
            var changed = bytes
            changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
            let copy = pair.scene.temporary.path.appending("changed.jsonl")
            try changed.withUnsafeBytes { try AtomicFile.write($0, to: copy) }
            // Read or refused; a kept file is never touched by it.
            _ = try? PlanReversal(pair.scene.journals).undo(copy) { _ in }
            for (path, standing) in tree { #expect(try pair.scene.tree()[path] == standing, "seed \(seed)") }
            try? pair.scene.write(pair.copy, "x")
            AtomicFile.unlink(pair.copy)
        }
    }
}

/// Faults that take a file system of their own; skipped where none may be mounted.
@Suite(.serialized) struct MountTests {
    /// A small file system in memory, mounted in a temporary folder.
    private final class Mount {
        let temporary: TemporaryFolder
        var path: FilePath { temporary.path.appending("mounted") }

        init?(options: String) {
            guard let temporary = try? TemporaryFolder() else { return nil }
            self.temporary = temporary
            try? Folders.create(temporary.path.appending("mounted"))
            guard Self.run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", path.string]) else { return nil }
        }

        func remount(_ options: String) -> Bool {
            Self.run("mount", ["-o", "remount,\(options)", path.string])
        }

        /// A folder that is also mounted at another place.
        init?(binding folder: FilePath) {
            guard let temporary = try? TemporaryFolder() else { return nil }
            self.temporary = temporary
            try? Folders.create(temporary.path.appending("mounted"))
            guard Self.run("mount", ["--bind", folder.string, path.string]) else { return nil }
        }

        /// A file system of a kind in a file; nil where its tools or the kernel's part are missing.
        init?(kind: String, megabytes: Int) {
            guard let temporary = try? TemporaryFolder() else { return nil }
            self.temporary = temporary
            let image = temporary.path.appending("image")
            try? Folders.create(temporary.path.appending("mounted"))
            guard
                let file = try? FileDescriptor.open(
                    image, .readWrite, options: .create, permissions: .ownerReadWrite),
                (try? file.resize(to: Int64(megabytes) << 20)) != nil, (try? file.close()) != nil,
                Self.run("mkfs.\(kind)", ["-q", image.string]),
                Self.run("mount", ["-o", "loop", image.string, path.string])
            else { return nil }
        }

        deinit { _ = Self.run("umount", ["-l", path.string]) }

        private static func run(_ tool: String, _ arguments: [String]) -> Bool {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = [tool] + arguments
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            guard (try? process.run()) != nil else { return false }
            process.waitUntilExit()
            return process.terminationStatus == 0
        }

        static let isPermitted = Mount(options: "size=64k") != nil

        /// A file system whose files can share blocks.
        static func withSharing() -> Mount? {
            Mount(kind: "btrfs", megabytes: 128) ?? Mount(kind: "xfs", megabytes: 320)
        }
        static let canShare = withSharing() != nil
    }

    private static func copies(
        on mount: Mount, _ scene: Scene, _ action: PlanAction
    ) throws -> (copy: FilePath, lines: [PlanLine]) {
        let keeper = try scene.write("keep.jpg", "kept")
        let copy = mount.path.appending("copy.jpg")
        try scene.write(copy, "copy on another disk")
        return (
            copy,
            [
                try Scene.line(.keep, 1, keeper),
                try Scene.line(action, 1, copy, keeper: keeper, to: scene.moved),
            ]
        )
    }

    @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
    func anotherFileSystemHasATrashOfItsOwn() throws {
        let mount = try #require(Mount(options: "size=1m"))
        let scene = try Scene()
        let (copy, lines) = try Self.copies(on: mount, scene, .trash)
        let before = try Scene.tree(mount.path)
        #expect(try scene.apply(lines).acted == [copy])
        let trash = mount.path.appending(".Trash-\(getuid())")
        #expect(try Folders.list(trash.appending("files")).map(\.name.string) == ["copy.jpg"])
        let note = try FileContents.read(trash.pushing("info/copy.jpg.trashinfo")).bytes
        #expect(String(decoding: note, as: UTF8.self).hasPrefix("[Trash Info]\nPath=copy.jpg\n"))
        #expect(try FileStatus.of(trash).permissions == 0o700)
        #expect(try scene.undo().isEmpty)
        #expect(try Scene.tree(mount.path) == before)
        // An administrator's shared trash is used when it has the sticky bit, and only then.
        let shared = mount.path.appending(".Trash")
        try Folders.create(shared)
        #expect(try scene.apply(lines).acted == [copy])
        #expect(try Folders.list(trash.appending("files")).count == 1)
        #expect(try scene.undo().isEmpty)
        _ = shared.withPlatformString { chmod($0, 0o1777) }
        #expect(try scene.apply(lines).acted == [copy])
        #expect(try Folders.list(shared.pushing(FilePath("\(getuid())/files"))).count == 1)
        #expect(try scene.undo().isEmpty)
        // A link in its place is not followed.
        try Folders.removeTree(shared)
        try Folders.removeTree(trash)
        try SystemDisk().symlink(to: scene.pictures, at: Place(trash))
        #expect(try scene.apply(lines).acted.isEmpty)
    }

    @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
    func aDiskMountedTwiceIsTwoDisks() throws {
        // One device, two mounts: rename(2) does not go from one to the other.
        let scene = try Scene()
        let folder = scene.temporary.path.appending("bound")
        try Folders.create(folder)
        let mount = try #require(Mount(binding: folder))
        let (copy, trash) = try Self.copies(on: mount, scene, .trash)
        let before = try Scene.tree(mount.path)
        #expect(try scene.apply(trash).acted == [copy])
        #expect(try Folders.list(mount.path.pushing(FilePath(".Trash-\(getuid())/files"))).count == 1)
        #expect(try scene.undo().isEmpty)
        #expect(try Scene.tree(mount.path) == before)
        var lines = trash
        lines[1] = try Scene.line(.move, 1, copy, keeper: lines[0].path, to: scene.moved)
        #expect(try scene.apply(lines).acted == [copy])
        #expect(try Scene.tree(scene.moved).count == 1 && Scene.tree(mount.path).isEmpty)
        #expect(try scene.undo().isEmpty)
        #expect(try Scene.tree(mount.path) == before)
    }

    #if os(Linux)
        @Test(.enabled(if: Mount.canShare, "no Btrfs or XFS can be mounted here"))
        func reflinksShareBlocksAndKeepEverythingElse() throws {
            let mount = try #require(Mount.withSharing())
            let scene = try Scene()
            let keeper = mount.path.appending("keep.jpg"), copy = mount.path.appending("copy.jpg")
            let content = String(repeating: "the same bytes ", count: 20_000)
            try scene.write(keeper, content, modified: 1_600_000_000_000_000_007)
            try scene.write(copy, content)
            _ = copy.withPlatformString { chmod($0, 0o640) }
            let before = try Scene.tree(mount.path)
            let lines = [
                try Scene.line(.keep, 1, keeper), try Scene.line(.reflink, 1, copy, keeper: keeper),
            ]
            let old = try FileStatus.of(copy)
            // Flushed for real: blocks are told apart only when they are on the disk.
            let ran = try scene.apply(lines, disk: SystemDisk())
            #expect(ran.acted == [copy], "\(ran.skipped)")
            #expect(try Scene.tree(mount.path) == before)
            let new = try FileStatus.of(copy)
            #expect(new.inode != old.inode && new.permissions == 0o640)
            #expect(try Self.blocks(of: copy) == Self.blocks(of: keeper))
            #expect(try scene.undo(disk: SystemDisk()).isEmpty)
            #expect(try Scene.tree(mount.path) == before)
            #expect(try Folders.list(mount.path).count == 2)
            // Files of other bytes stay apart.
            try scene.write(copy, "other bytes")
            let other = [lines[0], try Scene.line(.reflink, 1, copy, keeper: keeper)]
            #expect(
                try scene.apply(other, disk: SystemDisk()).skipped.map(\.reason) == [
                    .notByteEqual(to: keeper)
                ])
        }

        /// Where a file's first blocks lie on its disk, as filefrag(8) asks for it.
        private static func blocks(of path: FilePath) throws -> UInt64 {
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            // struct fiemap with room for one extent; FS_IOC_FIEMAP is _IOWR('f', 11, struct fiemap).
            var map = [UInt64](repeating: 0, count: 4 + 7)
            map[1] = .max
            map[3] = 1
            let result = ioctl(file.rawValue, 0xC020_660B, &map)
            try #require(result == 0)
            return map[5]
        }

        // The Glibc module does not have <sys/xattr.h>.
        private typealias SetAttribute =
            @convention(c) (
                UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeRawPointer, Int, Int32
            ) -> Int32
        private typealias GetAttribute =
            @convention(c) (
                UnsafePointer<CChar>, UnsafePointer<CChar>, UnsafeMutableRawPointer, Int
            ) -> Int

        /// Sets an extended attribute; false where none can be.
        private static func set(_ name: String, _ value: String, of path: FilePath) throws -> Bool {
            let function = unsafeBitCast(try #require(dlsym(nil, "setxattr")), to: SetAttribute.self)
            return path.withPlatformString { function($0, name, value, value.utf8.count, 0) } == 0
        }

        /// The value of an extended attribute; nil when there is none, or none can be.
        private static func attribute(_ name: String, of path: FilePath) throws -> String? {
            let function = unsafeBitCast(try #require(dlsym(nil, "getxattr")), to: GetAttribute.self)
            var value = [UInt8](repeating: 0, count: 256)
            let count = path.withPlatformString { function($0, name, &value, value.count) }
            return count < 0 ? nil : String(decoding: value[..<count], as: UTF8.self)
        }

        @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
        func extendedAttributesMoveToAnotherDiskAndBack() throws {
            let mount = try #require(Mount(options: "size=1m"))
            let scene = try Scene()
            let (copy, lines) = try Self.copies(on: mount, scene, .move)
            let values = ["user.tag": "holiday", "user.xdg.comment": "the 2nd", "user.empty": ""]
            for (name, value) in values {
                guard try Self.set(name, value, of: copy) else {
                    return  // this kernel's file system in memory holds none
                }
            }
            #expect(try scene.apply(lines).acted == [copy])
            let moved = scene.moved.appending("copy.jpg")
            for (name, value) in values { #expect(try Self.attribute(name, of: moved) == value) }
            #expect(try scene.undo().isEmpty)
            for (name, value) in values { #expect(try Self.attribute(name, of: copy) == value) }
        }
    #endif

    @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
    func aReadOnlyDiskLosesNothing() throws {
        for action in [PlanAction.trash, .move, .delete] {
            let mount = try #require(Mount(options: "size=1m"))
            let scene = try Scene()
            let (_, lines) = try Self.copies(on: mount, scene, action)
            let before = try Scene.tree(mount.path)
            try #require(mount.remount("ro"))
            let ran = try scene.apply(lines)
            #expect(ran.acted.isEmpty && ran.skipped.count == 1)
            #expect(try Scene.tree(mount.path) == before)
            #expect(try Scene.tree(scene.moved).isEmpty)
            #expect(try scene.undo().isEmpty)
        }
    }

    @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
    func aLinkThatCannotBeMadeLeavesTheFileItself() throws {
        for (action, isReadOnly) in [(PlanAction.hardlink, false), (.hardlink, true), (.symlink, true)] {
            let mount = try #require(Mount(options: "size=1m"))
            let scene = try Scene()
            let keeper = try scene.write("keep.jpg", "the same", modified: 1_600_000_000_000_000_000)
            let copy = mount.path.appending("copy.jpg")
            try scene.write(copy, "the same")
            let lines = [
                try Scene.line(.keep, 1, keeper), try Scene.line(action, 1, copy, keeper: keeper),
            ]
            let before = try FileStatus.of(copy)
            if isReadOnly { try #require(mount.remount("ro")) }
            let ran = try scene.apply(lines)
            #expect(ran.acted.isEmpty && ran.skipped.count == 1, "\(action)")
            // Not a copy of it either.
            #expect(try FileStatus.of(copy).inode == before.inode)
            #expect(try Folders.list(mount.path).count == 1)
        }
    }

    @Test(.enabled(if: Mount.isPermitted, "no file system may be mounted here"))
    func aFullDiskLosesNothing() throws {
        let mount = try #require(Mount(options: "size=64k"))
        let scene = try Scene()
        let keeper = try scene.write("keep.jpg", "kept")
        let copy = try scene.write("copy.jpg", String(repeating: "x", count: 100_000))
        let before = try scene.tree()
        // The folder moved to is full.
        let lines = [
            try Scene.line(.keep, 1, keeper),
            try Scene.line(.move, 1, copy, keeper: keeper, to: mount.path.appending("moved")),
        ]
        let ran = try scene.apply(lines)
        #expect(ran.acted.isEmpty && ran.skipped.count == 1)
        #expect(try scene.tree() == before)
        #expect(try Scene.tree(mount.path).isEmpty)
        // The journal's disk is full: without a journal nothing is done.
        try scene.write(mount.path.appending("filler"), String(repeating: "x", count: 40_000))
        _ = try? scene.write(mount.path.appending("more"), String(repeating: "x", count: 60_000))
        var options = scene.options
        options.journal = mount.path.appending("journal.jsonl")
        let trash = [lines[0], try Scene.line(.trash, 1, copy, keeper: keeper)]
        var small: [PlanLine] = []
        for number in 0..<200 {
            let path = try scene.write("small-\(number).jpg", "small \(number)")
            small.append(try Scene.line(.trash, 1, path, keeper: keeper))
        }
        let all = try scene.tree()
        let contents = try scene.contents()
        #expect(throws: SystemError.self) { try scene.apply(trash + small, options: options) }
        #expect(try scene.contents() == contents)
        // What was done before the disk was full is in the journal, and can be taken back.
        AtomicFile.unlink(mount.path.appending("filler"))
        let journal = try #require(options.journal)
        if let status = try? FileStatus.of(journal), status.size > 0 {
            _ = try PlanReversal(scene.journals).undo(journal) { _ in }
        }
        #expect(try scene.tree() == all)
    }
}
