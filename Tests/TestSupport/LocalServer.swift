#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Foundation
import Synchronization
import SystemPackage
import SystemSupport

/// A small HTTP/1.1 server on a port of its own of the loopback, with a connection per request, that does to its
/// answers what networks do: pause, stop in the middle, hang up.
public final class LocalServer: @unchecked Sendable {
    // Unchecked: what is shared between the threads stands in the mutex.

    /// What was asked.
    public struct Request: Sendable {
        /// GET or HEAD.
        public let method: String
        /// The path with its query, as it was sent; a full URL when asked as a proxy.
        public internal(set) var target: String
        /// By lower-case name.
        public let headers: [String: String]

        /// The first and last byte of a `Range` header; the last is nil when it goes to the end.
        public var range: (first: Int, last: Int?)? {
            guard let text = headers["range"], text.hasPrefix("bytes=") else { return nil }
            let ends = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
            guard ends.count == 2, let first = Int(ends[0]) else { return nil }
            return (first, Int(ends[1]))
        }
    }

    /// What is answered.
    public struct Reply: Sendable {
        /// The status.
        public var status: Int
        /// Header fields; `Content-Length` is added.
        public var headers: [(String, String)]
        /// The content.
        public var body: [UInt8]
        /// The connection is closed after so many bytes of the body.
        public var cutAfter: Int?
        /// The body goes in pieces of so many bytes, with a pause before each.
        public var pace: (bytes: Int, microseconds: UInt32)?
        /// After so many bytes of the body nothing comes any more, and the connection stays open.
        public var stallAfter: Int?

        /// An answer that goes through.
        public init(_ status: Int, _ headers: [(String, String)] = [], body: [UInt8] = []) {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    /// The port that is listened on.
    public let port: UInt16
    /// `http://127.0.0.1:port`.
    public var url: String { "http://127.0.0.1:\(port)" }
    /// Everything that was asked so far.
    public var requests: [Request] { log.withLock { $0 } }

    private let listener: Int32
    private let handler: @Sendable (Request) -> Reply
    private let log = Mutex<[Request]>([])
    private let isClosed = Atomic<Bool>(false)

    /// Starts to listen.
    public init(_ handler: @escaping @Sendable (Request) -> Reply) throws {
        self.handler = handler
        #if canImport(Glibc)
            listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            listener = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        // Programs that other tests start must not hold these connections open.
        _ = fcntl(listener, F_SETFD, FD_CLOEXEC)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0
                    && getsockname(listener, $0, &length) == 0
            }
        }
        guard isListening else { throw SystemError("listen on the loopback", errno: Errno(rawValue: errno)) }
        port = UInt16(bigEndian: address.sin_port)
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                guard let self, !self.isClosed.load(ordering: .relaxed) else {
                    close(connection)
                    return
                }
                Thread.detachNewThread { self.serve(connection) }
            }
        }
    }

    /// Stops listening; connections that are open come to their end.
    public func stop() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    deinit { stop() }

    private func serve(_ connection: Int32) {
        defer {
            shutdown(connection, Int32(SHUT_RDWR))
            close(connection)
        }
        guard let request = read(connection) else { return }
        log.withLock { $0.append(request) }
        let reply = handler(request)
        var head = "HTTP/1.1 \(reply.status) Answer\r\n"
        for (name, value) in reply.headers { head += "\(name): \(value)\r\n" }
        if !reply.headers.contains(where: { $0.0.lowercased() == "content-length" }) {
            head += "Content-Length: \(reply.body.count)\r\n"
        }
        head += "Connection: close\r\n\r\n"
        guard write(connection, Array(head.utf8)), request.method != "HEAD" else { return }
        let end = min(reply.cutAfter ?? .max, reply.stallAfter ?? .max, reply.body.count)
        var sent = 0
        while sent < end {
            let piece = min(reply.pace?.bytes ?? end, end - sent)
            if let pace = reply.pace { usleep(pace.microseconds) }
            guard write(connection, Array(reply.body[sent..<sent + piece])) else { return }
            sent += piece
        }
        if reply.stallAfter != nil {
            // Until the other side has had enough.
            var byte: UInt8 = 0
            while recv(connection, &byte, 1, 0) > 0 {}
        }
    }

    private func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if text.contains("\r\n\r\n") {
                let lines = text.components(separatedBy: "\r\n")
                let words = (lines.first ?? "").split(separator: " ")
                guard words.count == 3 else { return nil }
                var headers: [String: String] = [:]
                for line in lines.dropFirst() {
                    guard let colon = line.firstIndex(of: ":") else { continue }
                    headers[line[..<colon].lowercased()] = line[line.index(after: colon)...]
                        .trimmingCharacters(in: .whitespaces)
                }
                return Request(method: String(words[0]), target: String(words[1]), headers: headers)
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0, bytes.count < 1 << 16 else { return nil }
            bytes += buffer[..<count]
        }
    }

    private func write(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, noSignal)
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

#if canImport(Glibc)
    private let noSignal = Int32(MSG_NOSIGNAL)
#else
    private let noSignal: Int32 = 0
#endif
