package import SystemPackage
import SystemSupport

/// Why a step could not be taken back.
package enum ReturnProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// Something else stands where the file was.
    case occupied(FilePath, original: FilePath?)
    /// The file is neither where it was nor where it went, or has changed since.
    case lost(FilePath, lookedAt: FilePath)
    /// It was removed for good.
    case deleted(FilePath)

    package var description: String {
        switch self {
        case .occupied(let path, let original):
            "something else stands at \(path) now" + (original.map { "; the file is at \($0)" } ?? "")
        case .lost(let path, let other):
            "\(path) cannot be put back: what stands at \(other) now is not the file that was acted on"
        case .deleted(let path): "\(path) was deleted for good"
        }
    }
}

/// Takes a step back, from wherever it stands: half taken, done, or half taken back.
///
/// How far it has come is read off the disk, by looking for the files of the step at the places it names, so that it
/// can be called again after a crash at any moment. Nothing that has appeared meanwhile is overwritten.
struct StepReturn {
    let disk: any Disk

    /// Puts every file of a step back; throws before changing anything when one of them cannot be put back.
    ///
    /// Of a step that is not done yet, a file that was written to meanwhile is still the file, and one that was
    /// replaced before it was acted on is somebody else's and stays.
    func takeBack(_ step: Step, isDone: Bool) throws {
        if let link = step.link { return try takeBack(link, of: step, isDone: isDone) }
        for move in step.files { _ = try origin(of: move, in: step, isDone: isDone) }
        for move in step.files.reversed() { try takeBack(move, in: step, isDone: isDone) }
    }

    private func stands(_ move: FileMove, at path: FilePath, isDone: Bool) throws -> Bool {
        if try move.identity.stands(at: path) { return true }
        return try !isDone && Standing.status(path).map(move.identity.isOf) == true
    }

    /// Where a file is found that has to come back.
    private enum Origin { case home, moved, copied }

    private func origin(of move: FileMove, in step: Step, isDone: Bool) throws -> Origin {
        let (home, away) = (move.from.path, move.to.path)
        let isAway = try stands(move, at: away, isDone: isDone)
        let occupant = try Standing.status(home)
        if occupant != nil {
            // Both names can lead to it: a rename that was made of a link and a removal, and stopped in between.
            if try stands(move, at: home, isDone: isDone) { return .home }
            if !isDone, !isAway { return .home }
            throw ReturnProblem.occupied(home, original: isAway ? away : move.copy?.path)
        }
        if isAway { return .moved }
        if let copy = move.copy, try move.identity.stands(at: copy.path) { return .copied }
        // Removed by somebody before it was acted on.
        if try !isDone && Standing.status(away) == nil { return .home }
        throw step.action == .delete
            ? ReturnProblem.deleted(home) : ReturnProblem.lost(home, lookedAt: move.copy?.path ?? away)
    }

    private func takeBack(_ move: FileMove, in step: Step, isDone: Bool) throws {
        let home = move.from.path
        switch try origin(of: move, in: step, isDone: isDone) {
        case .home:
            // A second name of the same file goes; an equal file of somebody else's stays.
            if let away = try Standing.place(move.to.path), let status = try away.status(),
                let here = try Standing.status(home), FileNumber(status) == FileNumber(here)
            {
                try disk.remove(away)
            }
        case .moved:
            try disk.createFolder(home.removingLastComponent(), permissions: 0o755)
            let (from, to) = (try Place(move.to.path), try Place(home))
            try disk.rename(from, to: to)
            try disk.flush(to.folder)
            try disk.flush(from.folder)
        case .copied: try copyBack(move)
        }
        if let copy = move.copy { try removeCopy(copy.path, move: move) }
        try removeNote(of: move)
    }

    private func copyBack(_ move: FileMove) throws {
        guard let copy = move.copy else { return }
        try disk.createFolder(move.from.path.removingLastComponent(), permissions: 0o755)
        let source = try Place(copy.path)
        let file = try source.open()
        defer { try? file.close() }
        let home = try Place(move.from.path)
        let partial = Place(home.folder, move.partial)
        try removeIfThere(partial)
        guard let digest = ContentDigest.bytes(hexadecimal: move.identity.sha256) else { return }
        try StepTaking.copy(
            file, from: copy.path, to: partial, like: FileStatus.of(file, path: copy.path), sha256: digest,
            disk: disk)
        try disk.rename(partial, to: home)
        try disk.flush(home.folder)
    }

    /// Removes the copy that a step made on another file system, now that the file itself is back.
    private func removeCopy(_ path: FilePath, move: FileMove) throws {
        guard let copy = try Standing.place(path) else { return }
        try removeIfThere(Place(copy.folder, move.partial))
        if try copy.status() != nil, try move.identity.stands(at: path),
            try move.identity.stands(at: move.from.path)
        {
            try disk.remove(copy)
        }
    }

    private func removeNote(of move: FileMove) throws {
        guard let note = move.note, let text = move.noteText, try Standing.status(move.to.path) == nil,
            let place = try Standing.place(note.path), try place.status()?.kind == .regular
        else { return }
        // Only our own note, or the beginning of it that a crash has left.
        let found = try FileContents.read(note.path, limit: 1 << 20).bytes
        if text.utf8.starts(with: found) { try disk.remove(place) }
    }

    private func removeIfThere(_ place: Place) throws {
        if try place.status() != nil { try disk.remove(place) }
    }
}

