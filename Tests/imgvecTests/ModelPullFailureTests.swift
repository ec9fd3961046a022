#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Foundation
import Synchronization
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Holds an answer back until a test has done something.
private final class Gate: Sendable {
    private let hasCome = Atomic<Bool>(false), isOpen = Atomic<Bool>(false)

    func pass() {
        hasCome.store(true, ordering: .relaxed)
        while !isOpen.load(ordering: .relaxed) { usleep(5_000) }
    }

    func waitForSomebody() {
        for _ in 0..<12_000 where !hasCome.load(ordering: .relaxed) { usleep(5_000) }
    }

    func open() { isOpen.store(true, ordering: .relaxed) }
}

/// What hubs and networks do to a pull.
@Suite struct ModelPullFailureTests {
    private static func isWeights(_ request: LocalServer.Request) -> Bool {
        request.method == "GET" && request.target.contains("/blobs/model.safetensors")
    }

    @Test func tokenGoesToTheHubOnly() throws {
        var scene = try PullScene()
        scene.repository.token = "hf_secret"
        scene.hub.change(scene.repository)
        scene.expectFailure(try scene.pull(), "no such model, or keeps it private (HTTP 401)", "HF_TOKEN")
        let wrong = try scene.pull(environment: ["HF_TOKEN": "hf_wrong"])
        scene.expectFailure(wrong, "refuses the access token (HTTP 401: Invalid credentials")
        #expect(!wrong.errors.contains("hf_wrong"))
        try scene.expectInstalled(try scene.pull(environment: ["HF_TOKEN": " hf_secret\n"]))
        #expect(
            scene.hub.hub.requests.suffix(5).allSatisfy { $0.headers["authorization"] == "Bearer hf_secret" })
        #expect(!scene.hub.content.requests.isEmpty)
        #expect(scene.hub.content.requests.allSatisfy { $0.headers["authorization"] == nil })
    }

    @Test func tokenIsReadFromTheFileOfHuggingFacesTools() throws {
        var scene = try PullScene()
        scene.repository.token = "hf_secret"
        scene.hub.change(scene.repository)
        let home = scene.temporary.path.appending("hf")
        try Folders.create(home)
        try Array("hf_secret\n".utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: home.appending("token"))
        }
        try scene.expectInstalled(try scene.pull(environment: ["HF_HOME": home.string]))
    }

    @Test func tokenThatWouldBeAHeaderIsRefused() throws {
        let scene = try PullScene()
        scene.expectFailure(
            try scene.pull(environment: ["HF_TOKEN": "a\rX-Evil: 1"]), "HF_TOKEN", "printable")
        #expect(scene.hub.hub.requests.isEmpty)
    }

    @Test func gatedModelNamesItsPage() throws {
        var scene = try PullScene()
        scene.repository.isGated = true
        scene.hub.change(scene.repository)
        scene.expectFailure(
            try scene.pull(), "ask for access at \(scene.hub.hub.url)/someone/tiny-clip", "set HF_TOKEN")
        scene.expectFailure(
            try scene.pull(environment: ["HF_TOKEN": "hf_mine"]), "with the account the token belongs to")
    }

    @Test func unknownNamesAreToldApart() throws {
        var scene = try PullScene()
        let missing = try scene.program.run("models pull someone/else", environment: scene.environment)
        scene.expectFailure(missing, "someone/else: the hub has no such model")
        let usage = try scene.program.run("models pull ../evil", environment: scene.environment)
        #expect(usage.status == 2 && usage.errors.contains("expected owner/name"))
        scene.repository.files["model.safetensors.index.json"] = Array(
            "{\"weight_map\":{\"a\":\"b.safetensors\"}}".utf8)
        scene.repository.files["model.safetensors"] = nil
        scene.hub.change(scene.repository)
        scene.expectFailure(try scene.pull(), "there is no file b.safetensors")
    }

    @Test func cutConnectionsAreResumedWhereTheyBroke() throws {
        let scene = try PullScene(padding: 2_000_000) { request, _, count, reply in
            guard Self.isWeights(request), count > 0, count < 4 else { return reply }
            var cut = reply
            cut.cutAfter = 500_000
            return cut
        }
        try scene.expectInstalled(try scene.pull())
        let starts = scene.hub.content.requests.map { $0.range?.first ?? -1 }
        #expect(starts == starts.sorted() && Set(starts).count >= 5, "\(starts)")
    }

    @Test func connectionThatIsAlwaysCutGivesUpAndTheNextPullGoesOn() throws {
        let scene = try PullScene(padding: 2_000_000) { request, _, _, reply in
            guard Self.isWeights(request) else { return reply }
            var cut = reply
            cut.cutAfter = (request.range?.first ?? 0) < 1_000_000 ? 600_000 : 0
            return cut
        }
        scene.expectFailure(try scene.pull(), "the connection to", "broke")
        let listed = try scene.program.run("models")
        #expect(listed.errors.contains("of an unfinished installation"), "\(listed.errors)")
        let kept = try #require(try Folders.list(scene.parts).first)
        let size = try FileStatus.of(scene.parts.appending(kept.name)).size
        #expect(size >= 1_000_000)
        scene.hub.change(scene.repository)
        let before = scene.hub.content.requests.count
        try scene.expectInstalled(try scene.pull())
        #expect(scene.hub.content.requests[before...].compactMap { $0.range?.first } == [Int(size)])
    }

    @Test func serverThatIgnoresRangesIsTakenFromTheStart() throws {
        let scene = try PullScene(padding: 2_000_000)
        let weights = try #require(scene.repository.files["model.safetensors"])
        scene.hub.change(scene.repository) { request, _, count, reply in
            guard Self.isWeights(request) else { return reply }
            var whole = LocalServer.Reply(200, body: weights)
            if count == 1 { whole.cutAfter = 1_000_000 }
            return whole
        }
        try scene.expectInstalled(try scene.pull())
    }

    @Test func serverThatSendsAnotherRangeIsNotBelieved() throws {
        let scene = try PullScene(padding: 600_000) { request, _, _, reply in
            guard Self.isWeights(request), reply.status == 206, (request.range?.first ?? 0) > 0 else {
                return reply
            }
            var other = reply
            other.headers = [("Content-Range", "bytes 0-9/10")]
            return other
        }
        scene.expectFailure(try scene.pull(), "does not answer as a Hugging Face hub does", "bytes 0-9/10")
    }

    @Test func moreBytesThanAnnouncedAreRefused() throws {
        let scene = try PullScene { request, host, _, reply in
            guard request.method == "GET", request.target.hasSuffix("/merges.txt") else { return reply }
            return LocalServer.Reply(200, body: [UInt8](repeating: 65, count: 1 << 20))
        }
        scene.expectFailure(try scene.pull(), "merges.txt is longer than the announced")
    }

    @Test func refusedRangeStartsAnew() throws {
        let scene = try PullScene(padding: 600_000) { request, _, count, reply in
            Self.isWeights(request) && count == 1 ? LocalServer.Reply(416) : reply
        }
        try scene.expectInstalled(try scene.pull())
    }

    @Test func wrongContentIsNotInstalled() throws {
        var scene = try PullScene(padding: 600_000)
        let right = scene.repository
        scene.repository.announced["model.safetensors"] = (
            try #require(right.files["model.safetensors"]).count, String(repeating: "0", count: 64)
        )
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        scene.expectFailure(
            output, "model.safetensors came as SHA-256", "announces SHA-256 0000", "nothing was installed")
        scene.repository = right
        scene.repository.announced["merges.txt"] = (
            try #require(right.files["merges.txt"]).count, String(repeating: "1", count: 40)
        )
        scene.hub.change(scene.repository)
        scene.expectFailure(try scene.pull(), "merges.txt came as git blob", "announces git blob 1111")
        scene.repository = right
        scene.hub.change(right)
        try scene.expectInstalled(try scene.pull())
    }

    @Test func damageOfTheKeptPartIsRepaired() throws {
        let scene = try PullScene(padding: 2_000_000) { request, _, count, reply in
            var cut = reply
            if Self.isWeights(request), count > 0 {
                cut.cutAfter = (request.range?.first ?? 0) < 1_000_000 ? 600_000 : 0
            }
            return cut
        }
        #expect(try scene.pull().status == 2)
        let part = scene.parts.appending(try #require(try Folders.list(scene.parts).first).name)
        var bytes = try FileContents.read(part).bytes
        bytes[700_000] ^= 1
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: part) }
        scene.hub.change(scene.repository)
        let output = try scene.pull()
        try scene.expectInstalled(output)
        #expect(output.errors.contains("was damaged; it is downloaded again"))
    }

    /// The content of a branch changes between two attempts: the parts of the old one are not gone on with.
    @Test func contentThatChangedBetweenAttemptsIsTakenAnew() throws {
        var scene = try PullScene(padding: 2_000_000) { request, _, count, reply in
            var cut = reply
            if Self.isWeights(request), count > 0 {
                cut.cutAfter = (request.range?.first ?? 0) < 1_000_000 ? 600_000 : 0
            }
            return cut
        }
        #expect(try scene.pull().status == 2)
        scene.repository.commit = String(repeating: "ef", count: 20)
        scene.repository.files["model.safetensors"]?[1_500_000] ^= 0xFF
        scene.repository.files["README.md"] = nil
        scene.hub.change(scene.repository)
        try scene.expectInstalled(try scene.pull())
    }

    @Test func busyServersAreAskedAgain() throws {
        let scene = try PullScene { request, host, count, reply in
            switch (host, request.target.hasPrefix("/api/"), count) {
            case ("hub", true, 0): LocalServer.Reply(503)
            case ("hub", true, 1): LocalServer.Reply(429, [("Retry-After", "1")])
            case ("hub", true, 2): LocalServer.Reply(429, [("RateLimit", "\"api\";r=0;t=0")])
            case ("content", _, 0): LocalServer.Reply(403, body: Array("Request has expired".utf8))
            default: reply
            }
        }
        let output = try scene.pull()
        try scene.expectInstalled(output)
        #expect(output.errors.contains("HTTP 429"), "\(output.errors)")
    }

    @Test func busyServerThatStaysBusyIsNamed() throws {
        let scene = try PullScene { _, _, _, _ in
            LocalServer.Reply(500, [("X-Error-Message", "tea\u{1B}[31m time")])
        }
        scene.expectFailure(try scene.pull(), "HTTP 500: tea?[31m time; try again later")
        scene.hub.change(scene.repository) { _, _, _, _ in LocalServer.Reply(429, [("Retry-After", "3600")]) }
        scene.expectFailure(try scene.pull(), "asks to wait 3600 seconds (HTTP 429)")
        scene.hub.change(scene.repository) { _, _, _, _ in
            LocalServer.Reply(429, [("RateLimit", "\"api\";r=0;t=9223372036854775807")])
        }
        scene.expectFailure(try scene.pull(), "(HTTP 429); try again then")
        #expect(scene.hub.hub.requests.count == 7)
    }

    @Test func silentServerIsGivenUpAndASlowOneIsNot() throws {
        let scene = try PullScene { request, _, count, reply in
            var slow = reply
            if request.method == "GET", request.target.hasSuffix("/config.json") {
                slow.pace = (bytes: max(1, reply.body.count / 8), microseconds: 400_000)
            }
            if Self.isWeights(request), count == 0 { slow.stallAfter = 5_000 }
            return slow
        }
        let output = try scene.pull()
        try scene.expectInstalled(output)
        #expect(scene.hub.content.requests.contains { $0.range?.first == 5_000 })
    }

    @Test func redirectsInACircleAndToPlainHTTPAreRefused() throws {
        let scene = try PullScene { request, host, _, reply in
            request.method == "HEAD" ? LocalServer.Reply(307, [("Location", request.target)]) : reply
        }
        scene.expectFailure(try scene.pull(), "redirects in a circle")
        scene.hub.change(scene.repository) { request, _, _, reply in
            request.method == "GET" && request.target.hasSuffix("/config.json")
                ? LocalServer.Reply(302, [("Location", "file:///etc/passwd")]) : reply
        }
        scene.expectFailure(try scene.pull(), "'file:///etc/passwd' is not asked")
    }

    /// A renamed model answers under its new name, by relative redirects; that is the name it is installed under.
    @Test func renamedModelIsInstalledUnderItsNewName() throws {
        let scene = try PullScene { request, host, _, reply in
            request.target.contains("someone/old-name")
                ? LocalServer.Reply(
                    307, [("Location", request.target.replacing("old-name", with: "tiny-clip"))]) : reply
        }
        let output = try scene.program.run("models pull someone/old-name", environment: scene.environment)
        try scene.expectInstalled(output)
        #expect(output.errors.contains("installed someone/tiny-clip"))
    }

    @Test func serverThatIsNoHubIsNamed() throws {
        let scene = try PullScene { request, _, _, reply in
            request.method == "HEAD"
                ? LocalServer.Reply(200, [("ETag", "\"1-2-3\"")])
                : LocalServer.Reply(200, body: Array("<html>".utf8))
        }
        scene.expectFailure(try scene.pull(), "does not answer as a Hugging Face hub does", "not valid JSON")
        scene.hub.change(scene.repository) { request, _, _, reply in
            request.method == "HEAD" ? LocalServer.Reply(200, [("ETag", "\"1-2-3\"")]) : reply
        }
        scene.expectFailure(try scene.pull(), "it gives no hash of README.md")
    }

    @Test func noNetworkIsSaidInOneLine() throws {
        let scene = try PullScene()
        scene.hub.hub.stop()
        let start = Platform.monotonicSeconds()
        scene.expectFailure(try scene.pull(), "cannot reach 127.0.0.1:\(scene.hub.hub.port)")
        scene.expectFailure(
            try scene.pull(environment: ["HF_ENDPOINT": "http://no-such-host.invalid"]),
            "cannot reach no-such-host.invalid")
        #expect(Platform.monotonicSeconds() - start < 60)
        for endpoint in ["ftp://x", "huggingface.co", "http://user:secret@127.0.0.1", "https://a/?b"] {
            scene.expectFailure(try scene.pull(environment: ["HF_ENDPOINT": endpoint]), "HF_ENDPOINT is '")
        }
    }

    @Test func proxyOfTheEnvironmentIsAsked() throws {
        let scene = try PullScene()
        let endpoint = "http://hub.invalid"
        let proxy = try LocalServer { _ in LocalServer.Reply(502) }
        let output = try scene.pull(environment: ["HF_ENDPOINT": endpoint, "http_proxy": proxy.url])
        scene.expectFailure(output, "HTTP 502")
        #expect(
            proxy.requests.first?.target == "http://hub.invalid/api/models/someone/tiny-clip/revision/main")
    }

    @Test func secondPullAtTheSameTimeIsTurnedAway() throws {
        let gate = Gate()
        let scene = try PullScene(padding: 600_000) { request, _, count, reply in
            if Self.isWeights(request), count == 1 { gate.pass() }
            return reply
        }
        let first = try scene.program.start(
            ["models", "pull", PullScene.name].map { Array($0.utf8) },
            environment: scene.environment.merging(["HF_HUB_DOWNLOAD_TIMEOUT": "60"]) { $1 })
        gate.waitForSomebody()
        let second = try scene.pull()
        scene.expectFailure(
            second, "is being installed or removed by another imgvec (process \(first.process))")
        let added = try scene.program.run([
            "models", "add", Fixtures.path("models/dual").string, "--name", PullScene.name,
        ])
        #expect(added.status == 2 && added.errors.contains("another imgvec"), "\(added.errors)")
        gate.open()
        try scene.expectInstalled(try first.wait())
    }

    @Test func interruptedPullKeepsWhatCameAndEndsWith130() throws {
        let scene = try PullScene(padding: 3_000_000) { request, _, count, reply in
            var stalled = reply
            if Self.isWeights(request), count == 1 { stalled.stallAfter = 1_000_000 }
            return stalled
        }
        let running = try scene.program.start(
            ["models", "pull", PullScene.name].map { Array($0.utf8) },
            environment: scene.environment.merging(["HF_HUB_DOWNLOAD_TIMEOUT": "60"]) { $1 })
        func size() -> Int64 {
            let part = try? Folders.list(scene.parts).first.map { scene.parts.appending($0.name) }
            return part.flatMap { try? FileStatus.of($0).size } ?? 0
        }
        var waited = 0
        while size() < 1_200_000, waited < 3000 {
            usleep(10_000)
            waited += 1
        }
        running.signal(SIGINT)
        let ended = try running.wait()
        #expect(
            ended.status == 130 && ended.errors.contains("interrupted: what has come is kept"),
            "\(ended.errors)")
        let kept = size()
        #expect(kept >= 1_200_000)
        let before = scene.hub.content.requests.count
        scene.hub.change(scene.repository)
        try scene.expectInstalled(try scene.pull())
        #expect(scene.hub.content.requests[before...].compactMap { $0.range?.first } == [Int(kept)])
    }

    @Test func killedAtRandomMomentsIsSoundAfterwards() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let scene = try PullScene(padding: 3_000_000) { request, _, _, reply in
            var slow = reply
            if Self.isWeights(request) { slow.pace = (bytes: 300_000, microseconds: 20_000) }
            return slow
        }
        for _ in 0..<8 {
            let running = try scene.program.start(
                ["models", "pull", PullScene.name].map { Array($0.utf8) }, environment: scene.environment)
            usleep(UInt32.random(in: 5_000...500_000, using: &random))
            running.signal(SIGKILL)
            _ = try running.wait()
            let list = try scene.program.run("models")
            #expect(list.status == 0, "seed \(seed): \(list.errors)")
            if list.text.contains(PullScene.name) {
                #expect(try scene.program.run("models verify").status == 0, "seed \(seed)")
            }
        }
        let finish = try scene.pull()
        #expect(finish.status == 0, "seed \(seed): \(finish.errors)")
        try scene.expectInstalled(finish)
    }

    /// Killed between the model's rename and the removal of its staging folder, a pull once left that for good.
    @Test func remainsOfAFinishedPullGoWithTheNext() throws {
        let scene = try PullScene()
        try scene.expectInstalled(try scene.pull())
        let remains = scene.parts
        try Folders.create(remains)
        try [UInt8](repeating: 1, count: 9).withUnsafeBytes {
            try AtomicFile.write($0, to: remains.appending("ab"))
        }
        try scene.expectInstalled(try scene.pull())
    }

    @Test func unfinishedPullCanBeDropped() throws {
        let scene = try PullScene { request, _, _, reply in
            Self.isWeights(request) ? LocalServer.Reply(500) : reply
        }
        scene.expectFailure(try scene.pull(), "answered for model.safetensors with HTTP 500")
        #expect(try scene.program.run("models").errors.contains("unfinished"))
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        #expect(try scene.program.run("models").errors.isEmpty)
    }

    #if os(Linux)
        @Test func fullDiskIsSaidAndWhatCameIsKept() throws {
            @Sendable func run(_ tool: String, _ arguments: [String]) -> Bool {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/bin/\(tool)")
                process.arguments = arguments
                process.standardError = FileHandle.nullDevice
                guard (try? process.run()) != nil else { return false }
                process.waitUntilExit()
                return process.terminationStatus == 0
            }
            let scene = try PullScene(padding: 3_000_000)
            let disk = scene.temporary.path.appending("disk")
            try Folders.create(disk)
            guard run("mount", ["-t", "tmpfs", "-o", "size=18m", "tmpfs", disk.string]) else {
                print("skipped fullDiskIsSaidAndWhatCameIsKept: mounting needs root")
                return
            }
            defer { _ = run("umount", [disk.string]) }
            let environment = ["IMGVEC_MODEL_DIR": disk.string]
            let early = try scene.pull(environment: environment)
            scene.expectFailure(early, "MB free", "are needed")
            #expect(!scene.hub.downloads.contains { $0.path.contains("safetensors") })
            // The disk fills up only after the pull has looked at it.
            #expect(run("mount", ["-o", "remount,size=40m", disk.string]))
            let hog = disk.appending("hog")
            scene.hub.change(scene.repository) { request, _, count, reply in
                if Self.isWeights(request), count == 1 {
                    _ = run("dd", ["if=/dev/zero", "of=\(hog.string)", "bs=1M", "count=60"])
                }
                return reply
            }
            let late = try scene.pull(environment: environment)
            scene.expectFailure(late, "No space left on device")
            AtomicFile.unlink(hog)
            scene.hub.change(scene.repository)
            let finish = try scene.pull(environment: environment)
            #expect(finish.status == 0, "\(finish.errors)")
            #expect(try scene.program.run("models verify", environment: environment).status == 0)
        }
    #endif
}
