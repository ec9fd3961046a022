import SystemSupport

/// Requests with their redirects, repetitions and refusals.
extension HubClient {
    private static let attempts = 5
    private static let firstDelay = 0.5
    private static let longestWait = 300
    private static let mostRedirects = 10

    /// One request with its redirects. A HEAD request stops at a redirect that leaves the hub: its headers count.
    func exchange(
        _ start: String, isHead: Bool = false, headers: [String] = [],
        onBody: (HTTPClient.Response, UnsafeRawBufferPointer) throws -> Bool = { _, _ in true }
    ) throws -> HTTPClient.Response {
        var url = start
        var gathered: [String: String] = [:]
        for _ in 0...Self.mostRedirects {
            let there = http.origin(url)
            // Compressed sizes and hashes would not be the file's.
            var request = HTTPClient.Request(url: url, headers: headers + ["Accept-Encoding: identity"])
            request.isHead = isHead
            if sendsToken(to: there), let token = settings.token {
                request.headers.append("Authorization: Bearer \(token)")
            }
            var response = try http.send(request, onBody: onBody)
            hasAnswered = true
            response.isElsewhere = !isHub(there)
            // The linked file's headers stand on the first of several answers, or on the last.
            for (name, value) in response.headers where name.hasPrefix("x-") { gathered[name] = value }
            response.headers.merge(gathered) { own, _ in own }
            guard response.isRedirect, let location = response.location else { return response }
            if isHead, !isHub(http.origin(location)) { return response }
            url = location
        }
        throw HTTPFailure.redirectedTooOften(host: host)
    }

    private func isHub(_ other: String?) -> Bool {
        other == origin || other == http.origin(HubSettings.standardEndpoint)
    }

    private func sendsToken(to there: String?) -> Bool {
        guard there == origin else { return false }
        return origin.hasPrefix("https:")
            || ["localhost", "127.0.0.1", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
    }

    /// Runs a request until it succeeds, fails for good, or has failed too often without any progress between.
    func retrying(
        _ repository: RepositoryName, revision: String, what: String, file: String? = nil,
        hasProgressed: () -> Bool = { false }, _ body: () throws -> HTTPClient.Response
    ) throws -> HTTPClient.Response {
        var failures = 0
        while true {
            var problem: any Error = HTTPFailure.interrupted
            var wait: Double?
            do {
                let response = try body()
                guard let failure = refusal(response, repository, revision: revision, what: what, file: file)
                else { return response }
                // What the hub sent on to may have refused an address that has expired; it gives a new one.
                guard
                    [408, 425, 429].contains(response.status) || response.status >= 500
                        || response.isElsewhere
                else { throw failure }
                problem = failure
                if let asked = Self.askedWait(response) {
                    guard asked <= Self.longestWait else {
                        throw response.status == 429
                            ? HubError.tooManyRequests(host: host, waitSeconds: asked) : failure
                    }
                    wait = Double(asked)
                }
            } catch let failure as HTTPFailure where failure.isPassing {
                if case .unreachable = failure, !hasAnswered { throw failure }
                problem = failure
            }
            failures = hasProgressed() ? 1 : failures + 1
            guard failures < Self.attempts else { throw problem }
            let delay = wait ?? Self.firstDelay * Double(1 << (failures - 1))
            if delay >= 1 { onWait("\(problem); trying again in \(Int(delay.rounded(.up))) s") }
            try Self.sleep(delay)
        }
    }

    /// Seconds an answer asks to wait: `Retry-After`, or the hub's own `RateLimit: "api";r=0;t=55`.
    private static func askedWait(_ response: HTTPClient.Response) -> Int? {
        if response.retryAfter > 0 { return response.retryAfter }
        guard response.status == 429, let limit = response["ratelimit"] else { return nil }
        for field in limit.split(separator: ";") {
            let text = field.filter { $0 != " " }
            if text.hasPrefix("t="), let seconds = Int(text.dropFirst(2)), seconds >= 0 {
                return min(seconds, 1 << 30) + 1
            }
        }
        return nil
    }

    private static func sleep(_ seconds: Double) throws {
        let end = Platform.monotonicSeconds() + seconds
        while true {
            if Interruption.isRequested { throw HTTPFailure.interrupted }
            let rest = end - Platform.monotonicSeconds()
            if rest <= 0 { return }
            Platform.sleep(seconds: min(rest, 0.1))
        }
    }

    /// What an answer's status means; nil when it is none of failure. The hub says more in `X-Error-Code`.
    private func refusal(
        _ response: HTTPClient.Response, _ repository: RepositoryName, revision: String, what: String,
        file: String?
    ) -> HubError? {
        let status = response.status
        if status < 300 || response.isRedirect || status == 416 { return nil }
        let message = PlainText.of(response["x-error-message"] ?? "")
        let sentToken = settings.token != nil && sendsToken(to: origin)
        if response.isElsewhere { return .status(status, host: host, what: what, message: message) }
        switch (response["x-error-code"], status) {
        case ("RepoNotFound", _): return .noRepository(repository, status: status, sentToken: sentToken)
        case ("RevisionNotFound", _): return .noRevision(repository, revision)
        case ("EntryNotFound", _): return .noFile(repository, file ?? "")
        case ("GatedRepo", _):
            return .restricted(repository, page: "\(settings.endpoint)/\(repository)", sentToken: sentToken)
        case (_, 401) where sentToken, (_, 403) where sentToken:
            return .tokenRefused(repository, status: status, message)
        // Without a token the hub answers 401 for what is not there and for what is private alike.
        case (_, 401): return .noRepository(repository, status: status, sentToken: false)
        case (_, 404) where file == nil:
            return .noRepository(repository, status: status, sentToken: sentToken)
        case (_, 404): return .noFile(repository, file ?? "")
        default: return .status(status, host: host, what: what, message: message)
        }
    }
}
