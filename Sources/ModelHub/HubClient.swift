import Inference

/// Talks to a hub: lists a model's files, tells their sizes and hashes, and downloads them.
///
/// The access token goes to the endpoint's own scheme, host and port only, whatever the server redirects to, and
/// never over plain http to another machine. Failures that may pass (a broken connection, HTTP 408, 429, 5xx) are
/// tried again a few times, waiting as long as the server asks within reason.
final class HubClient {
    /// What a model's page says of one revision.
    struct Listing {
        let repository: RepositoryName
        let commit: String
        let files: [String]
    }

    let settings: HubSettings
    let host: String
    let http: HTTPClient
    /// The endpoint's scheme, host and port.
    let origin: String
    /// Hears, in words, why nothing happens for a while.
    let onWait: (String) -> Void
    /// A first failure to connect is the user's network; a later one may pass.
    var hasAnswered = false

    /// A client for the settings' endpoint; `onWait` hears, in words, why nothing happens for a while.
    init(_ settings: HubSettings, userAgent: String, onWait: @escaping (String) -> Void) throws {
        self.settings = settings
        self.onWait = onWait
        http = try HTTPClient(
            userAgent: userAgent, certificates: settings.certificates,
            allowsPlain: settings.endpoint.hasPrefix("http://"), stallSeconds: settings.stallSeconds)
        guard let origin = http.origin(settings.endpoint), !settings.endpoint.contains("?"),
            !settings.endpoint.contains("#")
        else {
            // A user's password is not shown.
            let shown = settings.endpoint.contains("@") ? "(not shown)" : PlainText.of(settings.endpoint)
            throw HubError.setting(
                "HF_ENDPOINT", shown, expected: "https://host[:port][/path] without a user")
        }
        self.origin = origin
        host = HTTPClient.host(origin)
    }

    // MARK: What is there

    /// Asks what files a revision (a branch, tag or commit) of a model has.
    func list(_ repository: RepositoryName, revision: String) throws -> Listing {
        let url = "\(settings.endpoint)/api/models/\(repository)/revision/\(PercentEncoding.encode(revision))"
        let body = try content(
            url, limit: 32 << 20, of: repository, revision: revision, what: "for the model")
        let json: JSON
        do throws(JSONError) { json = try JSON.parse(body) } catch {
            throw HubError.protocolViolation(host: host, "the model's description is \(error)")
        }
        guard let commit = json["sha"]?.string, Self.isCommit(commit) else {
            throw HubError.protocolViolation(host: host, "the model's description names no commit")
        }
        guard let siblings = json["siblings"]?.array else {
            throw HubError.protocolViolation(host: host, "the model's description lists no files")
        }
        // A renamed model answers under its new name.
        let name = (json["id"]?.string ?? json["modelId"]?.string).flatMap { RepositoryName($0) }
        return Listing(
            repository: name ?? repository, commit: commit,
            files: siblings.compactMap { $0["rfilename"]?.string })
    }

    /// The open pull requests in which Hugging Face's own bot offers the model's weights as safetensors, the newest
    /// first. Anybody may open a pull request; those of others are not looked at.
    func conversions(of repository: RepositoryName) throws -> [Int] {
        let url =
            "\(settings.endpoint)/api/models/\(repository)/discussions?type=pull_request&status=open&author=\(Self.converter)"
        let body = try content(url, limit: 4 << 20, of: repository, revision: "main", what: "for conversions")
        guard let json = try? JSON.parse(body), let found = json["discussions"]?.array else { return [] }
        return found.compactMap { discussion -> Int? in
            guard discussion["author"]?["name"]?.string == Self.converter,
                discussion["status"]?.string == "open",
                discussion["isPullRequest"]?.bool == true, let number = discussion["num"]?.integer, number > 0
            else { return nil }
            return number
        }.sorted(by: >)
    }

    private static let converter = "SFconvertbot"

