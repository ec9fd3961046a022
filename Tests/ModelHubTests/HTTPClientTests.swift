import ModelHub
import TestSupport
import Testing

@Suite struct HTTPClientTests {
    private func client(allowsPlain: Bool = true) throws -> HTTPClient {
        try HTTPClient(userAgent: "test", allowsPlain: allowsPlain, stallSeconds: 5)
    }

    @Test func plainHTTPIsRefusedWhereItIsNotAllowed() throws {
        let server = try LocalServer { _ in LocalServer.Reply(200, body: [1, 2, 3]) }
        var body: [UInt8] = []
        let response = try client().send(.init(url: server.url)) { _, bytes in
            body += bytes
            return true
        }
        #expect(response.status == 200 && body == [1, 2, 3])
        #expect(throws: HTTPFailure.refusedURL(server.url)) {
            _ = try client(allowsPlain: false).send(.init(url: server.url))
        }
        #expect(server.requests.count == 1)
    }

    /// The token is sent by origin: what looks alike must not be alike, and what is alike must not look different.
    @Test func originsAreComparedAsTheLibraryReadsThem() throws {
        let client = try client()
        #expect(client.origin("https://HuggingFace.co/a?b") == "https://huggingface.co:443")
        #expect(client.origin("https://huggingface.co:443") == "https://huggingface.co:443")
        #expect(client.origin("http://127.0.0.1:8080/x") == "http://127.0.0.1:8080")
        #expect(
            client.origin("https://huggingface.co.evil.example/") == "https://huggingface.co.evil.example:443"
        )
        for url in [
            "https://huggingface.co@evil.example/", "https://user:secret@huggingface.co/",
            "file:///etc/passwd",
            "huggingface.co", "//huggingface.co", "ftp://huggingface.co", "",
        ] { #expect(client.origin(url) == nil, "\(url)") }
    }

    @Test func redirectsAreToldAndNotFollowed() throws {
        let server = try LocalServer { _ in LocalServer.Reply(302, [("Location", "/there?x=1")]) }
        let response = try client().send(.init(url: server.url + "/a/b"))
        #expect(response.status == 302 && response.location == server.url + "/there?x=1")
        #expect(server.requests.map(\.target) == ["/a/b"])
    }

    @Test func bodyThatIsNotWantedAnyMoreEndsTheExchange() throws {
        let server = try LocalServer { _ in
            var reply = LocalServer.Reply(200, body: [UInt8](repeating: 7, count: 10_000_000))
            reply.pace = (bytes: 100_000, microseconds: 1_000)
            return reply
        }
        var count = 0
        let response = try client().send(.init(url: server.url)) { _, bytes in
            count += bytes.count
            return count < 200_000
        }
        #expect(response.status == 200 && count >= 200_000 && count < 2_000_000)
    }
}