extension StepReturn {
    /// Puts the file that a link has replaced back, as the original while that is still there, else as a copy of
    /// the kept file, whose bytes are the same.
    private func takeBack(_ link: LinkMade, of step: Step, isDone: Bool) throws {
        guard let move = step.files.first else { return }
        let home = move.from.path
        try disk.createFolder(home.removingLastComponent(), permissions: 0o755)
        let place = try Place(home)
        let temporary = Place(place.folder, link.temporary.path.lastComponent ?? place.name)
        let restored = Place(place.folder, link.restored.path.lastComponent ?? place.name)
        let aside = Place(place.folder, link.aside.path.lastComponent ?? place.name)
        let original = Place(place.folder, move.to.path.lastComponent ?? place.name)
        if try original.status() != nil, try stands(move, at: original.path, isDone: isDone) {
            if try place.status() != nil {
                // Beside the original, a file of the same bytes is nothing to lose: a hard link to a kept file whose
                // name leads elsewhere by now.
                func isInTheWay(_ place: Place) throws -> Bool {
                    try !isLink(at: place, link, step) && !move.identity.stands(at: place.path)
                }
                if try isInTheWay(place) { throw ReturnProblem.occupied(home, original: original.path) }
                try removeIfThere(aside)
                try disk.rename(place, to: aside)
                guard try !isInTheWay(aside) else {
                    try disk.rename(aside, to: place)
                    throw ReturnProblem.occupied(home, original: original.path)
                }
            }
            try disk.rename(original, to: place)
        } else if try place.status() == nil {
            if try restored.status() != nil, try move.identity.stands(at: restored.path) {
                try disk.rename(restored, to: place)
            } else if try aside.status() != nil {
                try disk.rename(aside, to: place)
                try restore(move, link, step, place: place, restored: restored, aside: aside)
            } else if try isDone || original.status() != nil {
                throw ReturnProblem.lost(home, lookedAt: original.path)
            }
        } else if try isLink(at: place, link, step), step.action != .reflink {
            try restore(move, link, step, place: place, restored: restored, aside: aside)
        } else if try isDone && !move.identity.stands(at: home) {
            throw ReturnProblem.occupied(home, original: nil)
        }
        try disk.flush(place.folder)
        for leftover in [temporary, restored, aside] { try removeIfThere(leftover) }
    }

    private func restore(
        _ move: FileMove, _ link: LinkMade, _ step: Step, place: Place, restored: Place, aside: Place
    ) throws {
        // A hard link has the bytes itself, whatever has become of the kept file's name.
        let sources = step.action == .hardlink ? [link.target.path, place.path] : [link.target.path]
        guard let digest = ContentDigest.bytes(hexadecimal: move.identity.sha256),
            let source = try sources.first(where: { try Self.holds($0, digest) })
        else { throw ReturnProblem.lost(place.path, lookedAt: link.target.path) }
        let file = try Place(source).open()
        defer { try? file.close() }
        try removeIfThere(restored)
        let status = try FileStatus.of(file, path: source).with(
            modified: move.identity.modified, permissions: link.permissions)
        // The attributes of the kept file are its own.
        try StepTaking.copy(
            file, from: source, to: restored, like: status, sha256: digest, withAttributes: false, disk: disk)
        try removeIfThere(aside)
        try disk.rename(place, to: aside)
        guard try isLink(at: aside, link, step) else {
            try disk.rename(aside, to: place)
            throw ReturnProblem.occupied(place.path, original: nil)
        }
        try disk.rename(restored, to: place)
    }

    /// Whether the link that a step makes stands at a place.
    private func isLink(at place: Place, _ link: LinkMade, _ step: Step) throws -> Bool {
        guard let status = try place.status() else { return false }
        switch step.action {
        case .symlink: return place.linkTarget() == link.target.path
        case .hardlink:
            if try Standing.status(link.target.path).map(FileNumber.init) == FileNumber(status) {
                return true
            }
            // The kept file's name may lead elsewhere by now: then its bytes and a time of their own tell the link.
            return try step.files.first.map {
                try status.modifiedNanoseconds != $0.identity.modified && $0.identity.stands(at: place.path)
            } ?? false
        default:
            return try step.files.first.map { try $0.identity.stands(at: place.path) } ?? false
        }
    }

    /// Brings a step to its end that the journal has as done: removes the originals that were moved aside, if what
    /// took their place is there.
    func removeOriginals(_ step: Step) throws {
        guard step.removesOriginals else { return }
        for move in step.files {
            guard let place = try Standing.place(move.to.path), try place.status() != nil else { continue }
            guard try move.identity.stands(at: move.to.path), try isReplaced(move, step) else {
                throw ReturnProblem.lost(move.from.path, lookedAt: move.to.path)
            }
            try disk.remove(place)
        }
    }

    /// Whether a regular file stands at a path whose bytes have a digest.
    private static func holds(_ path: FilePath, _ digest: [UInt8]) throws -> Bool {
        guard let place = try Standing.place(path), try place.status()?.kind == .regular else { return false }
        let file = try place.open()
        defer { try? file.close() }
        return try ContentDigest.sha256(of: file, path: path) == digest
    }

    private func isReplaced(_ move: FileMove, _ step: Step) throws -> Bool {
        if let copy = move.copy { return try move.identity.stands(at: copy.path) }
        if let link = step.link, let place = try Standing.place(move.from.path),
            try !isLink(at: place, link, step)
        {
            return false
        }
        guard let digest = ContentDigest.bytes(hexadecimal: step.keeperHash) else { return false }
        return try Self.holds(step.keeper.path, digest)
    }
}
