#if os(Linux)
    import Foundation
    import SystemPackage
    import SystemSupport
    import TestSupport
    import Testing

    /// A file that another program cuts short while it is mapped: the run ends with 2 and names the file.
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

        /// An album with an index, some pictures beside it, and the file with the vectors.
        private func album() throws -> (album: Album, outside: [String], segment: FilePath) {
            let album = try Album(count: 12), outside = album.folder.appending("outside")
            try Folders.create(outside)
            for name in try album.names().suffix(4) {
                try AtomicFile.rename(album.pictures.appending(name), to: outside.appending(name))
            }
            #expect(try album.program.run("index pictures").status == 0)
            let vectors = album.folder.pushing("data/imgvec/index/vectors")
            let model = vectors.appending(try #require(try Folders.list(vectors).first).name)
            let name = try #require(try Folders.list(model).first { $0.name.extension == "seg" }?.name)
            return (album, try Folders.list(outside).map { "outside/\($0.name)" }, model.appending(name))
        }

        /// Cuts a file to a page as soon as a process has mapped it; the process stands still meanwhile.
        private func cut(_ file: FilePath, mappedBy process: Program.Running) throws {
            var isMapped = false
            for _ in 0..<20_000 where !isMapped {
                let maps = try FileDescriptor.open("/proc/\(process.process)/maps", .readOnly)
                let lines = try FileContents.readAll(maps, limit: 1 << 24)
                try maps.close()
                isMapped = String(decoding: lines, as: UTF8.self).contains(file.string)
                if !isMapped { usleep(200) }
            }
            process.signal(SIGSTOP)
            let open = try FileDescriptor.open(file, .readWrite)
            try open.resize(to: 4096)
            try open.close()
            process.signal(SIGCONT)
            #expect(isMapped)
        }

        private func message(_ file: FilePath) -> String {
            "imgvec: \(file): was cut short by another program while it was being used\n"
        }

        /// The vectors are mapped first; embedding the query's pictures takes a while.
        @Test func indexCutShortWhileItIsAsked() throws {
            let (album, outside, segment) = try album()
            let query = (0..<3).flatMap { _ in outside.flatMap { ["--image", $0] } }
            let find = try album.program.start((["find"] + query).map { Array($0.utf8) })
            try cut(segment, mappedBy: find)
            let output = try find.wait()
            #expect(output.status == 2 && output.errors == message(segment), "\(output.errors)")
            // Opened now, it is refused.
            let next = try album.program.run("find --text x")
            #expect(next.status == 2 && next.errors.contains("4096 bytes"), "\(next.errors)")
            #expect(try album.program.run("verify").status != 0)
        }

        /// The writer must not copy the zeros that stand for what is gone.
        @Test func indexCutShortWhileItGrows() throws {
            let (album, outside, segment) = try album()
            // Some more pictures: bytes behind the end of a file make it another one.
            for (number, name) in outside.enumerated() {
                let bytes = try FileContents.read(album.folder.pushing(FilePath(name))).bytes
                for copy in 0..<5 {
                    try (bytes + [UInt8](repeating: 0, count: copy)).withUnsafeBytes {
                        try AtomicFile.write(
                            $0, to: album.pictures.appending("\(number)-\(copy).\(name.suffix(3))"))
                    }
                }
            }
            let index = try album.program.start(["index", "pictures"].map { Array($0.utf8) })
            try cut(segment, mappedBy: index)
            let output = try index.wait()
            #expect(output.status == 2 && output.errors.hasSuffix(message(segment)), "\(output.errors)")
            // The vectors that are gone are not taken for zeros: the file stays named, and is refused.
            let next = try album.program.run("find --text x")
            #expect(next.status == 2 && next.errors.contains("\(segment)"), "\(next.errors)")
        }
    }
#endif
