import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct ModelStoreTests {
    let temporary = try? TemporaryFolder()

    private func store() throws -> ModelStore { ModelStore(try #require(temporary).path.appending("models")) }

    @Test func installsListsAndResolves() throws {
        let store = try store()
        #expect(try store.list().isEmpty)
        try store.add(Fixtures.path("models/clip-gelu"), name: "tiny")
        try store.add(Fixtures.path("models/resnet-basic.safetensors"))
        #expect(try store.list().map(\.name) == ["resnet-basic", "tiny"])
        try store.verify("tiny")
        let original = try Model.load(Fixtures.path("models/clip-gelu"))
        let installed = try store.resolve("tiny")
        #expect(installed.fingerprint == original.fingerprint)
        #expect(try store.installed("tiny")?.manifest.fingerprint == original.fingerprint)
        #expect(try store.resolve("resnet-basic").dimension == 64)
        #expect(try store.resolve(Fixtures.path("models/dual").string).name == "tiny-dual-0.1")
        #expect(throws: ModelError.exists("tiny")) {
            try store.add(Fixtures.path("models/dual"), name: "tiny")
        }
        try store.remove("tiny")
        #expect(try store.list().map(\.name) == ["resnet-basic"])
        #expect(throws: ModelError.notFound("tiny", installed: ["resnet-basic"])) {
            try store.resolve("tiny")
        }
    }

    @Test func noticesAChangedFile() throws {
        let store = try store()
        let path = try store.add(Fixtures.path("models/dual"), name: "tiny").path.appending("merges.txt")
        var bytes = try FileContents.read(path).bytes
        bytes[40] ^= 1
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
        #expect(throws: ModelError.changed(model: "tiny", file: "merges.txt")) { try store.verify("tiny") }
    }

    @Test func refusesWhatCannotBeUsed() throws {
        let store = try store(), folder = try #require(temporary).path
        for name in ["", ".hidden", "a/b", "..", "ä"] {
            #expect(throws: ModelError.unusableName(name)) {
                try store.add(Fixtures.path("models/dual"), name: name)
            }
        }
        #expect(throws: ModelError.exists("imgvec-mini")) {
            try store.add(Fixtures.path("models/dual"), name: "imgvec-mini")
        }
        #expect(throws: (any Error).self) { try store.add(folder) }
        #expect(try store.list().isEmpty)
    }
}
