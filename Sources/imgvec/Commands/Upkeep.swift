import ArgumentParser
import ImageLibrary
import SystemPackage
import SystemSupport

struct Init: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a local index (.imgvec) that belongs to a folder and moves with it.")

    @Argument(help: ArgumentHelp("The folder (default: the current one).", valueName: "folder"))
    var folder: PathArgument?

    func run() throws {
        let folder = try LibraryPaths.absolute(folder?.path ?? ".")
        let paths = LibraryPaths(folder: folder.appending(LibraryPaths.localName))
        try ImageLibrary(paths).create()
        StandardError.write("made an empty index at \(PathText.forTerminal(paths.folder))")
    }
}

struct Status: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the index holds.")

    @OptionGroup var location: IndexLocation

    @Flag(help: "List the unreadable files with their reasons.")
    var unreadable = false

    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let library = try location.library()
        let status = try library.reader().status()
        if json { return try JSONText.writeLine(StatusJSON(paths: library.paths, status: status)) }
        let output = StandardOutput.shared
        if unreadable {
            for (path, reason) in status.unreadableFiles {
                output.write(path.bytes)
                output.write("\t\(reason)\n")
            }
            if status.unreadableFiles.isEmpty { throw ExitStatus.nothingFound }
            return
        }
        output.write("index       \(PathText.forTerminal(library.paths.folder))\n")
        output.write("pictures    \(status.indexed) files, \(status.distinct) distinct\n")
        if status.unreadable > 0 {
            output.write("unreadable  \(status.unreadable) (imgvec status --unreadable lists them)\n")
        }
        if status.missing > 0 { output.write("gone        \(status.missing) (imgvec compact drops them)\n") }
        output.write("catalog     \(NumberText.bytes(status.catalogByteCount))\n")
        for entry in status.models {
            output.write(
                "vectors     \(entry.vectors) of \(entry.model.name), \(entry.model.dimension) dimensions, "
                    + "\(NumberText.bytes(entry.byteCount))\n")
        }
        for root in status.roots {
            output.write(
                "root        \(PathText.forTerminal(root.path)), \(root.pictures) pictures"
                    + (root.isPresent ? "\n" : " (not there now)\n"))
        }
    }

    private struct StatusJSON: Encodable {
        let paths: LibraryPaths
        let status: LibraryStatus

        private enum Key: String, CodingKey {
            case index, indexed, distinct, unreadable, missing, roots, models
        }
        private enum RootKey: String, CodingKey { case present, pictures }
        private struct ModelJSON: Encodable {
            let name, fingerprint: String, dimension, vectors: Int, bytes: Int64
        }

        private struct RootJSON: Encodable {
            let root: LibraryStatus.Root

            func encode(to encoder: any Encoder) throws {
                try JSONPath(path: root.path).encode(to: encoder)
                var container = encoder.container(keyedBy: RootKey.self)
                try container.encode(root.isPresent, forKey: .present)
                try container.encode(root.pictures, forKey: .pictures)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(JSONPath(path: paths.folder), forKey: .index)
            try container.encode(status.indexed, forKey: .indexed)
            try container.encode(status.distinct, forKey: .distinct)
            try container.encode(status.unreadable, forKey: .unreadable)
            try container.encode(status.missing, forKey: .missing)
            try container.encode(status.roots.map(RootJSON.init), forKey: .roots)
            try container.encode(
                status.models.map {
                    ModelJSON(
                        name: $0.model.name, fingerprint: $0.model.fingerprint, dimension: $0.model.dimension,
                        vectors: $0.vectors, bytes: $0.byteCount)
                }, forKey: .models)
        }
    }
}

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every byte of the index; name what is damaged.",
        discussion: "Ends with 0 when the index is sound, with 2 when it is not.")

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func run() throws {
        let reader = try location.library().reader()
        let problems = try reader.verify()
        for problem in problems { StandardOutput.shared.write(problem + "\n") }
        guard problems.isEmpty else { throw ExitStatus.failure }
        if !verbosity.quiet { StandardError.write("the index is sound") }
    }
}

struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Drop what is gone from the index and give the space back.")

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func run() throws {
        let report = try location.library().compact()
        if !verbosity.quiet {
            StandardError.write(
                "forgot \(report.forgottenFiles) files that are gone, dropped \(report.droppedContents) pictures; "
                    + "\(NumberText.bytes(report.bytesBefore)) before, \(NumberText.bytes(report.bytesAfter)) after"
            )
        }
    }
}

struct Forget: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Drop everything at or below a path from the index; the files are not touched.")

    @Argument(help: ArgumentHelp("Folders or files.", valueName: "path"))
    var paths: [PathArgument]

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func run() throws {
        let library = try location.library()
        var total = 0
        for path in paths {
            let count = try library.forget(path.path)
            if count == 0 { StandardError.write("imgvec: \(LibraryError.notIndexed(path.path))") }
            total += count
        }
        if !verbosity.quiet { StandardError.write("forgot \(total) files") }
        if total == 0 { throw ExitStatus.nothingFound }
    }
}
