#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport

/// Looks at the files of a plan's line again and works out the step that carries it out.
struct StepPreparation {
    /// A step with its files, checked, open and locked.
    struct Prepared {
        let step: Step
        let files: [CheckedFile]
        let keeper: CheckedFile
    }

    private let plan: Plan
    private let options: ApplyOptions
    private let run: String
    private let disk: any Disk
    private let digests = DigestCache()
    private var finder = CompanionFinder()
    private var stepCount = 0
    /// Files that lines of the plan keep, under whatever names.
    private let kept: [FileNumber: FilePath]
    /// Files that lines have acted on.
    private var actedOn: [FileNumber: FilePath] = [:]
    /// Pictures whose names lines have taken away; on a dry run they still stand there.
    private var gone: Set<FilePath> = []

    init(plan: Plan, options: ApplyOptions, run: String, disk: any Disk) {
        self.plan = plan
        self.options = options
        self.run = run
        self.disk = disk
        kept = Dictionary(
            plan.entries.filter(\.line.action.leavesAlone).compactMap { entry in
                (try? FileStatus.of(entry.line.path, followingLinks: false)).map {
                    (FileNumber($0), entry.line.path)
                }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Checks a line's file, the file kept instead, and what belongs to it; throws `SkipReason`.
    mutating func prepare(_ entry: Plan.Entry, survivors: [Int]) throws -> Prepared {
        do { return try check(entry.line, survivors: survivors) } catch let error as SystemError {
            throw SkipReason.system(error)
        }
    }

    /// Says that a prepared step was not taken after all.
    mutating func release(_ prepared: Prepared) {
        for file in prepared.files { actedOn[file.number] = nil }
        gone.remove(prepared.files[0].path)
    }

    private mutating func check(_ line: PlanLine, survivors: [Int]) throws -> Prepared {
        if line.action == .delete, !options.allowsDeletion { throw SkipReason.deletionNotAllowed }
        if line.action == .move, line.destination == nil, options.destination == nil {
            throw SkipReason.noDestination
        }
        let file = try CheckedFile(
            line.path, size: line.size, modified: line.modified, sha256: line.sha256, lock: .exclusive,
            digests: digests)
        if let other = kept[file.number] ?? actedOn[file.number] {
            throw SkipReason.sameFile(line.path, as: other)
        }
        let keeper = try keeper(for: line, survivors: survivors)
        guard keeper.number != file.number else {
            throw SkipReason.sameFile(line.path, as: keeper.path)
        }
        // A link leaves the name where it is, and with it everything that belongs to the picture.
        let companions = line.action.isLink ? [] : try companions(of: line, keeper: keeper.path)
        let files = [file] + companions
        let step = try step(line, number: stepCount + 1, files: files, keeper: keeper)
        stepCount += 1
        for file in files { actedOn[file.number] = file.path }
        if !line.action.isLink { gone.insert(file.path) }
        return Prepared(step: step, files: files, keeper: keeper)
    }

    /// The first of the group's other files that is still as the plan says.
    private func keeper(for line: PlanLine, survivors: [Int]) throws -> CheckedFile {
        var refusal: SkipReason?
        for index in survivors {
            let kept = plan.entries[index].line
            if line.action.isLink, kept.sha256 != line.sha256 {
                refusal = refusal ?? .notByteEqual(to: kept.path)
                continue
            }
            do {
                return try CheckedFile(
                    kept.path, size: kept.size, modified: kept.modified, sha256: kept.sha256, lock: .shared,
                    digests: digests)
            } catch { refusal = refusal ?? error }
        }
        throw refusal ?? .noCopyLeft(group: line.group)
    }

    private mutating func companions(of line: PlanLine, keeper: FilePath) throws -> [CheckedFile] {
        let found = try finder.companions(of: line.path)
        for there in found {
            // What belongs to another picture, too, stays with it, and goes with the last of them.
            let other = try finder.otherPictures(of: there.path, than: line.path).first { !gone.contains($0) }
            switch (line.companions.contains { $0.path == there.path }, other) {
            case (true, let other?): throw SkipReason.companionOfAnother(there.path, other)
            case (false, nil): throw SkipReason.newCompanion(there.path)
            default: break
            }
        }
        let beside = found.isEmpty ? [] : try finder.companions(of: keeper).map(\.path)
        return try line.companions.map { companion in
            guard let kind = found.first(where: { $0.path == companion.path })?.kind else {
                throw SkipReason.gone(companion.path)
            }
            let file = try CheckedFile(
                companion.path, size: nil, modified: nil, sha256: companion.sha256, lock: .exclusive,
                digests: digests)
            if let other = kept[file.number] ?? actedOn[file.number] {
                throw SkipReason.sameFile(companion.path, as: other)
            }
            // Raw files and films are originals of their own: they go only where a copy of them stays.
            if kind == .original || line.action == .delete {
                let hasCopy = beside.contains { path in
                    guard
                        let copy = try? CheckedFile(
                            path, size: file.status.size, modified: nil, sha256: file.sha256, lock: .shared,
                            digests: digests)
                    else { return false }
                    return copy.number != file.number
                }
                guard hasCopy else { throw SkipReason.companionWithoutCopy(companion.path) }
            }
            return file
        }
    }
}

extension StepPreparation {
    private func step(
        _ line: PlanLine, number: Int, files: [CheckedFile], keeper: CheckedFile
    ) throws -> Step {
        let moves: [FileMove]
        var link: LinkMade?
        switch line.action {
        case .trash: moves = try files.map { try trashing($0) }
        case .move: moves = try moving(files, to: line.destination ?? options.destination ?? line.path)
        case .hardlink, .symlink, .reflink:
            moves = files.enumerated().map { FileMove(aside($1, $0)) }
            let file = files[0]
            link = LinkMade(
                target: JournalPath(keeper.path), temporary: JournalPath(temporary(file, "link")),
                restored: JournalPath(temporary(file, "restored")),
                aside: JournalPath(temporary(file, "replaced")), permissions: file.status.permissions)
        case .delete: moves = files.enumerated().map { FileMove(aside($1, $0)) }
        case .keep, .skip: moves = []
        }
        return Step(
            number: number, action: line.action, group: line.group, keeper: JournalPath(keeper.path),
            keeperHash: ContentDigest.hexadecimal(keeper.sha256), files: moves, link: link)
    }

    /// A name beside a file's own that nothing else has: run and step are part of it.
    private func temporary(_ file: CheckedFile, _ use: String) -> FilePath {
        file.place.folder.path.appending(".imgvec-\(run)-\(stepCount + 1).\(use)")
    }

    private func aside(_ file: CheckedFile, _ index: Int) -> (CheckedFile, FilePath) {
        (file, temporary(file, "original-\(index)"))
    }

    private func trashing(_ file: CheckedFile) throws -> FileMove {
        let trash = try Trash.forFile(
            at: file.place, home: options.homeTrash, disk: disk, isDryRun: options.isDryRun)
        let places = try trash.freePlaces(for: file.place.name)
        var move = FileMove((file, places.file))
        guard let note = places.note else { return move }
        move.note = JournalPath(note)
        move.noteText = String(decoding: trash.note(about: file.path, at: time(nil)), as: UTF8.self)
        return move
    }

    private func moving(_ files: [CheckedFile], to folder: FilePath) throws -> [FileMove] {
        guard folder.isAbsolute else { throw SkipReason.noDestination }
        if options.isDryRun, try Standing.status(folder) == nil {
            return files.map { FileMove(($0, folder.appending($0.place.name))) }
        }
        try disk.createFolder(folder, permissions: 0o755)
        let target = try OpenFolder(folder)
        let status = try FileStatus.of(target.file, path: folder)
        let source = files[0].place.folder
        let home = try FileStatus.of(source.file, path: source.path)
        guard FileNumber(status) != FileNumber(home) else { throw SkipReason.alreadyThere(folder) }
        let places = try freePlaces(for: files.map(\.place.name), in: target)
        let isSameDisk = try source.mountedDisk == target.mountedDisk
        return files.indices.map { index in
            if isSameDisk { return FileMove((files[index], places[index].path)) }
            var move = FileMove(aside(files[index], index))
            move.copy = JournalPath(places[index].path)
            return move
        }
    }

    /// Free names for a picture and what belongs to it: their own, or all with the same number after the stem.
    private func freePlaces(for names: [FilePath.Component], in folder: OpenFolder) throws -> [Place] {
        let stem = names[0].stemLength
        let length = names.map(\.bytes.count).max() ?? 0
        for number in 1...100_000 {
            let text = number == 1 ? "" : " \(number)"
            let excess = length + text.utf8.count - FilePath.Component.longest
            let places = names.compactMap { name in
                (number == 1 ? name : name.inserting(text, after: stem, cutting: excess)).map {
                    Place(folder, $0)
                }
            }
            guard places.count == names.count else { break }
            if try places.allSatisfy({ try $0.status() == nil }) { return places }
        }
        throw SkipReason.system(
            SystemError("find a free name for", path: folder.path.appending(names[0]), errno: .fileExists))
    }
}

extension FileMove {
    fileprivate init(_ move: (file: CheckedFile, to: FilePath)) {
        self.init(
            from: JournalPath(move.file.path), to: JournalPath(move.to), identity: move.file.identity)
    }
}
