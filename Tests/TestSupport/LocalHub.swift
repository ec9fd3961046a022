import Synchronization
public import SystemPackage
import SystemSupport

/// A hub and its content host on two ports of the loopback, which answer as huggingface.co does: the hub lists a
/// model, tells sizes and hashes in its headers, serves small files and sends on to the content host for large ones.
public final class LocalHub: Sendable {
    /// One version of a model on the hub.
    public struct Repository: Sendable {
        /// Its name: `owner/name`.
        public var name: String
        /// The commit that `main` points to.
        public var commit = "0123456789abcdef0123456789abcdef01234567"
        /// The files' contents.
        public var files: [String: [UInt8]]
        /// Files that stand in large-file storage.
        public var large: Set<String>
        /// The token that is required, if any.
        public var token: String?
        /// Whether the owner wants to know who downloads it.
        public var isGated = false
        /// Files that pull requests of a number and an author add, and the commits they make.
        public var offers: [(number: Int, author: String, commit: String, files: [String: [UInt8]])] = []
        /// Sizes and hashes that are announced instead of the true ones.
        public var announced: [String: (size: Int, tag: String)] = [:]

        /// The files of a folder, with those that end in .safetensors in large-file storage.
        public init(_ name: String, folder: FilePath) throws {
            self.name = name
            files = try Self.read(folder, prefix: "")
            large = Set(files.keys.filter { $0.hasSuffix(".safetensors") })
        }

        private static func read(_ folder: FilePath, prefix: String) throws -> [String: [UInt8]] {
            var files: [String: [UInt8]] = [:]
            for entry in try Folders.list(folder) {
                let path = folder.appending(entry.name), name = prefix + entry.name.string
                if try FileStatus.of(path).kind == .directory {
                    files.merge(try read(path, prefix: name + "/")) { _, new in new }
                } else {
                    files[name] = try FileContents.read(path).bytes
                }
            }
            return files
        }

        /// The hash that the hub announces of a file.
        public func tag(_ name: String) -> String {
            if let announced = announced[name] { return announced.tag }
            let content = files[name] ?? []
            return large.contains(name) ? Hashes.sha256(content) : Hashes.gitBlob(content)
        }
    }

    /// Something done to an answer, or instead of it: told the request, the host ("hub" or "content"), how many
    /// requests of this method for the same path came before, and the answer that would be given.
    public typealias Fault =
        @Sendable (LocalServer.Request, String, Int, LocalServer.Reply) -> LocalServer.Reply

    private struct State {
        var repository: Repository
        var fault: Fault?
        var counts: [String: Int] = [:]
    }

    private let state: Mutex<State>
    private let servers: Mutex<[LocalServer]> = .init([])

    /// The hub.
    public var hub: LocalServer { servers.withLock { $0[1] } }
    /// The host that large files are sent on to.
    public var content: LocalServer { servers.withLock { $0[0] } }

    /// Starts both.
    public init(_ repository: Repository, fault: Fault? = nil) throws {
        state = Mutex(State(repository: repository, fault: fault))
        let content = try LocalServer { [weak self] in self?.answer($0, "content", nil) ?? .init(500) }
        let base = content.url
        let hub = try LocalServer { [weak self] in self?.answer($0, "hub", base) ?? .init(500) }
        servers.withLock { $0 = [content, hub] }
    }

    deinit { servers.withLock { $0.forEach { $0.stop() } } }

    /// Changes what the hub has, or what is done to its answers.
    public func change(_ repository: Repository, fault: Fault? = nil) {
        state.withLock {
            $0.repository = repository
            $0.fault = fault
            $0.counts = [:]
        }
    }

    /// How many bytes of files were asked for, by `GET`, of the hub and the content host: paths and ranges.
    public var downloads: [(path: String, first: Int)] {
        (hub.requests + content.requests).filter { $0.method == "GET" && !$0.target.hasPrefix("/api/") }
            .map { ($0.target, $0.range?.first ?? 0) }
    }

    private func answer(_ request: LocalServer.Request, _ host: String, _ contentURL: String?)
        -> LocalServer.Reply
    {
        let (repository, fault, count) = state.withLock { state in
            let key = "\(host) \(request.method) \(request.target)"
            defer { state.counts[key, default: 0] += 1 }
            return (state.repository, state.fault, state.counts[key, default: 0])
        }
        let reply =
            contentURL.map { Self.hubReply(request, repository, contentURL: $0) }
            ?? Self.contentReply(request, repository)
        return fault?(request, host, count, reply) ?? reply
    }

    private static func contentReply(_ request: LocalServer.Request, _ repository: Repository)
        -> LocalServer.Reply
    {
        let name = String(request.target.dropFirst("/blobs/".count).prefix { $0 != "?" })
        let offered = repository.offers.first { request.target.contains($0.commit) }?.files[name]
        guard request.target.hasPrefix("/blobs/"), let content = offered ?? repository.files[name] else {
            return .init(404, body: Array("<Error>no such key</Error>".utf8))
        }
        // An entity tag of the storage's own, of the same form as a SHA-256, and not the file's hash.
        let tag = Hashes.sha256(Array("storage of \(name)".utf8))
        return part(of: content, request, [("ETag", "\"\(tag)\"")], size: repository.announced[name]?.size)
    }

