public import Encoders
import Inference
import SystemPackage
import SystemSupport

/// Brings a model from a hub into the store: what is needed of it, checked against the hub's hashes.
///
/// First the files are listed and described (`plan`), then configuration and the weights' tables of tensors are
/// fetched and the model is tried with them, and only then come the weights (`install`). Everything stands in the
/// store's staging folder until it is complete; a pull that was cut off at any moment goes on from there. Runs on
/// the caller's thread, which it blocks.
public final class Pull {
    /// What the one who asked hears meanwhile.
    public enum Event: Sendable {
        /// So many bytes of the model are there.
        case progress(file: String, done: Int64, total: Int64)
        /// Nothing happens for a while, or something unusual was done; why.
        case notice(String)
    }

    private let asked: RepositoryName
    private let revision: String
    private let chosenName: String?
    private let store: ModelStore
    private let settings: HubSettings
    private let userAgent: String
    private let onEvent: (Event) -> Void
    private var hub: HubClient?

    /// Configuration and vocabularies are never larger.
    private static let largestText: Int64 = 64 << 20
    private static let firstPiece: Int64 = 1 << 18

    /// Prepares to pull a revision (a branch, tag or commit) of a model; nothing is asked yet.
    public init(
        _ repository: RepositoryName, revision: String = "main", name: String? = nil, store: ModelStore,
        settings: HubSettings, userAgent: String, onEvent: @escaping (Event) -> Void
    ) {
        asked = repository
        self.revision = revision
        chosenName = name
        self.store = store
        self.settings = settings
        self.userAgent = userAgent
        self.onEvent = onEvent
    }

    // MARK: What is to be done

    /// Asks the hub (offline: the Hugging Face cache) what the model consists of; writes nothing.
    public func plan() throws -> PullPlan {
        let listing: HubClient.Listing
        var cached: [String: HubFile] = [:]
        if settings.isOffline {
            guard let cache, let commit = cache.commit(revision, of: asked) else {
                throw HubError.notInCache(asked, revision: revision, "snapshot")
            }
            let files = try cache.files(asked, commit: commit)
            cached = Dictionary(files.map { ($0.name, $0) }) { first, _ in first }
            listing = HubClient.Listing(repository: asked, commit: commit, files: files.map(\.name))
        } else {
            listing = try converted(try client().list(asked, revision: revision))
        }
        let target = chosenName ?? listing.repository.description
        let installed = try store.installed(target)
        if let installed, installed.manifest.origin?.repository != listing.repository.description {
            throw HubError.otherModel(name: target)
        }
        if let installed, installed.manifest.origin?.commit == listing.commit {
            try store.checkSizes(installed)
            return PullPlan(
                repository: listing.repository, commit: listing.commit, name: target, files: [], installed: installed)
        }
        var known: [String: HubFile] = cached
        func describe(_ name: String) throws -> HubFile {
            if let file = known[name] { return file }
            guard !settings.isOffline else { throw HubError.notInCache(asked, revision: revision, name) }
            let file = try client().describe(name, of: listing.repository, commit: listing.commit)
            known[name] = file
            return file
        }
        let needed = try neededFiles(listing, describe)
        let files = try (needed.texts.map { ($0, false) } + needed.weights.map { ($0, true) }).map { name, isWeights in
            let file = try describe(name)
            guard isWeights || file.size <= Self.largestText else {
                throw HubError.unreadable(
                    listing.repository, "\(name) has \(file.size) bytes, more than a configuration or vocabulary can")
            }
            return PullPlan.File(
                file: file, isWeights: isWeights, source: try source(of: file, listing.repository, name: target))
        }
        // Another commit, but perhaps only its card has changed.
        if let installed, try !Self.hasSameContent(installed, files) {
            throw HubError.otherRevision(
                listing.repository, installed: installed.manifest.origin?.commit ?? "", hub: listing.commit)
        }
        return PullPlan(
            repository: listing.repository, commit: listing.commit, name: target, files: files, installed: installed)
    }

