public import SystemPackage

/// Why a model cannot be pulled.
public enum HubError: Error, Sendable, Equatable, CustomStringConvertible {
    /// An environment variable is not usable: its name, its value, what it should be.
    case setting(String, String, expected: String)
    /// The hub has no such model, or shows it to some users only: the model, and whether a token was sent.
    case noRepository(RepositoryName, status: Int, sentToken: Bool)
    /// The model has no such branch, tag or commit.
    case noRevision(RepositoryName, String)
    /// The revision has no such file.
    case noFile(RepositoryName, String)
    /// The model's owner lets only some users at it.
    case restricted(RepositoryName, page: String, sentToken: Bool)
    /// The token is not one the hub knows, or not allowed to read this model: the hub's words.
    case tokenRefused(RepositoryName, status: Int, String)
    /// Too many requests, and the hub asks to wait longer than is reasonable.
    case tooManyRequests(host: String, waitSeconds: Int)
    /// The server answered with an error, again and again where that may help.
    case status(Int, host: String, what: String, message: String)
    /// The server's answer is not what a hub answers.
    case protocolViolation(host: String, String)
    /// A file came whole, but is not the one the hub announced.
    case wrongContent(RepositoryName, String, expected: String, got: String)
    /// Offline, and a file in the Hugging Face cache is not what its name says.
    case damagedCache(RepositoryName, FilePath)
    /// The model is of a kind that cannot be read here: why.
    case unreadable(RepositoryName, String)
    /// A file system has less room than is needed.
    case noRoom(FilePath, needed: Int64, free: Int64)
    /// Another content of this model is installed: its commit, and the hub's.
    case otherRevision(RepositoryName, installed: String, hub: String)
    /// The name is taken by another model.
    case otherModel(name: String)
    /// Offline, and the Hugging Face cache does not hold what is needed.
    case notInCache(RepositoryName, revision: String, String)

    /// One line naming the model, what is wrong, and a remedy where there is one.
    public var description: String {
        switch self {
        case .setting(let name, let value, let expected): "\(name) is '\(value)', expected \(expected)"
        case .noRepository(let name, let status, let sentToken):
            "\(name): the hub has no such model, or keeps it private (HTTP \(status)); check the name"
                + (sentToken ? " and what the token may read" : ", or set HF_TOKEN if it is private")
        case .noRevision(let name, let revision):
            "\(name): there is no branch, tag or commit '\(PlainText.of(revision))'"
        case .noFile(let name, let file): "\(name): there is no file \(PlainText.of(file))"
        case .restricted(let name, let page, let sentToken):
            "\(name): its owner gives it to registered users only; ask for access at \(page)"
                + (sentToken ? " with the account the token belongs to" : ", then set HF_TOKEN")
        case .tokenRefused(let name, let status, let message):
            "\(name): the hub refuses the access token (HTTP \(status)\(message.isEmpty ? "" : ": \(message)")); "
                + "check HF_TOKEN, or unset it for a public model"
        case .tooManyRequests(let host, let seconds):
            "\(host) has had too many requests and asks to wait \(seconds) seconds (HTTP 429); try again then"
        case .status(let status, let host, let what, let message):
            "\(host) answered \(what) with HTTP \(status)\(message.isEmpty ? "" : ": \(message)")"
                + (status >= 500 ? "; try again later" : "")
        case .protocolViolation(let host, let problem):
            "\(host) does not answer as a Hugging Face hub does: \(problem)"
        case .wrongContent(let name, let file, let expected, let got):
            "\(name): \(file) came as \(got), but the hub announces \(expected); nothing was installed"
        case .damagedCache(let name, let path): "\(name): \(path) is damaged, and HF_HUB_OFFLINE is set"
        case .unreadable(let name, let reason): "\(name): \(reason); its weights were not downloaded"
        case .noRoom(let path, let needed, let free):
            "\(path) has \(free / 1_000_000) MB free, \(needed / 1_000_000) MB are needed"
        case .otherRevision(let name, let installed, let hub):
            "\(name) is installed as of commit \(installed.prefix(12)), the hub's is \(hub.prefix(12)) and differs; "
                + "remove it first, or pull the other under --name"
        case .otherModel(let name):
            "a model '\(name)' is installed already; remove it first, or choose another --name"
        case .notInCache(let name, let revision, let what):
            "\(name): HF_HUB_OFFLINE is set, and the Hugging Face cache has no \(what) of '\(PlainText.of(revision))'"
        }
    }
}