    static func isCommit(_ text: String) -> Bool {
        text.utf8.count == 40
            && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Asks for a file's size and hash: the headers `X-Linked-Size` and `X-Linked-Etag` of files in large-file
    /// storage, `Content-Length` and `ETag` of others.
    func describe(_ name: String, of repository: RepositoryName, commit: String) throws -> HubFile {
        let response = try retrying(repository, revision: commit, what: "for \(name)", file: name) {
            try exchange(url(name, of: repository, commit: commit), isHead: true)
        }
        if let served = response["x-repo-commit"], served != commit {
            throw HubError.protocolViolation(
                host: host, "\(name) is of commit \(PlainText.of(served)), asked was \(commit)")
        }
        // An answer that sends on to another host has an ETag of the answer, not of the file.
        let tag = response["x-linked-etag"] ?? (response.isRedirect ? nil : response["etag"])
        guard let digest = tag.flatMap({ ContentDigest(tag: $0) }) else {
            throw HubError.protocolViolation(
                host: host, "it gives no hash of \(name) (X-Linked-Etag or ETag)")
        }
        let length = response["x-linked-size"] ?? (response.isRedirect ? nil : response["content-length"])
        guard let size = length.flatMap({ Int64($0) }), size >= 0, size < 1 << 50 else {
            throw HubError.protocolViolation(
                host: host, "it gives no size of \(name) (X-Linked-Size or Content-Length)")
        }
        return HubFile(name: name, size: size, digest: digest)
    }

    private func url(_ name: String, of repository: RepositoryName, commit: String) -> String {
        "\(settings.endpoint)/\(repository)/resolve/\(commit)/\(PercentEncoding.encode(name, keeping: "/"))"
    }

    // MARK: Content

    /// A small file's content.
    func content(_ file: HubFile, of repository: RepositoryName, commit: String, limit: Int) throws -> [UInt8]
    {
        try content(
            url(file.name, of: repository, commit: commit), limit: limit, of: repository, revision: commit,
            what: "for \(file.name)", file: file.name)
    }

    private func content(
        _ url: String, limit: Int, of repository: RepositoryName, revision: String, what: String,
        file: String? = nil
    ) throws -> [UInt8] {
        var body: [UInt8] = []
        _ = try retrying(repository, revision: revision, what: what, file: file) {
            body = []
            return try exchange(url) { response, bytes in
                guard response.status == 200 else { return true }
                guard bytes.count <= limit - body.count else {
                    throw HubError.protocolViolation(
                        host: host, "its answer \(what) has more than \(limit) bytes")
                }
                body.append(contentsOf: bytes)
                return true
            }
        }
        return body
    }

    /// Adds to a part what it lacks of a file, up to a length or to its end, going on where it stopped.
    func download(
        _ file: HubFile, of repository: RepositoryName, commit: String, to part: PartFile,
        upTo end: Int64? = nil,
        onBytes: (Int64) -> Void
    ) throws {
        let end = min(end ?? file.size, file.size)
        var best = part.size
        _ = try retrying(
            repository, revision: commit, what: "for \(file.name)", file: file.name,
            hasProgressed: {
                defer { best = max(best, part.size) }
                return part.size > best
            }
        ) {
            guard part.size < end else { return HTTPClient.Response(status: 200) }
            part.goOn()
            var range = "Range: bytes=\(part.size)-"
            if end < file.size { range += "\(end - 1)" }
            var isFirst = true
            let response = try exchange(url(file.name, of: repository, commit: commit), headers: [range]) {
                response, bytes in
                guard response.status == 200 || response.status == 206 else { return true }
                if isFirst {
                    isFirst = false
                    try start(part, response, file)
                }
                guard Int64(bytes.count) <= file.size - part.size else {
                    throw HubError.protocolViolation(
                        host: host, "\(file.name) is longer than the announced \(file.size) bytes")
                }
                try part.append(bytes)
                onBytes(part.size)
                return part.size < end
            }
            if response.status == 416 {
                try part.clear()
                throw HTTPFailure.cut(host: host, reason: "the range was refused (HTTP 416)")
            }
            if response.status < 300, part.size < end {
                throw HTTPFailure.cut(
                    host: host, reason: "\(file.name) ended at \(part.size) of \(file.size) bytes")
            }
            return response
        }
    }

    /// Makes the part ready for an answer's first bytes: a server may send the whole instead of the range.
    private func start(_ part: PartFile, _ response: HTTPClient.Response, _ file: HubFile) throws {
        if response.status == 200 {
            if part.size > 0 { try part.clear() }
            return
        }
        let asked = "bytes \(part.size)-", range = response["content-range"] ?? ""
        guard range.lowercased().hasPrefix(asked), range.hasSuffix("/\(file.size)") || range.hasSuffix("/*")
        else {
            throw HubError.protocolViolation(
                host: host,
                "asked for '\(asked)' of \(file.size), it sends '\(PlainText.of(range))' of \(file.name)")
        }
    }
}