    private static func hubReply(
        _ request: LocalServer.Request, _ repository: Repository, contentURL: String
    ) -> LocalServer.Reply {
        func refusal(_ status: Int, _ code: String, _ message: String) -> LocalServer.Reply {
            .init(status, [("X-Error-Code", code), ("X-Error-Message", message)], body: Array("{}".utf8))
        }
        let authorization = request.headers["authorization"]
        let path = request.target
        let api = "/api/models/\(repository.name)/revision/", files = "/\(repository.name)/resolve/"
        guard path.hasPrefix("/api/models/\(repository.name)/") || path.hasPrefix(files) else {
            return authorization == nil
                ? .init(401, [("X-Error-Message", "Invalid username or password.")], body: Array("{}".utf8))
                : refusal(404, "RepoNotFound", "Repository not found")
        }
        if let token = repository.token, authorization != "Bearer \(token)" {
            return authorization == nil
                ? .init(401, [("X-Error-Message", "Invalid username or password.")])
                : .init(401, [("X-Error-Message", "Invalid credentials in Authorization header")])
        }
        if path.hasPrefix("/api/models/\(repository.name)/discussions?") {
            let found = repository.offers.map { offer in
                "{\"num\": \(offer.number), \"author\": {\"name\": \"\(offer.author)\"}, \"title\": \"Adding\", "
                    + "\"status\": \"open\", \"isPullRequest\": true}"
            }
            let text =
                "{\"discussions\": [\(found.joined(separator: ", "))], \"count\": \(found.count), \"start\": 0}"
            return .init(200, body: Array(text.utf8))
        }
        if let offer = repository.offers.first(where: {
            path == "\(api)refs%2Fpr%2F\($0.number)" || path.hasPrefix("\(files)\($0.commit)/")
        }) {
            // What the pull request would make of the model.
            var changed = repository
            changed.commit = offer.commit
            changed.files.merge(offer.files) { $1 }
            changed.offers = []
            var same = request
            if path.hasPrefix(api) { same.target = "\(api)\(offer.commit)" }
            return hubReply(same, changed, contentURL: contentURL)
        }
        if path.hasPrefix(api) {
            let revision = String(path.dropFirst(api.count))
            guard ["main", repository.commit, "refs%2Fpr%2F1"].contains(revision) else {
                return refusal(404, "RevisionNotFound", "Invalid rev id: \(revision)")
            }
            let siblings = repository.files.keys.sorted().map { "{\"rfilename\": \"\($0)\"}" }
            let text =
                "{\"id\": \"\(repository.name)\", \"sha\": \"\(repository.commit)\", \"private\": false, "
                + "\"gated\": \(repository.isGated), \"siblings\": [\(siblings.joined(separator: ", "))]}"
            return .init(200, [("Content-Type", "application/json")], body: Array(text.utf8))
        }
        if repository.isGated, authorization == nil || repository.token == nil {
            return refusal(
                authorization == nil ? 401 : 403, "GatedRepo",
                "Access to model \(repository.name) is restricted.")
        }
        let parts = path.dropFirst(files.count).split(separator: "/", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == repository.commit, let content = repository.files[parts[1]] else {
            return refusal(404, "EntryNotFound", "Entry not found")
        }
        let name = parts[1], commit = ("X-Repo-Commit", repository.commit)
        guard repository.large.contains(name) else {
            return part(of: content, request, [commit, ("ETag", "\"\(repository.tag(name))\"")])
        }
        return .init(
            302,
            [
                commit, ("Location", "\(contentURL)/blobs/\(name)?signature=\(repository.commit)"),
                ("X-Linked-Etag", "\"\(repository.tag(name))\""),
                ("X-Linked-Size", "\(repository.announced[name]?.size ?? content.count)"),
                ("ETag", "\"\(Hashes.gitBlob(Array("pointer".utf8)))\""),
            ], body: Array("Found. Redirecting".utf8))
    }

    private static func part(
        of content: [UInt8], _ request: LocalServer.Request, _ headers: [(String, String)], size: Int? = nil
    ) -> LocalServer.Reply {
        guard let range = request.range, request.method == "GET" else {
            return .init(200, headers + [("Accept-Ranges", "bytes")], body: content)
        }
        guard range.first < content.count else {
            return .init(416, [("Content-Range", "bytes */\(content.count)")])
        }
        let last = min(range.last ?? content.count - 1, content.count - 1)
        return .init(
            206, headers + [("Content-Range", "bytes \(range.first)-\(last)/\(size ?? content.count)")],
            body: Array(content[range.first...max(range.first, last)]))
    }
}