    /// The listing itself when it has weights that can be read, else that of the conversion to safetensors which
    /// Hugging Face's bot offers as a pull request, provided it was made of the very same weights.
    ///
    /// Old models have weights in PyTorch's format only; openai/clip-vit-base-patch32 is one.
    private func converted(_ listing: HubClient.Listing) throws -> HubClient.Listing {
        let originals = Set(listing.files.filter { name in
            !name.contains("/") && name.contains("pytorch_model") && name.hasSuffix(".bin")
        })
        guard PublishedFiles.layouts(of: listing.files).isEmpty, !originals.isEmpty else { return listing }
        let hub = try client()
        for number in try hub.conversions(of: listing.repository).prefix(3) {
            let offer = try hub.list(listing.repository, revision: "refs/pr/\(number)")
            guard !PublishedFiles.layouts(of: offer.files).isEmpty, originals.isSubset(of: offer.files) else { continue }
            let isSame = try originals.allSatisfy { name in
                try hub.describe(name, of: listing.repository, commit: listing.commit).digest
                    == hub.describe(name, of: listing.repository, commit: offer.commit).digest
            }
            guard isSame else { continue }
            onEvent(
                .notice(
                    "'\(PlainText.of(revision))' has no safetensors; taking Hugging Face's own conversion of the same "
                        + "weights, pull request \(number)"))
            return offer
        }
        return listing
    }

    private var cache: HubCache? { settings.cache.map { HubCache(folder: $0) } }

    private func client() throws -> HubClient {
        if let hub { return hub }
        let onEvent = onEvent
        let made = try HubClient(settings, userAgent: userAgent) { onEvent(.notice($0)) }
        hub = made
        return made
    }

    /// Chooses the layout of the weights and lists what belongs to it.
    private func neededFiles(
        _ listing: HubClient.Listing, _ describe: (String) throws -> HubFile
    ) throws -> PublishedFiles {
        var layouts = PublishedFiles.layouts(of: listing.files)
        // Weights of two layouts: without a model_type, the usual ones are timm's of one tower only.
        if layouts.count == 2, layouts.last == .openCLIP, listing.files.contains("config.json"),
            try json("config.json", listing, describe)["model_type"] == nil
        {
            layouts.removeFirst()
        }
        guard let layout = layouts.first else {
            let others = PublishedFiles.otherWeights(listing.files)
            throw HubError.unreadable(
                listing.repository,
                "it has no model.safetensors, model.safetensors.index.json or open_clip_model.safetensors"
                    + (others.isEmpty ? "" : ", but \(PlainText.of(others.joined(separator: ", ")))"))
        }
        var shards: [String] = []
        if layout == .sharded {
            guard let listed = PublishedFiles.shards(try json(PublishedFiles.index, listing, describe)) else {
                throw HubError.unreadable(listing.repository, "\(PublishedFiles.index) lists no safetensors files")
            }
            shards = listed
        }
        return PublishedFiles(of: listing.files, layout: layout, shards: shards)
    }

    private func json(
        _ name: String, _ listing: HubClient.Listing, _ describe: (String) throws -> HubFile
    ) throws -> JSON {
        let file = try describe(name)
        let bytes: [UInt8]
        if let path = cache?.blob(file, of: [listing.repository, asked]) {
            bytes = try FileContents.read(path, limit: Int(Self.largestText)).bytes
        } else {
            bytes = try client().content(
                file, of: listing.repository, commit: listing.commit, limit: Int(Self.largestText))
        }
        do throws(JSONError) { return try JSON.parse(bytes) } catch {
            throw HubError.unreadable(listing.repository, "\(name) is \(error)")
        }
    }

    private func source(of file: HubFile, _ repository: RepositoryName, name: String) throws -> PullPlan.Source {
        if let path = cache?.blob(file, of: [repository, asked]) { return .cache(path) }
        guard !settings.isOffline else { throw HubError.notInCache(asked, revision: revision, file.name) }
        let there = try? FileStatus.of(PullStaging.part(of: file, model: name, in: store)).size
        return .hub(there: min(max(0, there ?? 0), file.size))
    }

    /// Whether the files that decide the vectors are those that are installed.
    private static func hasSameContent(_ installed: ModelStore.Installed, _ files: [PullPlan.File]) throws -> Bool {
        let known = Dictionary(installed.manifest.files.map { ($0.name, $0) }) { first, _ in first }
        for file in files.map(\.file) where !["README.md", "LICENSE", "LICENSE.txt", "LICENSE.md"].contains(file.name) {
            guard let there = known[file.name], there.size == file.size else { return false }
            if case .sha256(let digits) = file.digest {
                guard there.sha256 == digits else { return false }
            } else {
                let path = installed.path.pushing(FilePath(file.name))
                guard try file.digest.ofFile(path) == file.digest else { return false }
            }
        }
        return true
    }

    // MARK: Doing it

    /// Fetches what is planned and installs it; `confirm` is asked once it is known that the model can be read,
    /// and nil is the result when it says no.
    public func install(_ plan: PullPlan, confirm: (PullPlan) throws -> Bool) throws -> ModelStore.Installed? {
        if let installed = plan.installed { return installed }
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
            guard case .cache(let path) = plan.files[index].source, try !place.hasFinished(file) else { continue }
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
