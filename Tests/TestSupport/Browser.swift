#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Foundation
public import SystemPackage
import SystemSupport

/// A headless Chromium or Chrome, driven over a pipe with its DevTools protocol
/// (https://chromedevtools.github.io/devtools-protocol): one page, real keys and clicks.
public final class Browser {
    /// What went wrong between test and browser.
    public enum Failure: Error {
        case notStarted(Int32)
        case gone
        case tookTooLong(String)
        case refused(String, String)
        case script(String)
    }

    /// The browser to use: `$IMGVEC_TEST_BROWSER`, else the first that is installed; nil when there is none.
    public static let program: FilePath? = {
        if let asked = Platform.environment("IMGVEC_TEST_BROWSER") { return FilePath(asked) }
        let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
        let folders = (Platform.environment("PATH") ?? "").split(separator: ":").map { FilePath(String($0)) }
        var candidates: [FilePath] = folders.flatMap { folder in names.map { folder.appending($0) } }
        candidates.append("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
        return candidates.first { (try? FileStatus.of($0))?.kind == .regular }
    }()

    /// Where downloads arrive.
    public let downloads: FilePath
    /// What the page complained of: exceptions, refusals by its policy, dialogs.
    public private(set) var complaints: [String] = []
    /// Every address the page asked for.
    public private(set) var requests: [String] = []

    private let profile: TemporaryFolder
    private let process: pid_t
    private let commands: FileDescriptor
    private let answers: FileDescriptor
    private var buffer: [UInt8] = []
    private var lastNumber = 0
    private var session: String?
    private var finished: Set<String> = []
    private static let patience = 60.0

    /// Starts the browser with an empty page of 1400 x 900 pixels; downloads go to a folder.
    public init(downloads: FilePath) throws {
        guard let program = Self.program else { throw Failure.notStarted(ENOENT) }
        self.downloads = downloads
        profile = try TemporaryFolder()
        let (read, write) = (try Self.pipe(), try Self.pipe())
        commands = read.write
        answers = write.read
        var arguments = [
            program.string, "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
            "--no-default-browser-check", "--disable-background-networking", "--disable-dev-shm-usage",
            "--disable-extensions", "--user-data-dir=\(profile.path.string)",
        ]
        // Chromium's sandbox refuses to run as root, as tests in a container do.
        if geteuid() == 0 { arguments.append("--no-sandbox") }
        #if os(Linux)
            var actions = posix_spawn_file_actions_t()
        #else
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, read.read.rawValue, 3)
        posix_spawn_file_actions_adddup2(&actions, write.write.rawValue, 4)
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        let environment = ["HOME=\(profile.path.string)", "PATH=/usr/bin:/bin"]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, program.string, &actions, nil, &argv, &envp)
        try read.read.close()
        try write.write.close()
        guard result == 0 else { throw Failure.notStarted(result) }
        self.process = process

        let target = try send("Target.createTarget", ["url": "about:blank"])
        let attached = try send(
            "Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true])
        try send(
            "Browser.setDownloadBehavior",
            ["behavior": "allow", "downloadPath": downloads.string, "eventsEnabled": true])
        session = attached["sessionId"] as? String
        for domain in ["Page", "Runtime", "Log", "Network"] { try send("\(domain).enable") }
        try resize(width: 1400, height: 900)
    }

    deinit {
        kill(process, SIGKILL)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        try? commands.close()
        try? answers.close()
    }

    /// A pipe whose ends no child inherits by accident and that lie above the numbers the browser expects.
    private static func pipe() throws -> (read: FileDescriptor, write: FileDescriptor) {
        let (read, write) = try FileDescriptor.pipe()
        defer {
            try? read.close()
            try? write.close()
        }
        return (
            FileDescriptor(rawValue: fcntl(read.rawValue, F_DUPFD_CLOEXEC, 64)),
            FileDescriptor(rawValue: fcntl(write.rawValue, F_DUPFD_CLOEXEC, 64))
        )
    }

    /// Opens an address and waits until the page has loaded.
    public func open(_ address: String) throws {
        finished.remove("Page.loadEventFired")
        try send("Page.navigate", ["url": address])
        try wait(for: "Page.loadEventFired")
    }

    /// Loads the page again, as the reader's "reload" does.
    public func reload() throws {
        finished.remove("Page.loadEventFired")
        try send("Page.reload")
        try wait(for: "Page.loadEventFired")
    }

