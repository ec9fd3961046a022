public import Encoders
import SystemPackage
import SystemSupport

extension Pull {
    /// Enough for the table of tensors of most models.
    private static let firstPiece: Int64 = 1 << 18

    /// Fetches what is planned and installs it; `confirm` is asked once it is known that the model can be read,
    /// and nil is the result when it says no.
    public func install(_ plan: PullPlan, confirm: (PullPlan) throws -> Bool) throws -> ModelStore.Installed?
    {
        if let installed = plan.installed {
            dropRemains(plan)
            return installed
        }
        let staging = try ModelStaging(plan.name, in: store)
        // It may have been installed, or begun, while the plan was made.
        if try store.installed(plan.name) != nil { throw ModelError.exists(plan.name) }
        let place = PullStaging(staging, plan)
        try place.prepare()
        try makeRoom(plan, place)
        var plan = plan
        try takeFromCache(&plan, place)
        do {
            try tryOut(plan, place)
        } catch let error as HubError {
            if case .unreadable = error { try? staging.discard() }
            throw error
        }
        guard try confirm(plan) else { return nil }
        for planned in plan.files { try fetch(planned, plan, place) }
        try place.removeStrangers()
        if Interruption.isRequested { throw HTTPFailure.interrupted }
        return try staging.install(
            origin: ModelManifest.Origin(
                endpoint: settings.endpoint, repository: plan.repository.description, commit: plan.commit),
            digests: place.digests)
    }

    /// Removes what a pull has left that was killed right after the model had got its name.
    private func dropRemains(_ plan: PullPlan) {
        guard (try? FileStatus.of(store.stagingFolder(of: plan.name))) != nil else { return }
        // While another process has the place, it is that one's.
        try? ModelStaging(plan.name, in: store).discard()
    }

    private func makeRoom(_ plan: PullPlan, _ place: PullStaging) throws {
        let missing = plan.files.reduce(Int64(0)) { sum, planned in
            place.isFinished(planned.file) ? sum : sum &+ planned.file.size - place.partSize(planned.file)
        }
        // Some room to spare: the file system is used by others too.
        let needed = missing &+ (16 << 20)
        guard missing > 0, let free = FileSystemSpace.free(at: store.folder), free < needed else { return }
        throw HubError.noRoom(store.folder, needed: needed, free: free)
    }

    /// Copies what the Hugging Face cache has, checks it, and plans to download what is damaged there.
    private func takeFromCache(_ plan: inout PullPlan, _ place: PullStaging) throws {
        for index in plan.files.indices {
            let file = plan.files[index].file
            guard case .cache(let path) = plan.files[index].source, try !place.hasFinished(file) else {
                continue
            }
            let copy = place.part(of: file)
            AtomicFile.unlink(copy)
            try FileCopy.copy(path, to: copy) { Interruption.isRequested }
            if try file.digest.ofFile(copy) == file.digest {
                try place.finish(file)
                continue
            }
            AtomicFile.unlink(copy)
            guard !settings.isOffline else { throw HubError.damagedCache(plan.repository, path) }
            onEvent(.notice("\(path) is damaged and left alone; \(file.name) is downloaded"))
            plan.files[index].source = .hub(there: 0)
        }
    }

    /// Fetches all but the weights, and of them the tables of tensors, and has the loader say whether it can read
    /// such a model. Vocabularies, which may be large, come after a first look at the configuration.
    private func tryOut(_ plan: PullPlan, _ place: PullStaging) throws {
        let trial = try TrialModel(place.trial)
        defer { try? trial.remove() }
        func add(_ files: [PullPlan.File]) throws {
            for planned in files {
                try fetch(planned, plan, place)
                try trial.add(place.finished(planned.file), as: planned.file.name)
            }
        }
        let texts = plan.files.filter { !$0.isWeights }
        try add(texts.filter { !PublishedFiles.isTokenizer($0.file.name) })
        for planned in plan.files where planned.isWeights {
            try trial.add(firstBytes: try header(planned, plan, place), of: planned.file)
        }
        try trial.open(towers: false, of: plan.repository)
        try add(texts.filter { PublishedFiles.isTokenizer($0.file.name) })
        try trial.open(towers: true, of: plan.repository)
    }

    /// Makes a file stand in the model's folder, with the content that the hub announces.
    private func fetch(_ planned: PullPlan.File, _ plan: PullPlan, _ place: PullStaging) throws {
        let file = planned.file
        let before = plan.files.prefix { $0.file.name != file.name }.reduce(Int64(0)) { $0 &+ $1.file.size }
        func tell(_ count: Int64) {
            onEvent(.progress(file: file.name, done: before &+ count, total: plan.size))
        }
        defer { tell(file.size) }
        if try place.hasFinished(file) { return }
        var isSecondTime = false
        while true {
            let part = try PartFile(place.part(of: file), most: file.size)
            try client().download(file, of: plan.repository, commit: plan.commit, to: part, onBytes: tell)
            try part.flush()
            let got = try file.digest.ofFile(part.path)
            if got == file.digest { break }
            let wasFresh = part.isFresh
            try part.clear()
            guard !wasFresh, !isSecondTime else {
                throw HubError.wrongContent(
                    plan.repository, file.name, expected: file.digest.description, got: got.description)
            }
            isSecondTime = true
            onEvent(.notice("what was there of \(file.name) was damaged; it is downloaded again"))
        }
        try place.finish(file)
    }

    /// The first bytes of a weights file, through the end of its table of tensors.
    private func header(_ planned: PullPlan.File, _ plan: PullPlan, _ place: PullStaging) throws -> [UInt8] {
        let file = planned.file
        let isThere = try place.hasFinished(file)
        func first(_ count: Int64) throws -> [UInt8] {
            if isThere { return try PullStaging.firstBytes(of: place.finished(file), count: count) }
            let part = try PartFile(place.part(of: file), most: file.size)
            try client().download(
                file, of: plan.repository, commit: plan.commit, to: part, upTo: count, onBytes: { _ in })
            return try PullStaging.firstBytes(of: part.path, count: count)
        }
        let start = try first(min(file.size, Self.firstPiece))
        guard let end = TrialModel.headerEnd(start, fileSize: file.size) else {
            throw HubError.unreadable(plan.repository, "\(file.name) is no safetensors file")
        }
        return Array(try end <= Int64(start.count) ? start.prefix(Int(end)) : first(end).prefix(Int(end)))
    }
}
