public import SystemPackage
import SystemSupport

/// Which hub is asked, as whom, and where the Hugging Face cache stands; the variables are huggingface_hub's own.
public struct HubSettings: Sendable {
    /// The hub, without a slash at its end.
    public var endpoint: String
    /// The access token, from `HF_TOKEN` or the file that `hf auth login` writes.
    public var token: String?
    /// The cache's folder with one `models--owner--name` each; need not exist.
    public var cache: FilePath?
    /// Whether the network must not be used (`HF_HUB_OFFLINE`).
    public var isOffline: Bool
    /// Seconds a server may stay silent.
    public var stallSeconds: Int
    /// A file of certificate authorities instead of the system's.
    public var certificates: String?

    /// The hub that is asked unless `HF_ENDPOINT` names another.
    public static let standardEndpoint: String = "https://huggingface.co"

    /// Reads the environment: `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_HOME`, `HF_HUB_CACHE`,
    /// `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT`, `SSL_CERT_FILE`, `XDG_CACHE_HOME`, `HOME`.
    public static func fromEnvironment() throws -> HubSettings {
        var endpoint = Platform.environment("HF_ENDPOINT") ?? standardEndpoint
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard endpoint.hasPrefix("https://") || endpoint.hasPrefix("http://") else {
            throw HubError.setting(
                "HF_ENDPOINT", PlainText.of(endpoint), expected: "https://host[:port][/path]")
        }
        let home = cacheHome()
        var seconds = 30
        if let text = Platform.environment("HF_HUB_DOWNLOAD_TIMEOUT") {
            guard let number = Int(text), (1...86_400).contains(number) else {
                throw HubError.setting(
                    "HF_HUB_DOWNLOAD_TIMEOUT", PlainText.of(text), expected: "seconds from 1 to 86400")
            }
            seconds = number
        }
        return HubSettings(
            endpoint: endpoint, token: try token(home),
            cache: path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? home?.appending("hub"),
            isOffline: isTrue("HF_HUB_OFFLINE") || isTrue("TRANSFORMERS_OFFLINE"), stallSeconds: seconds,
            certificates: Platform.environment("SSL_CERT_FILE") ?? Platform.environment("CURL_CA_BUNDLE"))
    }

    private static func cacheHome() -> FilePath? {
        if let home = path("HF_HOME") { return home }
        if let caches = path("XDG_CACHE_HOME") { return caches.appending("huggingface") }
        return (try? UserFolders.home())?.appending(".cache").appending("huggingface")
    }

    private static func token(_ home: FilePath?) throws -> String? {
        if isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN") { return nil }
        let source: String, text: String
        if let value = Platform.environment("HF_TOKEN") {
            (source, text) = ("HF_TOKEN", value)
        } else if let value = Platform.environment("HUGGING_FACE_HUB_TOKEN") {
            (source, text) = ("HUGGING_FACE_HUB_TOKEN", value)
        } else if let file = path("HF_TOKEN_PATH") ?? home?.appending("token") {
            do throws(SystemError) {
                text = String(decoding: try FileContents.read(file, limit: 1 << 16).bytes, as: UTF8.self)
                source = file.string
            } catch {
                if error.errno == .noSuchFileOrDirectory || error.errno == .notDirectory { return nil }
                throw error
            }
        } else {
            return nil
        }
        let trimmed = text.filter { !$0.isNewline }.drop { $0 == " " }
        guard !trimmed.isEmpty else { return nil }
        // It becomes a header line: what could end the line or is no token is refused, and never shown.
        guard trimmed.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), trimmed.utf8.count <= 4096 else {
            throw HubError.setting(source, "(not shown)", expected: "a token of printable ASCII characters")
        }
        return String(trimmed)
    }

    private static func path(_ variable: String) -> FilePath? {
        guard let text = Platform.environment(variable) else { return nil }
        if text == "~" || text.hasPrefix("~/"), let home = try? UserFolders.home() {
            return home.pushing(FilePath(String(text.dropFirst(2))))
        }
        return FilePath(text)
    }

    private static func isTrue(_ variable: String) -> Bool {
        ["1", "ON", "YES", "TRUE"].contains(Platform.environment(variable)?.uppercased() ?? "")
    }
}
