import ArgumentParser
import ImageLibrary
import SystemPackage
import SystemSupport

struct DupesIgnore: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ignore",
        abstract: "Remember that pictures are no copies of each other.",
        discussion: """
            Remembered by content: it holds when the files move, and ends when they change. A further picture that \
            matches one of them is still shown. Ends with 1 when nothing was new, or nothing is remembered.
            """)

    @Argument(
        help: ArgumentHelp("Two or more pictures, no two of which are copies.", valueName: "picture"))
    var pictures: [PathArgument] = []

    @Flag(help: "List the pairs, one a line, with a tab between.")
    var list = false

    @Flag(help: "Forget the pairs of these pictures.")
    var remove = false

    @OptionGroup var location: IndexLocation
    @OptionGroup var verbosity: Verbosity

    func validate() throws {
        if list, remove || !pictures.isEmpty {
            throw ValidationError("--list stands alone")
        }
        if !list, pictures.count < 2 { throw ValidationError("two or more pictures are needed") }
    }

    func run() throws {
        let library = try location.library()
        if list { return try writeList(library) }
        let paths = pictures.map(\.path)
        let count = try remove ? library.unmarkDistinct(paths) : library.markDistinct(paths)
        if !verbosity.quiet {
            let what = remove ? "forgotten" : "remembered as no copies"
            StandardError.write("\(count) \(count == 1 ? "pair" : "pairs") \(what)")
        }
        if count == 0 { throw ExitStatus.nothingFound }
    }

    private func writeList(_ library: ImageLibrary) throws {
        let pairs = try library.reader().distinctPictures()
        for pair in pairs {
            write(pair.first)
            StandardOutput.shared.write("\t")
            write(pair.second)
            StandardOutput.shared.write("\n")
        }
        if pairs.isEmpty { throw ExitStatus.nothingFound }
    }

    private func write(_ picture: DistinctPictures.Picture) {
        guard let path = picture.paths.first else {
            return StandardOutput.shared.write("sha256:\(picture.hash)")
        }
        ActionLine.write(path)
    }
}