    /// The window's size in pixels.
    public func resize(width: Int, height: Int) throws {
        try send(
            "Emulation.setDeviceMetricsOverride",
            ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false])
    }

    /// Asks for the dark colours, or the light ones.
    public func setDark(_ isDark: Bool) throws {
        try send(
            "Emulation.setEmulatedMedia",
            ["features": [["name": "prefers-color-scheme", "value": isDark ? "dark" : "light"]]])
    }

    /// The value of an expression in the page, as JSON has it; nil for undefined and null.
    @discardableResult
    public func evaluate(_ expression: String) throws -> Any? {
        let answer = try send(
            "Runtime.evaluate",
            ["expression": expression, "returnByValue": true, "awaitPromise": true])
        if let problem = answer["exceptionDetails"] as? [String: Any] {
            throw Failure.script("\(expression): \(problem["exception"] ?? problem)")
        }
        let value = (answer["result"] as? [String: Any])?["value"]
        return value is NSNull ? nil : value
    }

    /// The text that an element shows; nil when there is no such element.
    public func text(_ selector: String) throws -> String? {
        try evaluate("document.querySelector(\(Self.quoted(selector)))?.innerText") as? String
    }

    /// The texts of all elements that a selector finds.
    public func texts(_ selector: String) throws -> [String] {
        try evaluate(
            "Array.from(document.querySelectorAll(\(Self.quoted(selector))), e => e.innerText)") as? [String]
            ?? []
    }

    /// Waits until an expression is true.
    public func wait(until expression: String) throws {
        let end = Platform.monotonicSeconds() + Self.patience
        while try evaluate("Boolean(\(expression))") as? Bool != true {
            guard Platform.monotonicSeconds() < end else { throw Failure.tookTooLong(expression) }
            usleep(20_000)
        }
    }

    /// Presses and releases a key, given by its name ("j", "Enter", "ArrowRight").
    public func press(_ key: String) throws {
        let codes = [
            "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
        ]
        var fields: [String: Any] = ["key": key]
        if let code = codes[key] {
            fields["windowsVirtualKeyCode"] = code
        } else {
            fields["text"] = key
        }
        if key == "Enter" { fields["text"] = "\r" }
        try send("Input.dispatchKeyEvent", fields.merging(["type": "keyDown"]) { $1 })
        fields["text"] = nil
        try send("Input.dispatchKeyEvent", fields.merging(["type": "keyUp"]) { $1 })
    }

    /// Types a text into what has the focus.
    public func type(_ text: String) throws { try send("Input.insertText", ["text": text]) }

    /// Clicks the middle of an element with the mouse.
    public func click(_ selector: String) throws {
        let place =
            try evaluate(
                """
                (() => {
                  const element = document.querySelector(\(Self.quoted(selector)));
                  element.scrollIntoView({ block: "center" });
                  const box = element.getBoundingClientRect();
                  return [box.x + box.width / 2, box.y + box.height / 2];
                })()
                """) as? [Double] ?? []
        guard place.count == 2 else { throw Failure.script("no place for \(selector)") }
        for kind in ["mousePressed", "mouseReleased"] {
            try send(
                "Input.dispatchMouseEvent",
                ["type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1])
        }
    }

    /// What the window shows, as a PNG file.
    public func screenshot() throws -> [UInt8] {
        let answer = try send("Page.captureScreenshot", ["format": "png"])
        return Data(base64Encoded: answer["data"] as? String ?? "").map { [UInt8]($0) } ?? []
    }

    /// Waits until a download has arrived, and gives its bytes.
    public func download(_ name: String) throws -> [UInt8] {
        try wait(for: "Browser.downloadProgress completed")
        finished.remove("Browser.downloadProgress completed")
        return try FileContents.read(downloads.appending(name)).bytes
    }

    private static func quoted(_ text: String) -> String {
        guard let data = try? JSONEncoder().encode(text) else { return "\"\"" }
        return String(decoding: data, as: UTF8.self)
    }

    @discardableResult
    private func send(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        lastNumber += 1
        var message: [String: Any] = ["id": lastNumber, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        let bytes = [UInt8](try JSONSerialization.data(withJSONObject: message)) + [0]
        _ = try commands.writeAll(bytes)
        let end = Platform.monotonicSeconds() + Self.patience
        while true {
            guard let answer = try receive(before: end) else { throw Failure.tookTooLong(method) }
            guard answer["id"] as? Int == lastNumber else { continue }
            if let error = answer["error"] as? [String: Any] {
                throw Failure.refused(method, "\(error["message"] ?? "")")
            }
            return answer["result"] as? [String: Any] ?? [:]
        }
    }

    private func wait(for event: String) throws {
        let end = Platform.monotonicSeconds() + Self.patience
        while !finished.contains(event) {
            guard try receive(before: end) != nil else { throw Failure.tookTooLong(event) }
        }
    }

    /// The next message, noting what it tells; nil when none came in time.
    private func receive(before end: Double) throws -> [String: Any]? {
        while true {
            if let place = buffer.firstIndex(of: 0) {
                let message = Data(buffer[..<place])
                buffer.removeSubrange(...place)
                let fields = try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
                note(fields)
                return fields
            }
            let left = end - Platform.monotonicSeconds()
            var waiting = pollfd(fd: answers.rawValue, events: Int16(POLLIN), revents: 0)
            guard left > 0, poll(&waiting, 1, Int32(left * 1000)) > 0 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = try chunk.withUnsafeMutableBytes { try answers.read(into: $0) }
            guard count > 0 else { throw Failure.gone }
            buffer += chunk[..<count]
        }
    }

    private func note(_ message: [String: Any]) {
        guard let method = message["method"] as? String else { return }
        let fields = message["params"] as? [String: Any] ?? [:]
        switch method {
        case "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening":
            complaints.append("\(method): \(fields)")
        case "Network.requestWillBeSent":
            if let address = (fields["request"] as? [String: Any])?["url"] as? String {
                requests.append(address)
            }
        case "Browser.downloadProgress": finished.insert("\(method) \(fields["state"] ?? "")")
        default: finished.insert(method)
        }
    }
}
