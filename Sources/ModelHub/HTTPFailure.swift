/// Why no answer came from a server, below HTTP itself.
public enum HTTPFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// libcurl is not installed, or not usable: the loader's reason.
    case noLibrary(String)
    /// The host's name is not known, or nobody answers there: where, and the reason.
    case unreachable(host: String, reason: String)
    /// The connection broke before the answer was complete.
    case cut(host: String, reason: String)
    /// The server's certificate is not to be trusted.
    case certificate(host: String, reason: String)
    /// Nothing came for so many seconds.
    case stalled(host: String, seconds: Int)
    /// Not a URL that may be asked: http where https is required, or no URL at all.
    case refusedURL(String)
    /// Redirected too often.
    case redirectedTooOften(host: String)
    /// The user asked to stop.
    case interrupted

    /// Whether the same request may succeed a moment later.
    var isPassing: Bool {
        switch self {
        case .cut, .stalled, .unreachable: true
        default: false
        }
    }

    /// One line with a remedy where there is one.
    public var description: String {
        switch self {
        case .noLibrary(let reason):
            "models can be pulled only with libcurl, which cannot be loaded: \(reason) (Debian: apt install libcurl4)"
        case .unreachable(let host, let reason):
            "cannot reach \(host): \(reason) (is there a network, or a proxy to name in https_proxy?)"
        case .cut(let host, let reason): "the connection to \(host) broke: \(reason)"
        case .certificate(let host, let reason):
            "\(host) cannot be trusted: \(reason) (are ca-certificates installed? SSL_CERT_FILE names others)"
        case .stalled(let host, let seconds):
            "\(host) sent nothing for \(seconds) seconds (HF_HUB_DOWNLOAD_TIMEOUT sets how long to wait)"
        case .refusedURL(let url):
            "'\(url)' is not asked: expected https:// (http:// only for an HF_ENDPOINT that begins so)"
        case .redirectedTooOften(let host): "\(host) redirects in a circle"
        case .interrupted: "interrupted"
        }
    }
}
