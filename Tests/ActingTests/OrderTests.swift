import Acting
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// The order in which changes reach the disk: what a power cut may take away is never what something else rests on.
@Suite struct OrderTests {
    private static let actions: [PlanAction] = [.trash, .move, .hardlink, .symlink, .delete]

    /// One line of each action, one of them to another file system where there is one.
    private func lines(_ scene: Scene, _ other: OtherDevice?) throws -> [PlanLine] {
        let targets = Self.actions.map { ($0, scene.moved) } + (other.map { [(.move, $0.folder)] } ?? [])
        return try targets.enumerated().flatMap { index, target in
            let keeper = try scene.write("\(index)/keep.jpg", "kept \(index)")
            let isLink = target.0.isLink
            let file = try scene.write("\(index)/far/copy.jpg", isLink ? "kept \(index)" : "copy \(index)")
            let companions =
                isLink || target.0 == .delete ? [] : [try scene.write("\(index)/far/copy.xmp", "\(index)")]
            return [
                try Scene.line(.keep, index + 1, keeper),
                try Scene.line(target.0, index + 1, file, keeper: keeper, to: target.1, with: companions),
            ]
        }
    }

    /// Checks a sequence of changes: the journal's line before what it announces, names and bytes before the line
    /// that says they are there.
    private func check(_ changes: [TestDisk.Change], journal: FilePath, _ comment: Comment) {
        var isJournalFlushed = true
        var unflushedFiles: Set<FilePath> = [], unflushedFolders: Set<FilePath> = []
        var lineCount = 0
        func changed(_ names: FilePath...) {
            #expect(
                isJournalFlushed, "\(comment): \(names) is changed before the journal's line is on the disk")
            for name in names { unflushedFolders.insert(name.removingLastComponent()) }
        }
        for change in changes {
            switch change {
            case .write(journal):
                lineCount += 1
                #expect(unflushedFiles.isEmpty, "\(comment): line \(lineCount)")
                #expect(unflushedFolders.isEmpty, "\(comment): line \(lineCount)")
                isJournalFlushed = false
            case .flush(journal): isJournalFlushed = true
            case .create(journal), .truncate(journal), .createFolder: break
            case .write(let path), .set(let path), .truncate(let path):
                #expect(isJournalFlushed, "\(comment): \(path)")
                unflushedFiles.insert(path)
            case .flush(let path): unflushedFiles.remove(path)
            case .flushFolder(let path): unflushedFolders.remove(path)
            case .create(let path), .symlink(let path): changed(path)
            case .link(_, let path): changed(path)
            case .rename(let from, let to):
                #expect(
                    !unflushedFiles.contains(from),
                    "\(comment): \(from) is renamed before its bytes are there")
                changed(from, to)
            // What is removed a second time is no harm: a removal need not be flushed.
            case .remove(let path):
                #expect(isJournalFlushed, "\(comment): \(path)")
                unflushedFiles.remove(path)
            }
        }
        #expect(lineCount > 10)
    }

    @Test func everyLineOfTheJournalIsTrueOnTheDiskBeforeTheNextChange() throws {
        let scene = try Scene()
        let other = OtherDevice()
        let lines = try lines(scene, other)
        let applied = TestDisk(), undone = TestDisk()
        #expect(try scene.apply(lines, disk: applied).skipped.isEmpty)
        let journal = try #require(try scene.journals.journals().last)
        check(applied.changes, journal: journal, "apply")
        _ = try scene.undo(disk: undone)
        check(undone.changes, journal: journal, "undo")
    }
}
