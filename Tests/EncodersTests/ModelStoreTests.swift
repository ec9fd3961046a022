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
        for name in ["", ".hidden", "a/b/c", "a--b", "/a", "a/", "a/.b", "..", "../a", "ä"] {
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

    @Test func ownersNameIsPartOfTheNameAndMayBeLeftOut() throws {
        let store = try store()
        let dual = Fixtures.path("models/dual")
        #expect(try store.add(dual, name: "someone/tiny").path.lastComponent == "someone--tiny")
        #expect(try store.list().map(\.name) == ["someone/tiny"])
        #expect(try store.find("tiny")?.name == "someone/tiny")
        #expect(try store.resolve("tiny").fingerprint == store.resolve("someone/tiny").fingerprint)
        #expect(try store.find("iny") == nil && store.find("someone") == nil)
        try store.add(dual, name: "other/tiny")
        #expect(throws: ModelError.ambiguous("tiny", ["other/tiny", "someone/tiny"])) {
            try store.resolve("tiny")
        }
        try store.add(dual, name: "tiny")
        #expect(try store.find("tiny")?.name == "tiny")
        try store.remove("tiny")
        try store.remove("other/tiny")
        try store.remove("tiny")
        #expect(try store.list().isEmpty)
    }

    @Test func placeOfANameIsTakenByOneAtATime() throws {
        let store = try store()
        let staging = try ModelStaging("tiny", in: store)
        #expect { try store.add(Fixtures.path("models/dual"), name: "tiny") } throws: { error in
            if case ModelError.busy("tiny", process: .some) = error { true } else { false }
        }
        try store.add(Fixtures.path("models/dual"), name: "other")
        withExtendedLifetime(staging) {}
    }

    /// A process that was killed while it installed or removed leaves nothing under the name.
    @Test func whatAKilledInstallationLeftIsNoModel() throws {
        let store = try store()
        let leftover = store.stagingFolder(of: "tiny").appending("model")
        try Folders.create(leftover)
        try Array("half".utf8).withUnsafeBytes {
            try AtomicFile.write($0, to: leftover.appending("config.json"))
        }
        #expect(try store.list().isEmpty)
        #expect(try store.contents().unfinished.map(\.name) == ["tiny"])
        #expect(throws: ModelError.notFound("tiny", installed: [])) { try store.resolve("tiny") }
        try store.add(Fixtures.path("models/dual"), name: "tiny")
        try store.verify("tiny")
        #expect(try store.contents().unfinished.isEmpty)
    }

    @Test func damagedEntryHidesNoOtherAndCanBeRemoved() throws {
        let store = try store()
        try store.add(Fixtures.path("models/dual"), name: "good")
        for (name, text) in [
            ("empty", ""), ("number", "1"), ("future", "{\"format\": 2}"),
            (
                "climbing",
                "{\"format\": 1, \"fingerprint\": \"\", \"architecture\": \"\", \"files\": [{\"name\": "
                    + "\"../good/config.json\", \"size\": 1, \"sha256\": \"\"}]}"
            ),
        ] {
            let folder = store.folder.appending(name)
            try Folders.create(folder)
            try Array(text.utf8).withUnsafeBytes {
                try AtomicFile.write($0, to: folder.appending("imgvec-model.json"))
            }
        }
        #expect(try store.list().map(\.name) == ["good"])
        let damaged = try store.contents().damaged
        #expect(damaged.map(\.name) == ["climbing", "empty", "future", "number"])
        #expect(damaged.allSatisfy { $0.reason.contains("/\($0.name)/imgvec-model.json: ") })
        for name in damaged.map(\.name) { try store.remove(name) }
        #expect(try store.contents().damaged.isEmpty)
        try store.verify("good")
    }

    @Test func licenseIsReadFromTheCardsHead() throws {
        for (text, license) in [
            ("---\nlanguage: en\nlicense: mit\n---\n# A\n", "mit"),
            ("---\r\nlicense: \"apache-2.0\" \r\n---\r\n", "apache-2.0"),
            ("---\nlicense:\n- mit\n- cc-by-4.0\ntags: x\n---\n", "mit, cc-by-4.0"),
            ("---\nlicense: [mit, gpl]\n---\n", "mit, gpl"),
            ("---\nlicense: other\nlicense_name: apple-amlr\n---\n", "apple-amlr"),
            ("---\nwidget:\n  license: mit\n---\n", nil), ("# A\nlicense: mit\n", nil), ("", nil),
            ("---\n", nil),
            ("---\nlicense: a\u{1B}[31mb\n---\n", "a[31mb"),
        ] as [(String, String?)] {
            let store = try store(), folder = try #require(temporary).path.appending("with-card")
            try Folders.create(folder)
            for entry in try Folders.list(Fixtures.path("models/dual")) {
                let target = folder.appending(entry.name)
                if (try? FileStatus.of(target)) == nil {
                    try FileCopy.copy(Fixtures.path("models/dual").appending(entry.name), to: target)
                }
            }
            try Array(text.utf8).withUnsafeBytes {
                try AtomicFile.write($0, to: folder.appending("README.md"))
            }
            #expect(try store.add(folder, name: "carded").manifest.license == license, "\(text)")
            #expect(try store.find("carded")?.manifest.license == license, "\(text)")
            try store.remove("carded")
        }
    }
}
