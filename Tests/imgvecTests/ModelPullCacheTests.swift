import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// The cache of Hugging Face's own tools is used, checked, and never written to.
@Suite struct ModelPullCacheTests {
    /// Puts files of the scene's model into a cache as huggingface_hub lays it out.
    private func makeCache(_ scene: PullScene, names: [String]? = nil) throws -> FilePath {
        let home = scene.temporary.path.appending("hf")
        let model = home.appending("hub").appending("models--someone--tiny-clip")
        let snapshot = model.appending("snapshots").appending(scene.repository.commit)
        try Folders.create(model.appending("refs"))
        try Folders.create(snapshot)
        try Folders.create(model.appending("blobs"))
        try write(Array(scene.repository.commit.utf8), to: model.appending("refs").appending("main"))
        for name in names ?? scene.repository.files.keys.sorted() {
            let content = try #require(scene.repository.files[name]), tag = scene.repository.tag(name)
            try write(content, to: model.appending("blobs").appending(tag))
            let link = snapshot.pushing(FilePath(name))
            try Folders.create(link.removingLastComponent())
            let up = String(repeating: "../", count: 2 + name.filter { $0 == "/" }.count)
            try FileManager.default.createSymbolicLink(
                atPath: link.string, withDestinationPath: "\(up)blobs/\(tag)")
        }
        return home
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        try bytes.withUnsafeBytes { try AtomicFile.write($0, to: path) }
    }

    private func snapshot(_ folder: FilePath) throws -> [String] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/ls")
        process.arguments = ["-lnR", folder.string]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func whatTheCacheHasIsCopiedAndNotDownloaded() throws {
        let scene = try PullScene()
        let home = try makeCache(scene)
        let before = try snapshot(home)
        let listed = try scene.pull(["--dry-run"], environment: ["HF_HOME": home.string])
        #expect(listed.text.contains("in the Hugging Face cache\tmodel.safetensors"), "\(listed.text)")
        try scene.expectInstalled(try scene.pull(environment: ["HF_HOME": home.string]))
        #expect(scene.hub.downloads.isEmpty)
        #expect(try snapshot(home) == before)
    }

    @Test func whatTheCacheLacksOrHasDamagedIsDownloaded() throws {
        let scene = try PullScene()
        let home = try makeCache(scene, names: ["model.safetensors", "vocab.json"])
        let blob = home.pushing("hub/models--someone--tiny-clip/blobs").appending(
            scene.repository.tag("model.safetensors"))
        var bytes = try FileContents.read(blob).bytes
        bytes[bytes.count - 1] ^= 1
        try write(bytes, to: blob)
        let output = try scene.pull(environment: ["HF_HUB_CACHE": home.appending("hub").string])
        try scene.expectInstalled(output)
        #expect(output.errors.contains("is damaged and left alone; model.safetensors is downloaded"))
        #expect(!scene.hub.downloads.contains { $0.path.contains("vocab.json") })
        #expect(try FileContents.read(blob).bytes == bytes)
    }

    @Test func offlineInstallsFromTheCacheAlone() throws {
        let scene = try PullScene()
        let home = try makeCache(scene)
        let offline = ["HF_HOME": home.string, "HF_HUB_OFFLINE": "1"]
        try scene.expectInstalled(try scene.pull(environment: offline))
        #expect(try scene.program.run("models info tiny-clip").text.contains(scene.repository.commit))
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        try scene.expectInstalled(
            try scene.pull(["--revision", scene.repository.commit], environment: offline))
        #expect(try scene.program.run("models remove tiny-clip").status == 0)
        scene.expectFailure(
            try scene.pull(["--revision", "other"], environment: offline), "HF_HUB_OFFLINE is set",
            "snapshot of 'other'")
        scene.expectFailure(
            try scene.pull(["--revision", "../../x"], environment: offline), "snapshot of '../../x'")
        let blob = home.pushing("hub/models--someone--tiny-clip/blobs").appending(
            scene.repository.tag("merges.txt"))
        var bytes = try FileContents.read(blob).bytes
        bytes[0] ^= 1
        try write(bytes, to: blob)
        scene.expectFailure(try scene.pull(environment: offline), "is damaged, and HF_HUB_OFFLINE is set")
        #expect(scene.hub.hub.requests.isEmpty && scene.hub.content.requests.isEmpty)
    }

    @Test func offlineWithoutACacheIsSaid() throws {
        let scene = try PullScene()
        scene.expectFailure(
            try scene.pull(environment: ["HF_HUB_OFFLINE": "1"]),
            "the Hugging Face cache has no snapshot of 'main'")
    }
}
