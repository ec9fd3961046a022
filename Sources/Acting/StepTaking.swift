import SystemPackage
import SystemSupport

/// Takes a step: the part of acting that changes the disk.
///
/// Originals are only ever renamed before the journal says "done". What is to disappear (deleted files, files that a
/// link replaces, files that went to another file system) waits under a name beside its own until then.
struct StepTaking {
    let disk: any Disk

    /// Carries out a step with files that were checked for it; when it throws, `StepReturn` puts everything back.
    func take(_ step: Step, files: [CheckedFile], keeper: CheckedFile) throws {
        if let link = step.link { try make(link, as: step.action, keeper: keeper, replaced: files[0]) }
        for (move, file) in zip(step.files, files) {
            if let note = move.note { try write(move.noteText ?? "", to: Place(note.path)) }
            if let copy = move.copy { try self.copy(file, to: Place(copy.path), partial: move.partial) }
            let target = try Place(move.to.path)
            try disk.rename(file.place, to: target)
            guard try file.stands(at: target) else {
                // Another file had taken its name meanwhile: it goes back at once, for no journal knows it.
                try disk.rename(target, to: file.place)
                throw SkipReason.changed(file.path, what: "content")
            }
            guard try file.isUnchanged() else { throw SkipReason.changed(file.path, what: "content") }
            try disk.flush(target.folder)
            try disk.flush(file.place.folder)
        }
        if let link = step.link {
            try disk.rename(Place(link.temporary.path), to: files[0].place)
            try disk.flush(files[0].place.folder)
            guard try files[0].isUnchanged() else {
                throw SkipReason.changed(files[0].path, what: "content")
            }
        }
        guard try keeper.isAsChecked() else { throw SkipReason.changed(keeper.path, what: "content") }
    }

    /// Removes the originals that were only moved aside; to be called when the journal has the step as done.
    func removeOriginals(_ step: Step, files: [CheckedFile], keeper: CheckedFile) throws {
        guard step.removesOriginals else { return }
        for (move, file) in zip(step.files, files) {
            let place = try Place(move.to.path)
            // What was written since the step was done stays where it is; the next run tells of it. So does what is
            // to go for a kept file that has changed since.
            guard try file.stands(at: place), try file.isUnchanged(), try keeper.isAsChecked() else {
                continue
            }
            try disk.remove(place)
        }
    }

    /// Copies a checked file, so that the copy appears whole or not at all, and reads it back.
    private func copy(_ file: CheckedFile, to place: Place, partial: FilePath.Component) throws {
        let partial = Place(place.folder, partial)
        try Self.copy(
            file.file, from: file.path, to: partial, like: file.status, sha256: file.sha256, disk: disk)
        try disk.rename(partial, to: place)
        try disk.flush(place.folder)
    }

    /// Copies an open file's bytes, and perhaps its extended attributes, to a free name, flushes them, and checks what
    /// has arrived.
    static func copy(
        _ source: FileDescriptor, from path: FilePath, to place: Place, like status: FileStatus,
        sha256: [UInt8], withAttributes: Bool = true, disk: any Disk
    ) throws {
        let made = try disk.create(place, permissions: 0o600)
        defer { try? made.close() }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var offset: Int64 = 0
        while true {
            let position = offset
            let count = try naming("read", path) {
                try buffer.withUnsafeMutableBytes { try source.read(fromAbsoluteOffset: position, into: $0) }
            }
            if count == 0 { break }
            try buffer.withUnsafeBytes {
                try disk.write(UnsafeRawBufferPointer(rebasing: $0[..<count]), to: made, path: place.path)
            }
            offset += Int64(count)
        }
        if withAttributes { try disk.setAttributes(of: source, on: made, path: place.path) }
        try disk.set(status, on: made, path: place.path)
        try disk.flush(made, path: place.path)
        guard try ContentDigest.sha256(of: made, path: place.path) == sha256 else {
            throw SkipReason.changed(path, what: "content")
        }
    }

    private func make(
        _ link: LinkMade, as action: PlanAction, keeper: CheckedFile, replaced: CheckedFile
    ) throws {
        let place = try Place(link.temporary.path)
        switch action {
        case .symlink: try disk.symlink(to: keeper.path, at: place)
        case .reflink:
            try disk.clone(keeper.file, to: place, permissions: 0o600)
            let made = try place.open()
            defer { try? made.close() }
            try disk.setAttributes(of: replaced.file, on: made, path: place.path)
            try disk.set(replaced.status, on: made, path: place.path)
            guard try ContentDigest.sha256(of: made, path: place.path) == keeper.sha256 else {
                throw SkipReason.changed(keeper.path, what: "content")
            }
        default:
            try disk.link(keeper.place, to: place)
            guard try keeper.stands(at: place) else {
                throw SkipReason.changed(keeper.path, what: "content")
            }
        }
    }

    private func write(_ text: String, to place: Place) throws {
        let file = try disk.create(place, permissions: 0o600)
        defer { try? file.close() }
        try Array(text.utf8).withUnsafeBytes { try disk.write($0, to: file, path: place.path) }
        try disk.flush(file, path: place.path)
        try disk.flush(place.folder)
    }
}

extension FileMove {
    /// The name that a copy has, in its folder, until it is whole.
    var partial: FilePath.Component {
        to.path.lastComponent.flatMap { $0.adding(".partial") } ?? ".imgvec.partial"
    }
}
