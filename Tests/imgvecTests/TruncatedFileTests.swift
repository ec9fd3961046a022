#if os(Linux)
    import Foundation
    import SystemPackage
    import SystemSupport
    import TestSupport
    import Testing

    /// A model file that another program cuts short while it is mapped: the run ends with 2 and names the file.
    @Suite struct TruncatedFileTests {
        @Test func modelCutShortWhileInUse() throws {
            let folder = try TemporaryFolder(), model = folder.path.appending("network.safetensors")
            let bytes = try FileContents.read(Fixtures.path("models/resnet-basic.safetensors")).bytes
            try bytes.withUnsafeBytes { try AtomicFile.write($0, to: model) }
            let input = Pipe(), errors = Pipe(), process = Process()
            process.executableURL = URL(fileURLWithPath: Program.binary.string)
            process.arguments = ["embed", "--model", model.string, "--files-from", "-"]
            (process.standardInput, process.standardOutput, process.standardError) = (input, Pipe(), errors)
            try process.run()
            // The model is opened first, then the list is read.
            let maps = "/proc/\(process.processIdentifier)/maps"
            for _ in 0..<500
            where (try? String(contentsOfFile: maps, encoding: .utf8))?.contains(model.string) != true {
                usleep(20_000)
            }
            // Hashing is over when it waits for the list.
            usleep(300_000)
            let file = try FileDescriptor.open(model, .readWrite)
            try file.resize(to: 70_000)
            try file.close()
            let picture = Fixtures.path("images/formats/rgb.png").string
            try input.fileHandleForWriting.write(contentsOf: Data((picture + "\n").utf8))
            try input.fileHandleForWriting.close()
            let message = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(process.terminationReason == .exit && process.terminationStatus == 2, "\(message)")
            #expect(
                message == "imgvec: \(model): was cut short by another program while it was being used\n",
                "\(message)")
        }
    }
#endif
