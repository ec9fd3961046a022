#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport

/// Standard output: bytes as they are, buffered. The program is done, without error, when the reader has gone.
final class StandardOutput {
    nonisolated(unsafe) static let shared = StandardOutput()  // only the main thread writes results
    private var buffer: [UInt8] = []

    /// Lets a write to a closed pipe fail instead of ending the process by a signal.
    static func ignoreClosedPipes() { signal(SIGPIPE, SIG_IGN) }

    func write(_ text: String) { write(text.utf8) }

    func write(_ bytes: some Sequence<UInt8>) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= 1 << 16 { try? flush() }
    }

    /// Writes what is buffered; a full disk behind a redirection ends the program with a message.
    func flush() throws {
        defer { buffer.removeAll(keepingCapacity: true) }
        do { _ = try FileDescriptor.standardOutput.writeAll(buffer) } catch let error as Errno {
            if error == .brokenPipe { ExitStatus.success.exit() }
            StandardError.write("imgvec: cannot write to standard output: \(error)")
            ExitStatus.failure.exit()
        }
    }
}

/// Standard error: messages for people, and one progress line on a terminal.
enum StandardError {
    /// A line, whatever names of files stand in it.
    static func write(_ line: String) { write(text: line.onOneLine) }

    /// Lines of our own words.
    static func write(text: String) {
        _ = try? FileDescriptor.standardError.writeAll((text + "\n").utf8)
    }

    /// That a picture's file ends early: `embed`, `compare` and `find` go on with what is there.
    @Sendable static func tellEarlyEnd(_ path: FilePath) {
        write("imgvec: \(PathText.forTerminal(path)): file ends early; its vector is that of what is there")
    }

    /// Asks a question and waits for a line on standard input; nil when the user interrupts instead.
    static func ask(_ question: String) -> String? {
        _ = try? FileDescriptor.standardError.writeAll(question.utf8)
        var input = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while poll(&input, 1, 200) <= 0 {
            if Interruption.isRequested { return nil }
        }
        return readLine() ?? ""
    }
}

/// One line on a terminal that is overwritten while work goes on; nothing elsewhere.
final class ProgressLine {
    private let isShown: Bool
    private let start = Platform.monotonicSeconds()
    private var lastShown = 0.0
    private var isOnScreen = false

    init(isQuiet: Bool) { isShown = !isQuiet && Platform.isTerminal(2) }

    /// Shows done/total, rate and time left, at most ten times a second.
    func show(done: Int, total: Int, unit: String) {
        let now = Platform.monotonicSeconds()
        guard isShown, now - lastShown >= 0.1 || done == total else { return }
        lastShown = now
        let rate = Double(done) / max(now - start, 0.001)
        let left = rate > 0 ? Self.duration(Double(total - done) / rate) : "?"
        let rateText = rate < 10 ? "\((rate * 10).rounded() / 10)" : "\(Int(rate.rounded()))"
        put("\(done)/\(total) \(unit), \(rateText)/s, \(left) left")
    }

    /// Shows a text.
    func show(_ text: String) { if isShown { put(text) } }

    /// Takes the line away, so that a message can be written.
    func clear() {
        guard isOnScreen else { return }
        _ = try? FileDescriptor.standardError.writeAll("\r\u{1B}[K".utf8)
        isOnScreen = false
    }

    private func put(_ text: String) {
        let width = Platform.terminalWidth()
        _ = try? FileDescriptor.standardError.writeAll(
            "\r\u{1B}[K\(TextWidth.prefix(text, columns: max(1, width - 1)))".utf8)
        isOnScreen = true
    }

    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds, 1e7).rounded(.up))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole % 3600 / 60) min"
    }
}
