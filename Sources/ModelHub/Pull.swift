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
    let store: ModelStore
    let settings: HubSettings
    private let userAgent: String
    let onEvent: (Event) -> Void
    private var hub: HubClient?

    /// Configuration and vocabularies are never larger.
    private static let largestText: Int64 = 64 << 20

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
                repository: listing.repository, commit: listing.commit, name: target, files: [],
                installed: installed)
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
        let files = try (needed.texts.map { ($0, false) } + needed.weights.map { ($0, true) }).map {
            name, isWeights in
            let file = try describe(name)
            guard isWeights || file.size <= Self.largestText else {
                throw HubError.unreadable(
                    listing.repository,
                    "\(name) has \(file.size) bytes, more than a configuration or vocabulary can")
            }
            return PullPlan.File(
                file: file, isWeights: isWeights,
                source: try source(of: file, listing.repository, name: target))
        }
        // Another commit, but perhaps only its card has changed.
        if let installed, try !Self.hasSameContent(installed, files) {
            throw HubError.otherRevision(
                listing.repository, installed: installed.manifest.origin?.commit ?? "", hub: listing.commit)
        }
        return PullPlan(
            repository: listing.repository, commit: listing.commit, name: target, files: files,
            installed: installed)
    }

    /// The listing itself when it has weights that can be read, else that of the conversion to safetensors which
    /// Hugging Face's bot offers as a pull request, provided it was made of the very same weights.
    ///
    /// Old models have weights in PyTorch's format only; openai/clip-vit-base-patch32 is one.
    private func converted(_ listing: HubClient.Listing) throws -> HubClient.Listing {
        let originals = Set(
            listing.files.filter { name in
                !name.contains("/") && name.contains("pytorch_model") && name.hasSuffix(".bin")
            })
        guard PublishedFiles.layouts(of: listing.files).isEmpty, !originals.isEmpty else { return listing }
        let hub = try client()
        for number in try hub.conversions(of: listing.repository).prefix(3) {
            let offer = try hub.list(listing.repository, revision: "refs/pr/\(number)")
            guard !PublishedFiles.layouts(of: offer.files).isEmpty, originals.isSubset(of: offer.files) else {
                continue
            }
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

    func client() throws -> HubClient {
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
                throw HubError.unreadable(
                    listing.repository, "\(PublishedFiles.index) lists no safetensors files")
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

    private func source(of file: HubFile, _ repository: RepositoryName, name: String) throws
        -> PullPlan.Source
    {
        if let path = cache?.blob(file, of: [repository, asked]) { return .cache(path) }
        guard !settings.isOffline else { throw HubError.notInCache(asked, revision: revision, file.name) }
        let there = try? FileStatus.of(PullStaging.part(of: file, model: name, in: store)).size
        return .hub(there: min(max(0, there ?? 0), file.size))
    }

    /// Whether the files that decide the vectors are those that are installed.
    private static func hasSameContent(_ installed: ModelStore.Installed, _ files: [PullPlan.File]) throws
        -> Bool
    {
        let known = Dictionary(installed.manifest.files.map { ($0.name, $0) }) { first, _ in first }
        for file in files.map(\.file)
        where !["README.md", "LICENSE", "LICENSE.txt", "LICENSE.md"].contains(file.name) {
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
}
