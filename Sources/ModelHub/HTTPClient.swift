import CHTTP
import SystemSupport

/// One HTTP exchange after another over libcurl, on the caller's thread; redirects are left to the caller.
///
/// libcurl is opened by the first client that is made. Proxies are those of the environment (`https_proxy`,
/// `http_proxy`, `all_proxy`, `no_proxy`).
package final class HTTPClient {
    /// What is asked.
    package struct Request {
        package var url: String
        package var headers: [String] = []
        package var isHead = false

        package init(url: String, headers: [String] = []) {
            self.url = url
            self.headers = headers
        }
    }

    /// Status and headers of an answer.
    package struct Response {
        package var status = 0
        /// By lower-case name; the last of several wins.
        var headers: [String: String] = [:]
        /// Where it sends on to, absolute.
        package var location: String?
        /// Seconds the server asks to wait (`Retry-After`), 0 when it does not.
        var retryAfter = 0
        /// Whether another host than the hub gave it, after a redirect.
        var isElsewhere = false

        var isRedirect: Bool { (300..<400).contains(status) && location != nil }
        subscript(_ name: String) -> String? { headers[name] }
    }

    private let session: OpaquePointer
    private let userAgent: String
    private let certificates: String?
    private let allowsPlain: Bool
    private let stallSeconds: Int

    /// Opens libcurl. `stallSeconds` is how long a server may stay silent, `certificates` a file of authorities.
    package init(
        userAgent: String, certificates: String? = nil, allowsPlain: Bool, stallSeconds: Int
    ) throws(HTTPFailure) {
        var reason = [CChar](repeating: 0, count: 256)
        guard let session = chttp_open(&reason, reason.count) else {
            throw .noLibrary(Self.text(reason))
        }
        self.session = session
        self.userAgent = userAgent
        self.certificates = certificates
        self.allowsPlain = allowsPlain
        self.stallSeconds = stallSeconds
    }

    deinit { chttp_close(session) }

    /// `scheme://host:port` of a URL, nil when it is no http or https URL, or names a user.
    package func origin(_ url: String) -> String? {
        var origin = [CChar](repeating: 0, count: 512)
        guard chttp_origin(session, url, &origin, origin.count) else { return nil }
        return Self.text(origin)
    }

    /// Asks, and hands the body over in pieces as they come, with the status and headers known by then.
    ///
    /// A body handler that returns false ends the exchange without an error. Throws `HTTPFailure`, or what the
    /// handler throws.
    package func send(
        _ request: Request, onBody: (Response, UnsafeRawBufferPointer) throws -> Bool = { _, _ in true }
    ) throws -> Response {
        let host = origin(request.url).map(Self.host) ?? request.url
        return try withoutActuallyEscaping(onBody) { onBody in
            let exchange = Exchange(host: host, stallSeconds: stallSeconds, onBody: onBody)
            var raw = chttp_response()
            let outcome = perform(request, exchange, &raw)
            var response = exchange.response
            response.status = Int(raw.status)
            response.location = raw.location.map { String(cString: $0) }
            response.retryAfter = Int(raw.retry_after)
            if let error = exchange.error { throw error }
            let reason = withUnsafeBytes(of: raw.reason) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            switch outcome {
            case CHTTP_DONE, CHTTP_STOPPED: return response
            case CHTTP_NO_LIBRARY: throw HTTPFailure.noLibrary(reason)
            case CHTTP_NO_HOST, CHTTP_NO_CONNECTION: throw HTTPFailure.unreachable(host: host, reason: reason)
            case CHTTP_CERTIFICATE: throw HTTPFailure.certificate(host: host, reason: reason)
            case CHTTP_BAD_URL: throw HTTPFailure.refusedURL(PlainText.of(request.url))
            default: throw HTTPFailure.cut(host: host, reason: reason)
            }
        }
    }

    private func perform(
        _ request: Request, _ exchange: Exchange, _ response: inout chttp_response
    ) -> chttp_outcome {
        withCStrings(request.headers) { headers in
            request.url.withCString { url in
                userAgent.withCString { userAgent in
                    withOptionalCString(certificates) { certificates in
                        var raw = chttp_request()
                        raw.url = url
                        raw.headers = headers
                        raw.user_agent = userAgent
                        raw.certificates = certificates
                        raw.head = request.isHead
                        raw.allows_plain = allowsPlain
                        raw.connect_seconds = max(1, stallSeconds)
                        raw.context = Unmanaged.passUnretained(exchange).toOpaque()
                        raw.header = { context, line, count in
                            Exchange.of(context)?.header(UnsafeRawBufferPointer(start: line, count: count))
                                ?? false
                        }
                        raw.body = { context, bytes, count in
                            Exchange.of(context)?.body(UnsafeRawBufferPointer(start: bytes, count: count))
                                ?? false
                        }
                        raw.tick = { context in Exchange.of(context)?.tick() ?? false }
                        return withExtendedLifetime(exchange) { chttp_exchange(session, &raw, &response) }
                    }
                }
            }
        }
    }

    /// The host of an origin, without the scheme and without a port that goes without saying.
    static func host(_ origin: String) -> String {
        var rest = origin[...]
        if let scheme = origin.firstRange(of: "://") { rest = origin[scheme.upperBound...] }
        for port in [":443", ":80"] where rest.hasSuffix(port) { rest = rest.dropLast(port.count) }
        return String(rest)
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// What the callbacks of one exchange share.
private final class Exchange {
    var response = HTTPClient.Response()
    var error: (any Error)?
    private let host: String
    private let stallSeconds: Int
    private let onBody: (HTTPClient.Response, UnsafeRawBufferPointer) throws -> Bool
    private var lastByte = Platform.monotonicSeconds()
    private static let mostHeaders = 500

    init(
        host: String, stallSeconds: Int,
        onBody: @escaping (HTTPClient.Response, UnsafeRawBufferPointer) throws -> Bool
    ) {
        self.host = host
        self.stallSeconds = stallSeconds
        self.onBody = onBody
    }

    static func of(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    func header(_ bytes: UnsafeRawBufferPointer) -> Bool {
        lastByte = Platform.monotonicSeconds()
        let line = String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A new answer: what came before it was "100 Continue" or a proxy's.
            response = HTTPClient.Response()
            response.status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        } else if let colon = line.firstIndex(of: ":"), response.headers.count < Self.mostHeaders {
            let value = line[line.index(after: colon)...].drop { $0.isWhitespace }
            response.headers[line[..<colon].lowercased()] =
                String(value.reversed().drop { $0.isWhitespace }.reversed())
        }
        return goesOn
    }

    func body(_ bytes: UnsafeRawBufferPointer) -> Bool {
        lastByte = Platform.monotonicSeconds()
        guard goesOn else { return false }
        do {
            return try onBody(response, bytes)
        } catch {
            self.error = error
            return false
        }
    }

    func tick() -> Bool {
        if error == nil, Platform.monotonicSeconds() - lastByte > Double(stallSeconds) {
            error = HTTPFailure.stalled(host: host, seconds: stallSeconds)
        }
        return goesOn
    }

    private var goesOn: Bool {
        if error == nil, Interruption.isRequested { error = HTTPFailure.interrupted }
        return error == nil
    }
}

/// Calls `body` with a NULL-ended list of C strings.
private func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
    let copies = texts.map { text -> UnsafeMutableBufferPointer<CChar> in
        let characters = text.utf8CString
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: characters.count)
        _ = copy.initialize(from: characters)
        return copy
    }
    defer { copies.forEach { $0.deallocate() } }
    let pointers = copies.map { $0.baseAddress.map { UnsafePointer($0) } } + [nil]
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("a list with its end is not empty") }
        return body(base)
    }
}

private func withOptionalCString<Result>(
    _ text: String?, _ body: (UnsafePointer<CChar>?) -> Result
) -> Result {
    guard let text else { return body(nil) }
    return text.withCString { body($0) }
}
